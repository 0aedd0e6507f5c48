/** What is known of OH messages: their MHV ids, their references, their pools. */
import { eq, inArray, sql } from 'drizzle-orm';
import type { Instant } from '../message.ts';
import type { Db } from './open.ts';
import { links } from './schema.ts';
import type { Link } from './store.ts';

/** Fills what is empty and replaces what is given anew; an absent field changes nothing. */
export function learn(db: Db, learned: Link[], now: Instant): void {
  for (const link of learned) {
    db.insert(links)
      .values({ ...link, linkedAt: now })
      .onConflictDoUpdate({
        target: links.ohMessageId,
        set: {
          direction: sql`coalesce(excluded.direction, ${links.direction})`,
          mhvMessageId: sql`coalesce(excluded.mhv_message_id, ${links.mhvMessageId})`,
          mhvThreadId: sql`coalesce(excluded.mhv_thread_id, ${links.mhvThreadId})`,
          ohReferenceId: sql`coalesce(excluded.oh_reference_id, ${links.ohReferenceId})`,
          ohPoolId: sql`coalesce(excluded.oh_pool_id, ${links.ohPoolId})`,
        },
      })
      .run();
  }
}

export function linkOf(db: Db, ohMessageId: string): Link | undefined {
  const row = db.select().from(links).where(eq(links.ohMessageId, ohMessageId)).get();
  return row && toLink(row);
}

export function linksOfReferences(db: Db, ohReferenceIds: string[]): Link[] {
  if (ohReferenceIds.length === 0) return [];
  return db
    .select()
    .from(links)
    .where(inArray(links.ohReferenceId, ohReferenceIds))
    .all()
    .map(toLink);
}

function toLink(row: typeof links.$inferSelect): Link {
  return {
    ohMessageId: row.ohMessageId,
    ...(row.direction ? { direction: row.direction } : {}),
    ...(row.mhvMessageId ? { mhvMessageId: row.mhvMessageId } : {}),
    ...(row.mhvThreadId ? { mhvThreadId: row.mhvThreadId } : {}),
    ...(row.ohReferenceId ? { ohReferenceId: row.ohReferenceId } : {}),
    ...(row.ohPoolId ? { ohPoolId: row.ohPoolId } : {}),
  };
}

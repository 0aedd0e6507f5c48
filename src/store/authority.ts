/** Whose file it is. */
import { eq } from 'drizzle-orm';
import type { Db } from './open.ts';
import { settings } from './schema.ts';

/**
 * The authority that was named first. Patient and message ids mean something only under it: another
 * one's would be taken for messages that are known, and for patients who are somebody else.
 */
export function authorityOf(db: Db, authority: string): string {
  db.insert(settings).values({ name: 'authority', value: authority }).onConflictDoNothing().run();
  const row = db.select().from(settings).where(eq(settings.name, 'authority')).get();
  return row?.value ?? authority;
}

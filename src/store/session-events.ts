/** The timeline of a patient's history as a whole: what was asked, who it is at OH, what came of it. */
import { desc, eq } from 'drizzle-orm';
import type { Instant } from '../message.ts';
import type { SessionEvent } from './histories.ts';
import type { Db } from './open.ts';
import { sessionEvents } from './schema-histories.ts';

/** Latest events that one answer shows. */
const MAX_SHOWN = 50;

/** A failure that goes on is one line, however often it is tried. */
export function noteSession(
  db: Db,
  icn: string,
  { at, event, detail }: { at: Instant; event: SessionEvent['event']; detail?: string },
): void {
  const last = db
    .select()
    .from(sessionEvents)
    .where(eq(sessionEvents.icn, icn))
    .orderBy(desc(sessionEvents.seq))
    .limit(1)
    .get();
  if (last?.event === event && last.detail === (detail ?? null)) return;
  db.insert(sessionEvents)
    .values({ icn, at, event, detail: detail ?? null })
    .run();
}

/** Oldest first. */
export function listSessionEvents(db: Db, icn: string): SessionEvent[] {
  return db
    .select()
    .from(sessionEvents)
    .where(eq(sessionEvents.icn, icn))
    .orderBy(desc(sessionEvents.seq))
    .limit(MAX_SHOWN)
    .all()
    .toReversed()
    .map(({ at, event, detail }) => ({ at, event, ...(detail === null ? {} : { detail }) }));
}

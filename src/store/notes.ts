/** What an attempt finds out on its way, written at once. */
import { and, eq } from 'drizzle-orm';
import type { Db } from './open.ts';
import { events } from './schema.ts';
import type { Claimed, Note } from './store.ts';

/** Later attempts find the same out again; it is on the timeline once. */
export function noteOnce(db: Db, { id, lane, attempt }: Claimed, note: Note): void {
  const isSame = and(eq(events.messageId, id), eq(events.event, note.event));
  if (db.select({ seq: events.seq }).from(events).where(isSame).get()) return;
  db.insert(events)
    .values({ messageId: id, stage: lane.stage, attempt, ...note })
    .run();
}

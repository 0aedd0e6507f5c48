/**
 * Live entries of a patient whose history is being listed: they wait, accepted and on disk, under an
 * order key of their own, and go behind the history when its listing has ended.
 */
import { and, asc, eq, isNull, max, notInArray, sql } from 'drizzle-orm';
import type { Instant } from '../message.ts';
import { compiled } from './compiled.ts';
import type { Db } from './open.ts';
import { attempts, events, inbox } from './schema.ts';

/** Also written in drizzle/, where triggers keep such rows blocked. */
const PREFIX = 'held:';

/** The order key of messages that concern one patient at OH. */
export function ohOrderKey(ohPatientId: string): string {
  return `oh:${ohPatientId}`;
}

export function isHeldKey(orderKey: string): boolean {
  return orderKey.startsWith(PREFIX);
}

/** True from when the patient's OH id is known until the listing ended or was given up. */
export function isBeingListed(db: Db, ohPatientId: string): boolean {
  // Every entry of the feed asks. It needs no limit: one row or none is all that is read.
  const listing = compiled<[string]>(
    db,
    "SELECT 1 FROM sessions WHERE state = 'pending' AND oh_patient_id = ?",
  );
  return listing.get(ohPatientId) !== undefined;
}

/** The same row, to be accepted as one that waits. */
export function held<R extends { orderKey: string }>(row: R): R & { blocked: 1 } {
  return { ...row, orderKey: PREFIX + row.orderKey, blocked: 1 };
}

/** Holds what the feed announced before the patient's OH id was known, but for what is in hand. */
export function holdPending(db: Db, ohPatientId: string, now: Instant): void {
  const orderKey = ohOrderKey(ohPatientId);
  const inHand = db
    .select({ id: attempts.messageId })
    .from(attempts)
    .where(and(eq(attempts.messageId, inbox.id), isNull(attempts.endedAt)));
  const rows = db
    .update(inbox)
    .set({ orderKey: PREFIX + orderKey })
    .where(
      and(
        sql`state = 'pending'`,
        eq(inbox.orderKey, orderKey),
        eq(inbox.source, 'feed'),
        notInArray(inbox.id, inHand),
      ),
    )
    .returning({ id: inbox.id })
    .all();
  noteHeld(
    db,
    rows.map(({ id }) => id),
    now,
  );
}

/** Lets them go in the order accepted, behind everything that was accepted since. */
export function release(db: Db, ohPatientId: string, now: Instant): void {
  const orderKey = ohOrderKey(ohPatientId);
  const rows = db
    .select({ id: inbox.id })
    .from(inbox)
    .where(and(sql`state = 'pending'`, eq(inbox.orderKey, PREFIX + orderKey)))
    .orderBy(asc(inbox.seq))
    .all();
  for (const { id } of rows) {
    const last = db
      .select({ seq: max(inbox.seq) })
      .from(inbox)
      .get();
    db.update(inbox)
      .set({ seq: (last?.seq ?? 0) + 1, orderKey })
      .where(eq(inbox.id, id))
      .run();
    db.insert(events).values({ messageId: id, at: now, stage: 'inbox', event: 'released' }).run();
  }
}

export function noteHeld(db: Db, ids: string[], now: Instant): void {
  if (ids.length === 0) return;
  const detail = "until the patient's history is listed";
  db.insert(events)
    .values(
      ids.map((messageId) => ({
        messageId,
        at: now,
        stage: 'inbox' as const,
        event: 'held',
        detail,
      })),
    )
    .run();
}

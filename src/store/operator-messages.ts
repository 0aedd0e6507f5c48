/** Taking one message up again, or ending its wait for a person. */
import { and, eq, isNull, min } from 'drizzle-orm';
import { ExchangeError } from '../errors.ts';
import type { Instant } from '../message.ts';
import { queueTables } from './claim.ts';
import type { Db } from './open.ts';
import { attempts, events, type Stage } from './schema.ts';
import { type Stored, sealed } from './seals.ts';
import type { Lane } from './store.ts';
import { forgetUploads } from './uploads.ts';

/** The row that a message's fate hangs on: its outbox row, or its inbox row until it has one. */
type QueueRow = NonNullable<ReturnType<typeof rowIn>>;

/** When a replayed row is due, who asked for it, and the present. */
interface Replay {
  dueAt: Instant;
  actor: string;
  now: Instant;
}

export function replayOne(db: Db, id: string, actor: string, now: Instant): Lane {
  const row = rowOf(db, id);
  const refusal = refusalOf(db, row, now);
  if (refusal !== undefined) throw new ExchangeError('conflict', refusal);
  return replayRow(db, row, { dueAt: now, actor, now });
}

/** The same for one of many: a message that can't be replayed is passed over. */
export function replayIfPossible(db: Db, id: string, replay: Replay): Lane | undefined {
  const row = rowOf(db, id);
  return refusalOf(db, row, replay.now) === undefined ? replayRow(db, row, replay) : undefined;
}

export function dismiss(db: Db, id: string, actor: string, reason: string, now: Instant): Lane {
  const row = rowOf(db, id);
  if (row.state !== 'dead') {
    throw new ExchangeError('conflict', 'Only a message that was given up can be dismissed.');
  }
  const table = queueTables[row.stage];
  db.update(table).set({ state: 'done' }).where(eq(table.id, id)).run();
  const detail = sealed(db, { column: 'events.detail', row: `${id}/${now}` }, reason);
  note(db, row, { event: 'dismissed', detail, actor, at: now });
  return { stage: row.stage, direction: row.direction };
}

function rowOf(db: Db, id: string): QueueRow {
  const row = rowIn(db, 'outbox', id) ?? rowIn(db, 'inbox', id);
  if (!row) throw new ExchangeError('not-found', 'No message has this id.');
  return row;
}

function rowIn(db: Db, stage: Stage, id: string) {
  const table = queueTables[stage];
  const row = db
    .select({
      id: table.id,
      direction: table.direction,
      state: table.state,
      outcome: table.outcome,
      errorCode: table.errorCode,
      attempts: table.attempts,
      dueAt: table.dueAt,
      inDoubtSince: table.inDoubtSince,
      acceptedAt: table.acceptedAt,
      purgedAt: table.purgedAt,
    })
    .from(table)
    .where(eq(table.id, id))
    .get();
  return row && { ...row, stage };
}

function refusalOf(db: Db, row: QueueRow, now: Instant): string | undefined {
  if (row.purgedAt !== null) return 'The message was purged; only its ids are left.';
  if (row.outcome === 'duplicate') return 'Another message carries the same OH message.';
  if (isInHand(db, row, now)) return 'The message is being worked on at this moment.';
  return undefined;
}

function isInHand(db: Db, row: QueueRow, now: Instant): boolean {
  if (row.state !== 'pending' || row.dueAt <= now) return false;
  const open = db
    .select({ number: attempts.number })
    .from(attempts)
    .where(and(isAttemptOf(row), eq(attempts.number, row.attempts), isNull(attempts.endedAt)))
    .get();
  return open !== undefined;
}

/** A row that is due already stays as it is: only one replay counts while the message is pending. */
function replayRow(db: Db, row: QueueRow, { dueAt, actor, now }: Replay): Lane {
  const { id, stage, direction } = row;
  const table = queueTables[stage];
  const lane = { stage, direction };
  if (row.state === 'pending') {
    if (row.dueAt <= dueAt) return lane;
    db.update(table).set({ dueAt }).where(eq(table.id, id)).run();
    note(db, row, { event: 'replayed', detail: 'the wait is over', actor, at: now });
    return lane;
  }
  db.update(table)
    .set({
      state: 'pending',
      dueAt,
      settledAt: null,
      // Numbers of attempts go on, but none of those so far counts against the bound.
      postponements: row.attempts,
      inDoubtSince: doubtOf(db, row),
    })
    .where(eq(table.id, id))
    .run();
  forgetUploads(db, id);
  const detail =
    row.outcome === 'delivered' ? 'delivered before' : `given up before: ${row.errorCode}`;
  note(db, row, { event: 'replayed', detail, actor, at: now });
  return lane;
}

/**
 * Since when the destination may have the message: a delivered one since its first attempt, another
 * since the first attempt that nobody answered, even if that was its last.
 */
function doubtOf(db: Db, row: QueueRow): Instant | null {
  if (row.stage === 'inbox' || row.inDoubtSince !== null) return row.inDoubtSince;
  const isDelivered = row.outcome === 'delivered';
  const first = db
    .select({ startedAt: min(attempts.startedAt) })
    .from(attempts)
    .where(and(isAttemptOf(row), isDelivered ? undefined : eq(attempts.outcome, 'in-doubt')))
    .get();
  return first?.startedAt ?? (isDelivered ? row.acceptedAt : null);
}

function isAttemptOf({ id, stage }: QueueRow) {
  return and(eq(attempts.messageId, id), eq(attempts.stage, stage));
}

function note(
  db: Db,
  { id: messageId, stage }: QueueRow,
  happened: { event: 'replayed' | 'dismissed'; detail: Stored; actor: string; at: Instant },
): void {
  db.insert(events)
    .values({ messageId, stage, ...happened })
    .run();
}

/** Taking rows in hand. */
import { and, asc, eq, inArray, isNull, lte, max, sql } from 'drizzle-orm';
import type { Entry, Instant, Outgoing, Send } from '../message.ts';
import type { Db } from './open.ts';
import { attempts, events, inbox, outbox, type Stage } from './schema.ts';
import type { Claimed, Lane } from './store.ts';

/** How long a claim lasts, and how many claims that count a row may have. */
export interface ClaimBounds {
  leaseMs: number;
  maxAttempts: number;
}

type QueueTable = typeof outbox;
type Row = typeof outbox.$inferSelect;

/** Both have the queue columns; drizzle's types tell tables apart by their names. */
export const queueTables: Record<Stage, QueueTable> = {
  inbox: inbox as unknown as QueueTable,
  outbox,
};

// Written out, not bound: SQLite uses a partial index only when it can see the same words.
const isPending = sql`state = 'pending'`;

export function claim(
  db: Db,
  bounds: ClaimBounds,
  lane: Lane,
  limit: number,
  now: Instant,
): Claimed[] {
  const table = queueTables[lane.stage];
  for (;;) {
    const due = firstDue(db, table, lane, limit, now);
    const exhausted = due.filter(({ spent }) => spent >= bounds.maxAttempts);
    if (exhausted.length === 0) return lease(db, bounds, table, lane, seqsOf(due), now);
    buryExhausted(db, table, lane, seqsOf(exhausted), now);
  }
}

/**
 * The rows to claim next. Blocked ones wait for an earlier row of their key and are not looked at: the
 * index `*_due` leads past them, so that what others have waiting makes no claim slower.
 */
function firstDue(db: Db, table: QueueTable, lane: Lane, limit: number, now: Instant) {
  return db
    .select({ seq: table.seq, spent: sql<number>`${table.attempts} - ${table.postponements}` })
    .from(table)
    .where(and(isFree(table, lane), lte(table.dueAt, now)))
    .orderBy(asc(table.dueAt), asc(table.seq))
    .limit(limit)
    .all();
}

function isFree(table: QueueTable, lane: Lane) {
  return and(eq(table.direction, lane.direction), isPending, eq(table.blocked, false));
}

function seqsOf(rows: { seq: number }[]): number[] {
  return rows.map(({ seq }) => seq);
}

function lease(
  db: Db,
  bounds: ClaimBounds,
  table: QueueTable,
  lane: Lane,
  seqs: number[],
  now: Instant,
): Claimed[] {
  if (seqs.length === 0) return [];
  return db
    .update(table)
    .set({ dueAt: now + bounds.leaseMs, attempts: sql`${table.attempts} + 1` })
    .where(inArray(table.seq, seqs))
    .returning()
    .all()
    .toSorted((a, b) => a.seq - b.seq)
    .flatMap((row) => takeInHand(db, table, lane, row, now));
}

/** A crash on the last attempt leaves a row that nobody would ever settle. */
function buryExhausted(db: Db, table: QueueTable, lane: Lane, seqs: number[], now: Instant): void {
  const buried = db
    .update(table)
    .set({
      state: 'dead',
      settledAt: now,
      outcome: lane.stage === 'inbox' ? 'retry' : 'in-doubt',
      errorCode: 'attempts-spent',
      reason: 'The process ended during the last attempt.',
    })
    .where(inArray(table.seq, seqs))
    .returning({ id: table.id })
    .all();
  for (const { id } of buried) endOpenAttempt(db, lane.stage, id, now);
}

function takeInHand(db: Db, table: QueueTable, lane: Lane, row: Row, now: Instant): Claimed[] {
  const cutShortAt = row.attempts > 1 ? endOpenAttempt(db, lane.stage, row.id, now) : undefined;
  const inDoubtSince = row.inDoubtSince ?? (lane.stage === 'outbox' ? cutShortAt : undefined);
  if (inDoubtSince !== undefined && row.inDoubtSince === null) {
    db.update(table).set({ inDoubtSince }).where(eq(table.seq, row.seq)).run();
  }
  const correlationId = Bun.randomUUIDv7(undefined, now);
  db.insert(attempts)
    .values({
      messageId: row.id,
      stage: lane.stage,
      number: row.attempts,
      correlationId,
      startedAt: now,
    })
    .run();
  const payload = decode(row.payload);
  if (payload === undefined) {
    buryUnreadable(db, table, lane, row, now);
    return [];
  }
  return [
    {
      id: row.id,
      lane,
      orderKey: row.orderKey,
      attempt: row.attempts,
      spent: row.attempts - row.postponements,
      startedAt: now,
      acceptedAt: acceptedAt(db, lane, row),
      correlationId,
      ...replayOf(db, row),
      ...(inDoubtSince === undefined ? {} : { inDoubtSince }),
      payload,
    },
  ];
}

/** When the message was accepted: the outbox knows only when it was queued there. */
function acceptedAt(db: Db, lane: Lane, row: Row): Instant {
  if (lane.stage === 'inbox') return row.acceptedAt;
  const accepted = db
    .select({ at: inbox.acceptedAt })
    .from(inbox)
    .where(eq(inbox.id, row.id))
    .get();
  return accepted?.at ?? row.acceptedAt;
}

/** A replay turns the attempts so far into postponements, so other rows need no look. */
function replayOf(db: Db, row: Row): Pick<Claimed, 'replayedAt'> {
  if (row.postponements === 0) return {};
  const last = db
    .select({ at: max(events.at) })
    .from(events)
    .where(and(eq(events.messageId, row.id), eq(events.event, 'replayed')))
    .get();
  return last?.at ? { replayedAt: last.at } : {};
}

/** Ends an attempt that a crash cut short; returns when it began. */
function endOpenAttempt(
  db: Db,
  stage: Stage,
  messageId: string,
  now: Instant,
): Instant | undefined {
  const ended = db
    .update(attempts)
    .set({
      endedAt: now,
      outcome: stage === 'inbox' ? 'retry' : 'in-doubt',
      errorCode: 'lease-over',
      reason: 'The process ended, or took longer than its lease.',
    })
    .where(
      and(eq(attempts.messageId, messageId), eq(attempts.stage, stage), isNull(attempts.endedAt)),
    )
    .returning({ startedAt: attempts.startedAt })
    .all();
  return ended[0]?.startedAt;
}

function buryUnreadable(db: Db, table: QueueTable, lane: Lane, row: Row, now: Instant): void {
  const verdict = {
    outcome: 'rejected' as const,
    errorCode: 'unreadable-row',
    reason: 'The stored payload is not JSON.',
  };
  db.update(table)
    .set({ state: 'dead', settledAt: now, ...verdict })
    .where(eq(table.seq, row.seq))
    .run();
  db.update(attempts)
    .set({ endedAt: now, ...verdict })
    .where(
      and(
        eq(attempts.messageId, row.id),
        eq(attempts.stage, lane.stage),
        eq(attempts.number, row.attempts),
      ),
    )
    .run();
}

/** When the lane next has a row to claim: rows in hand count with the end of their lease. */
export function nextDueAt(db: Db, lane: Lane): Instant | undefined {
  const table = queueTables[lane.stage];
  return db
    .select({ dueAt: table.dueAt })
    .from(table)
    .where(isFree(table, lane))
    .orderBy(asc(table.dueAt))
    .limit(1)
    .get()?.dueAt;
}

function decode(payload: string): Entry | Send | Outgoing | undefined {
  try {
    return JSON.parse(payload) as Entry | Send | Outgoing;
  } catch {
    return undefined;
  }
}

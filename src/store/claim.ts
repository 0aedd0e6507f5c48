/** Taking rows in hand. */
import { and, asc, eq, inArray, isNull, lt, lte, notExists, sql } from 'drizzle-orm';
import { alias } from 'drizzle-orm/sqlite-core';
import type { Entry, Instant, Outgoing, Send } from '../message.ts';
import type { Db } from './open.ts';
import { attempts, inbox, outbox, type Stage } from './schema.ts';
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
  buryExhausted(db, bounds, table, lane, now);
  const rows = db
    .update(table)
    .set({ dueAt: now + bounds.leaseMs, attempts: sql`${table.attempts} + 1` })
    .where(inArray(table.seq, firstDueOfEachKey(db, table, lane, limit, now)))
    .returning()
    .all()
    .toSorted((a, b) => a.seq - b.seq);
  return rows.flatMap((row) => takeInHand(db, table, lane, row, now));
}

/** The oldest pending row of each order key: later ones of the same key wait for it. */
function isFirstOfKey(db: Db, table: QueueTable) {
  const earlier = alias(table, 'earlier');
  return notExists(
    db
      .select({ one: sql`1` })
      .from(earlier)
      .where(
        and(
          sql`earlier.state = 'pending'`,
          eq(earlier.orderKey, table.orderKey),
          lt(earlier.seq, table.seq),
        ),
      ),
  );
}

function firstDueOfEachKey(db: Db, table: QueueTable, lane: Lane, limit: number, now: Instant) {
  return db
    .select({ seq: table.seq })
    .from(table)
    .where(
      and(
        eq(table.direction, lane.direction),
        isPending,
        lte(table.dueAt, now),
        isFirstOfKey(db, table),
      ),
    )
    .orderBy(asc(table.dueAt), asc(table.seq))
    .limit(limit);
}

/** A crash on the last attempt leaves a row that nobody would ever settle. */
function buryExhausted(
  db: Db,
  bounds: ClaimBounds,
  table: QueueTable,
  lane: Lane,
  now: Instant,
): void {
  const buried = db
    .update(table)
    .set({
      state: 'dead',
      settledAt: now,
      outcome: lane.stage === 'inbox' ? 'retry' : 'in-doubt',
      errorCode: 'attempts-spent',
      reason: 'The process ended during the last attempt.',
    })
    .where(
      and(
        eq(table.direction, lane.direction),
        isPending,
        lte(table.dueAt, now),
        sql`${table.attempts} - ${table.postponements} >= ${bounds.maxAttempts}`,
      ),
    )
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
      acceptedAt: row.acceptedAt,
      correlationId,
      ...(inDoubtSince === undefined ? {} : { inDoubtSince }),
      payload,
    },
  ];
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
    .where(and(eq(table.direction, lane.direction), isPending, isFirstOfKey(db, table)))
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

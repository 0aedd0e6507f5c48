/** Taking rows in hand. */
import { and, eq, inArray, isNull, max } from 'drizzle-orm';
import type { Direction, Entry, Instant, Outgoing, Send } from '../message.ts';
import { compiled } from './compiled.ts';
import type { Db } from './open.ts';
import { attempts, events, inbox, outbox, type Stage } from './schema.ts';
import { SealError } from './seal.ts';
import { opened } from './seals.ts';
import type { Claimed, Lane } from './store.ts';

/** How long a claim lasts, and how many claims that count a row may have. */
export interface ClaimBounds {
  leaseMs: number;
  maxAttempts: number;
}

type QueueTable = typeof outbox;

/** Both have the queue columns; drizzle's types tell tables apart by their names. */
export const queueTables: Record<Stage, QueueTable> = {
  inbox: inbox as unknown as QueueTable,
  outbox,
};

export function claim(
  db: Db,
  bounds: ClaimBounds,
  lane: Lane,
  limit: number,
  now: Instant,
): Claimed[] {
  const table = queueTables[lane.stage];
  for (;;) {
    const due = firstDue(db, lane, limit, now);
    const exhausted = due.filter(({ spent }) => spent >= bounds.maxAttempts);
    if (exhausted.length === 0) {
      return due
        .map(({ seq }) => lease(db, lane.stage, seq, now + bounds.leaseMs))
        .toSorted((a, b) => a.seq - b.seq)
        .flatMap((row) => takeInHand(db, table, lane, row, now));
    }
    buryExhausted(db, table, lane, seqsOf(exhausted), now);
  }
}

/**
 * Written out, not bound: SQLite uses a partial index only when it can see the same words, and compiles a
 * statement anew for each value that might choose an index (`outbox_oh_message_id` is one direction's).
 */
function isFree(direction: Direction): string {
  return `state = 'pending' AND direction = '${direction}' AND blocked = 0`;
}

/**
 * The rows to claim next. Blocked ones wait for an earlier row of their key and are not looked at: the
 * index `*_due` leads past them, so that what others have waiting makes no claim slower.
 */
function firstDue(db: Db, { stage, direction }: Lane, limit: number, now: Instant) {
  return compiled<[Instant, number], { seq: number; spent: number }>(
    db,
    `SELECT seq, attempts - postponements AS spent FROM ${stage}
     WHERE ${isFree(direction)} AND due_at <= ? ORDER BY due_at, seq LIMIT ?`,
  ).all(now, limit);
}

function seqsOf(rows: { seq: number }[]): number[] {
  return rows.map(({ seq }) => seq);
}

/** What a claim must know of its row. */
interface Row
  extends Pick<
    typeof outbox.$inferSelect,
    | 'seq'
    | 'id'
    | 'orderKey'
    | 'payload'
    | 'attempts'
    | 'postponements'
    | 'inDoubtSince'
    | 'traceparent'
  > {
  /** When it came into this stage. */
  queuedAt: Instant;
  /** When the message was accepted: the outbox itself knows only when it was queued there. */
  acceptedAt: Instant;
}

const ACCEPTED_AT = {
  inbox: 'accepted_at',
  outbox: '(SELECT i.accepted_at FROM inbox i WHERE i.id = outbox.id)',
} satisfies Record<Stage, string>;

function lease(db: Db, stage: Stage, seq: number, dueAt: Instant): Row {
  const row = compiled<[Instant, number], Row>(
    db,
    `UPDATE ${stage} SET due_at = ?, attempts = attempts + 1 WHERE seq = ?
     RETURNING seq, id, order_key AS orderKey, payload, attempts, postponements,
       in_doubt_since AS inDoubtSince, traceparent, accepted_at AS queuedAt,
       ${ACCEPTED_AT[stage]} AS acceptedAt`,
  ).get(dueAt, seq);
  if (!row) throw new Error('A row that is due is gone.');
  return row;
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
  compiled<[string, Stage, number, string, Instant]>(
    db,
    `INSERT INTO attempts (message_id, stage, number, correlation_id, started_at)
     VALUES (?, ?, ?, ?, ?)`,
  ).run(row.id, lane.stage, row.attempts, correlationId, now);
  const payload = payloadOf(db, lane.stage, row);
  if (payload instanceof Unreadable) {
    putAway(db, table, lane, row, payload, now);
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
      waitingSince: waitingSince(db, lane.stage, row),
      ...replayOf(db, row),
      ...(row.traceparent === null ? {} : { traceparent: row.traceparent }),
      ...(inDoubtSince === undefined ? {} : { inDoubtSince }),
      payload,
    },
  ];
}

/** Since the end of the attempt before, or since it came into this stage. */
function waitingSince(db: Db, stage: Stage, row: Row): Instant {
  if (row.attempts === 1) return row.queuedAt;
  const before = compiled<[string, Stage, number], { endedAt: Instant | null }>(
    db,
    'SELECT ended_at AS endedAt FROM attempts WHERE message_id = ? AND stage = ? AND number = ?',
  ).get(row.id, stage, row.attempts - 1);
  return before?.endedAt ?? row.queuedAt;
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

/** Why the payload of a row can't be read; without a wait nothing but a person can help. */
class Unreadable {
  readonly errorCode: string;
  readonly reason: string;
  readonly waitMs: number | undefined;

  constructor(errorCode: string, reason: string, waitMs?: number) {
    this.errorCode = errorCode;
    this.reason = reason;
    this.waitMs = waitMs;
  }
}

/** A key that is missing may be that of a process which was started since; each try stays in the file. */
const FIRST_KEY_WAIT_MS = 10_000;
const LONGEST_KEY_WAIT_MS = 600_000;

function payloadOf(
  db: Db,
  stage: Stage,
  { id, payload, postponements }: Row,
): Entry | Send | Outgoing | Unreadable {
  try {
    const text = opened(db, { column: `${stage}.payload`, row: id }, payload);
    return JSON.parse(text) as Entry | Send | Outgoing;
  } catch (error) {
    if (!(error instanceof SealError)) {
      return new Unreadable('unreadable-row', 'The stored payload is not JSON.');
    }
    const waitMs = Math.min(FIRST_KEY_WAIT_MS * 2 ** postponements, LONGEST_KEY_WAIT_MS);
    const isMissing = error.code === 'data-key-missing';
    return new Unreadable(error.code, error.message, isMissing ? waitMs : undefined);
  }
}

/** Out of the way of other rows: dead, or, while a key is missing, put off without spending an attempt. */
function putAway(
  db: Db,
  table: QueueTable,
  lane: Lane,
  row: Row,
  { errorCode, reason, waitMs }: Unreadable,
  now: Instant,
): void {
  const outcome = waitMs === undefined ? ('rejected' as const) : ('postponed' as const);
  const verdict = { outcome, errorCode, reason, httpStatus: null };
  const next =
    waitMs === undefined
      ? { state: 'dead' as const, settledAt: now }
      : { dueAt: now + waitMs, postponements: row.postponements + 1 };
  db.update(table)
    .set({ ...next, ...verdict })
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
export function nextDueAt(db: Db, { stage, direction }: Lane): Instant | undefined {
  return compiled<[], { dueAt: Instant }>(
    db,
    `SELECT due_at AS dueAt FROM ${stage} WHERE ${isFree(direction)} ORDER BY due_at LIMIT 1`,
  ).get()?.dueAt;
}

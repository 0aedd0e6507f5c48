/** One message as its page shows it: what holds what up, and the forms it has had on its way. */
import { and, asc, eq, gt, sql } from 'drizzle-orm';
import { ExchangeError } from '../errors.ts';
import type { Instant } from '../message.ts';
import { queueTables } from './claim.ts';
import type { Db } from './open.ts';
import { inbox, outbox, type Stage, uploads } from './schema.ts';
import { bytesOf, opened, orConflict, type Stored } from './seals.ts';

/** What a message is made of, without what people wrote. */
export interface MessageFacts {
  /** Bytes of each form that is there; absent: it never was, or was purged. */
  receivedBytes?: number;
  translatedBytes?: number;
  /** When the forms were dropped after their time. */
  purgedAt?: Instant;
  source?: 'feed' | 'history';
  /** Where the entry came from: `atom:id`, or the caller's Idempotency-Key. */
  isKeyed: boolean;
  /** The message that carries the same OH message, when this one is its duplicate. */
  duplicateOf?: string;
  /** When it may be in the destination since. */
  inDoubtSince?: Instant;
  /** Messages of the same patient that wait for this one, the next first. */
  blocks: string[];
  /** W3C Trace Context of what was accepted; absent when neither caller nor exchange traced it. */
  traceparent?: string;
  /** Files that already lie at the destination. */
  uploads: { position: number; uploadedAt: Instant }[];
}

/** The forms of a message as JSON texts. Where one does not open there are none: `conflict`. */
export interface MessageContents {
  /** The entry, or the send, as it was accepted. */
  received?: string;
  /** What the destination is, or was, asked to take. */
  translated?: string;
}

/** Of what waits for a message, so many are named. */
const MOST_BLOCKED = 10;

export function factsOf(db: Db, id: string): MessageFacts {
  const accepted = db
    .select({ row: inbox, bytes: sql<number>`${sql.raw(bytesOf('inbox.payload'))}` })
    .from(inbox)
    .where(eq(inbox.id, id))
    .get();
  if (!accepted) throw new ExchangeError('not-found', 'No message has this id.');
  const queued = db
    .select({ row: outbox, bytes: sql<number>`${sql.raw(bytesOf('outbox.payload'))}` })
    .from(outbox)
    .where(eq(outbox.id, id))
    .get();
  const { source, duplicateOf, dedupeKey, traceparent } = accepted.row;
  const purgedAt = accepted.row.purgedAt ?? queued?.row.purgedAt;
  const { inDoubtSince } = queued?.row ?? accepted.row;
  return {
    ...(accepted.row.purgedAt === null ? { receivedBytes: accepted.bytes } : {}),
    ...(queued && queued.row.purgedAt === null ? { translatedBytes: queued.bytes } : {}),
    ...(purgedAt ? { purgedAt } : {}),
    ...(source ? { source } : {}),
    isKeyed: dedupeKey !== null,
    ...(duplicateOf ? { duplicateOf } : {}),
    ...(inDoubtSince === null ? {} : { inDoubtSince }),
    ...(traceparent === null ? {} : { traceparent }),
    blocks: [
      ...blockedBehind(db, 'inbox', accepted.row),
      ...(queued ? blockedBehind(db, 'outbox', queued.row) : []),
    ].slice(0, MOST_BLOCKED),
    uploads: db
      .select({ position: uploads.position, uploadedAt: uploads.uploadedAt })
      .from(uploads)
      .where(eq(uploads.messageId, id))
      .all(),
  };
}

export function contentsOf(db: Db, id: string): MessageContents {
  const accepted = db
    .select({ payload: inbox.payload, purgedAt: inbox.purgedAt })
    .from(inbox)
    .where(eq(inbox.id, id))
    .get();
  if (!accepted) throw new ExchangeError('not-found', 'No message has this id.');
  const queued = db
    .select({ payload: outbox.payload, purgedAt: outbox.purgedAt })
    .from(outbox)
    .where(eq(outbox.id, id))
    .get();
  const text = (stage: Stage, payload: Stored) =>
    orConflict(() => opened(db, { column: `${stage}.payload`, row: id }, payload));
  return {
    ...(accepted.purgedAt === null ? { received: text('inbox', accepted.payload) } : {}),
    ...(queued?.purgedAt === null ? { translated: text('outbox', queued.payload) } : {}),
  };
}

/** Who of the same order key comes after a row that is not done, and is blocked. */
function blockedBehind(
  db: Db,
  stage: Stage,
  row: { state: string; orderKey: string; seq: number },
): string[] {
  if (row.state === 'done') return [];
  const table = queueTables[stage];
  return db
    .select({ id: table.id })
    .from(table)
    .where(
      and(
        sql`state = 'pending'`,
        eq(table.blocked, true),
        eq(table.orderKey, row.orderKey),
        gt(table.seq, row.seq),
      ),
    )
    .orderBy(asc(table.seq))
    .limit(MOST_BLOCKED)
    .all()
    .map(({ id }) => id);
}

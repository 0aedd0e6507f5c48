/**
 * The tables. `bun run db:generate` turns a change here into a migration in drizzle/; the views for
 * the person with `sqlite3` are SQL in drizzle/ itself. All instants are milliseconds since the
 * Unix epoch, UTC.
 */
import { sql } from 'drizzle-orm';
import {
  blob,
  type IndexColumn,
  index,
  integer,
  primaryKey,
  sqliteTable,
  text,
  uniqueIndex,
} from 'drizzle-orm/sqlite-core';
import type { Direction, Entry, Outcome, Status } from '../message.ts';
import type { Stored } from './seals.ts';

/** Where a message is on its way: `inbox` until it is translated, then `outbox`. */
export type Stage = 'inbox' | 'outbox';

/** What a dead row does to later rows of its order key: lets them go, or holds them until a person acts. */
export type OnDead = 'release' | 'hold';

/** The columns that make a table a queue; inbox and outbox have them alike. */
const queueColumns = () => ({
  /** Order of acceptance. */
  seq: integer('seq').primaryKey({ autoIncrement: true }),
  /** The message's own id (UUIDv7), the same in inbox and outbox. */
  id: text('id').notNull(),
  direction: text('direction').$type<Direction>().notNull(),
  /**
   * `done`: nothing is left to do. `dead`: given up, and a person must look; once they dismiss it, it is
   * done with the outcome it died of. Both are final unless a person replays the row.
   */
  state: text('state').$type<'pending' | 'done' | 'dead'>().notNull().default('pending'),
  /** Rows with the same key are worked on one after the other, in order of `seq`. */
  orderKey: text('order_key').notNull(),
  /**
   * True while a pending row must wait for an earlier one of its order key, so that a claim costs the
   * same however many rows wait behind one patient's first. Kept by the triggers in drizzle/, and for a
   * new row of the inbox by the statement that accepts it.
   */
  blocked: integer('blocked', { mode: 'boolean' }).notNull().default(false),
  /** JSON; sealed where there are keys, `{}` once it was purged. */
  payload: text('payload').$type<Stored>().notNull(),
  /** When a pending row may be claimed; while it is in hand, when its lease ends. */
  dueAt: integer('due_at').notNull(),
  /** How often the row was claimed; the number of the latest attempt. */
  attempts: integer('attempts').notNull().default(0),
  /** How many of those were postponed and don't count against the bound. */
  postponements: integer('postponements').notNull().default(0),
  /** Start of the first attempt that may have had an effect nobody has confirmed or denied. */
  inDoubtSince: integer('in_doubt_since'),
  /** What came of the latest attempt. */
  outcome: text('outcome').$type<Outcome['kind'] | 'duplicate'>(),
  errorCode: text('error_code'),
  reason: text('reason'),
  httpStatus: integer('http_status'),
  icn: text('icn'),
  ohPatientId: text('oh_patient_id'),
  ohMessageId: text('oh_message_id'),
  mhvMessageId: text('mhv_message_id'),
  mhvThreadId: text('mhv_thread_id'),
  acceptedAt: integer('accepted_at').notNull(),
  settledAt: integer('settled_at'),
  /** When the payload was dropped after its time; ids and attempts stay. */
  purgedAt: integer('purged_at'),
  /** W3C Trace Context of what put the row here, so that one trace spans the wait. */
  traceparent: text('traceparent'),
});

type QueueColumn = 'id' | 'direction' | 'state' | 'settledAt' | 'errorCode';

/** How many failed in a minute, what waits for a person in order of acceptance, and what has met one error. */
function failureIndexes(table: Stage, t: Record<QueueColumn, IndexColumn>) {
  const failed = sql`settled_at IS NOT NULL AND outcome NOT IN ('delivered', 'duplicate')`;
  return [
    index(`${table}_failed_at`).on(t.settledAt, t.direction).where(failed),
    index(`${table}_given_up`).on(t.id).where(failed),
    index(`${table}_error_code`)
      .on(t.errorCode, t.id, t.state, t.direction)
      .where(sql`error_code IS NOT NULL`),
  ];
}

/** One row for each accepted entry or send; for ever the record that it was accepted. */
export const inbox = sqliteTable(
  'inbox',
  {
    ...queueColumns(),
    /** `atom:id` with `atom:updated`, or the caller's Idempotency-Key: the same key is the same row. */
    dedupeKey: text('dedupe_key'),
    /** SHA-256 of the request, to tell a repeated key from a reused one. */
    requestDigest: text('request_digest'),
    /** The message that carries the same OH message, when this one is its duplicate. */
    duplicateOf: text('duplicate_of'),
    /** What announced an OH message; absent for a send. */
    source: text('source').$type<Entry['source']>(),
    /** Pool that a send is for; absent of one that was accepted before there was the column, see the payload. */
    receivingPoolId: text('receiving_pool_id'),
    /**
     * Of the whole message, in whichever stage it is; a duplicate has that of the message that carries it. What a
     * settled row came to says its outcome, not its state: a dismissed row is done, and yet was never delivered.
     * Accepting writes IN_PROGRESS, the triggers in drizzle/ keep it.
     */
    status: text('status').$type<Status>().notNull().default('SENT'),
  },
  // Accepting writes those without a condition, those of pending rows and those of the ids it is told: each costs
  // every message, so none is here that no statement needs. The others hold only what went wrong.
  (t) => [
    uniqueIndex('inbox_id').on(t.id),
    uniqueIndex('inbox_dedupe_key').on(t.dedupeKey).where(sql`dedupe_key IS NOT NULL`),
    // Lists, newest first, and how many were accepted in a minute: see find-newest.ts.
    index('inbox_status').on(t.status, t.direction, t.acceptedAt),
    // What a claim takes next, and how many wait.
    index('inbox_due').on(t.direction, t.blocked, t.dueAt, t.seq).where(sql`state = 'pending'`),
    // Who is before whom in one order key.
    index('inbox_order').on(t.orderKey, t.seq).where(sql`state = 'pending'`),
    index('inbox_dead_order').on(t.orderKey, t.seq).where(sql`state = 'dead'`),
    // What waits and what was given up, of each lane, for monitors and the overview.
    index('inbox_pending').on(t.direction, t.acceptedAt).where(sql`state = 'pending'`),
    index('inbox_dead').on(t.direction, t.settledAt).where(sql`state = 'dead'`),
    // The purge, in the order in which messages were settled.
    index('inbox_unpurged')
      .on(t.settledAt)
      .where(sql`settled_at IS NOT NULL AND purged_at IS NULL`),
    // Those that wait for the directory, so that a pool that is added wakes them without a search.
    index('inbox_unmapped')
      .on(t.seq)
      .where(sql`state = 'pending' AND error_code = 'directory:unmapped-pool'`),
    // What OH listed of a patient.
    index('inbox_history').on(t.orderKey).where(sql`source = 'history'`),
    // Lists of what somebody can name; the second also finds who carries a duplicate.
    index('inbox_icn').on(t.icn).where(sql`icn IS NOT NULL`),
    index('inbox_oh_message_id').on(t.ohMessageId).where(sql`oh_message_id IS NOT NULL`),
    index('inbox_mhv_message_id').on(t.mhvMessageId).where(sql`mhv_message_id IS NOT NULL`),
    // The duplicates of a row that is settled, whose status is its own.
    index('inbox_duplicate_of').on(t.duplicateOf).where(sql`duplicate_of IS NOT NULL`),
    ...failureIndexes('inbox', t),
  ],
);

/** One row for each translated message on its way to its destination. */
export const outbox = sqliteTable(
  'outbox',
  {
    ...queueColumns(),
    id: text('id')
      .notNull()
      .references(() => inbox.id),
  },
  (t) => [
    // The same uses as those of the inbox.
    uniqueIndex('outbox_id').on(t.id),
    // The second look for duplicates: one delivery to MHV for one OH message, whatever announced it.
    uniqueIndex('outbox_oh_message_id').on(t.ohMessageId).where(sql`direction = 'oh-to-mhv'`),
    index('outbox_due').on(t.direction, t.blocked, t.dueAt, t.seq).where(sql`state = 'pending'`),
    index('outbox_order').on(t.orderKey, t.seq).where(sql`state = 'pending'`),
    index('outbox_pending').on(t.direction, t.acceptedAt).where(sql`state = 'pending'`),
    index('outbox_dead').on(t.direction, t.settledAt).where(sql`state = 'dead'`),
    index('outbox_in_doubt')
      .on(t.direction, t.inDoubtSince)
      .where(sql`state = 'pending' AND in_doubt_since IS NOT NULL`),
    index('outbox_dead_order').on(t.orderKey, t.seq).where(sql`state = 'dead'`),
    // How many were delivered in a minute.
    index('outbox_delivered_at')
      .on(t.settledAt, t.direction)
      .where(sql`settled_at IS NOT NULL AND outcome = 'delivered'`),
    ...failureIndexes('outbox', t),
  ],
);

/** One row for each try, written before any request of it leaves. No `ended_at`: in hand, or cut short. */
export const attempts = sqliteTable(
  'attempts',
  {
    messageId: text('message_id')
      .notNull()
      .references(() => inbox.id),
    stage: text('stage').$type<Stage>().notNull(),
    number: integer('number').notNull(),
    correlationId: text('correlation_id').notNull(),
    startedAt: integer('started_at').notNull(),
    endedAt: integer('ended_at'),
    outcome: text('outcome').$type<Outcome['kind'] | 'duplicate'>(),
    /** True when the destination was asked and already had the message. */
    found: integer('found', { mode: 'boolean' }),
    errorCode: text('error_code'),
    reason: text('reason'),
    httpStatus: integer('http_status'),
  },
  (t) => [primaryKey({ columns: [t.messageId, t.stage, t.number] })],
);

/** What happened to a message besides its attempts: what was asked within one, and by whom it was replayed. */
export const events = sqliteTable(
  'events',
  {
    seq: integer('seq').primaryKey({ autoIncrement: true }),
    messageId: text('message_id')
      .notNull()
      .references(() => inbox.id),
    at: integer('at').notNull(),
    stage: text('stage').$type<Stage>().notNull(),
    /** Number of the attempt it happened in; absent for what a person did. */
    attempt: integer('attempt'),
    event: text('event').notNull(),
    /** Sealed where it is what a person wrote: why they dismissed a message. */
    detail: text('detail').$type<Stored>(),
    /** Who asked for it, when it was a person. */
    actor: text('actor'),
  },
  (t) => [index('events_message_id').on(t.messageId)],
);

/** Files that already lie at the destination, so that a message tried again does not upload them twice. */
export const uploads = sqliteTable(
  'uploads',
  {
    messageId: text('message_id')
      .notNull()
      .references(() => inbox.id),
    /** Place of the file in its message, from 0. */
    position: integer('position').notNull(),
    /** SHA-256 of the bytes in hex. */
    sha256: text('sha256').notNull(),
    /** JSON: what the destination calls the file; sealed where there are keys. */
    reference: text('reference').$type<Stored>().notNull(),
    uploadedAt: integer('uploaded_at').notNull(),
  },
  (t) => [primaryKey({ columns: [t.messageId, t.position] })],
);

/** `at:deleted-entry` (RFC 6721): recorded, and nothing more. */
export const tombstones = sqliteTable(
  'tombstones',
  {
    /** `atom:id` of the deleted entry. */
    ref: text('ref').notNull(),
    deletedAt: integer('deleted_at').notNull(),
    receivedAt: integer('received_at').notNull(),
  },
  (t) => [primaryKey({ columns: [t.ref, t.deletedAt] })],
);

/** What the file itself must know of the configuration: triggers and views, and whose it is. */
export const settings = sqliteTable('settings', {
  name: text('name').$type<'on_dead' | 'authority'>().primaryKey(),
  value: text('value').notNull(),
});

/** Who may poll this file: one process at a time, for as long as it renews its heartbeat. */
export const pollerLock = sqliteTable('poller_lock', {
  /** Always 1. */
  id: integer('id').primaryKey(),
  owner: text('owner').notNull(),
  heartbeatAt: integer('heartbeat_at').notNull(),
});

/** Pushed documents that could not be taken whole, byte for byte, each kept once. */
export const quarantine = sqliteTable(
  'quarantine',
  {
    id: text('id').primaryKey(),
    /** SHA-256 of the body in hex: the same document pushed again only counts up `pushes`. */
    sha256: text('sha256').notNull(),
    firstSeenAt: integer('first_seen_at').notNull(),
    lastSeenAt: integer('last_seen_at').notNull(),
    pushes: integer('pushes').notNull().default(1),
    contentType: text('content_type'),
    body: blob('body').$type<Uint8Array>().notNull(),
    /** Whether the body is sealed; its bytes do not show it. */
    bodySealed: integer('body_sealed', { mode: 'boolean' }).notNull().default(false),
    /** Length of the body as it was pushed, 0 once it was purged. */
    sizeBytes: integer('size_bytes').notNull().default(0),
    /** `document`: nothing of it was accepted. `entries`: only the entries named in `faults` were not. */
    scope: text('scope').$type<'document' | 'entries'>().notNull(),
    /** JSON array of `{detail, element?, line?, column?}`; sealed where there are keys, for it names elements. */
    faults: text('faults').$type<Stored>().notNull(),
    faultCount: integer('fault_count').notNull().default(0),
    /** When the document was last taken in again, and with what result (JSON, sealed where there are keys). */
    replayedAt: integer('replayed_at'),
    replay: text('replay').$type<Stored>(),
    /** How much of it was refused then. */
    rejected: integer('rejected'),
    /** When the body was dropped after its time; everything else stays. */
    purgedAt: integer('purged_at'),
  },
  (t) => [
    uniqueIndex('quarantine_sha256').on(t.sha256),
    index('quarantine_unpurged').on(t.lastSeenAt).where(sql`purged_at IS NULL`),
    // Beside a body of megabytes even a count would be slow without an index that has it all.
    index('quarantine_waiting')
      .on(t.purgedAt, t.replayedAt)
      .where(sql`purged_at IS NULL AND replayed_at IS NULL`),
  ],
);

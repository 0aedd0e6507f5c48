/** Tables of histories and archives; see schema.ts. */
import { sql } from 'drizzle-orm';
import { index, integer, sqliteTable, text } from 'drizzle-orm/sqlite-core';

/** One row for each patient whose history was asked for. */
export const sessions = sqliteTable(
  'sessions',
  {
    icn: text('icn').primaryKey(),
    /** Of the listing; whether what was listed has been delivered is read from inbox and outbox. */
    state: text('state').$type<'pending' | 'listed' | 'dead'>().notNull().default('pending'),
    /** The OH patient id that the caller named, not yet checked. */
    namedOhPatientId: text('named_oh_patient_id'),
    ohPatientId: text('oh_patient_id'),
    /** The stretch of time that was asked for; absent: from the beginning, and until now. */
    since: integer('since'),
    until: integer('until'),
    /** Everything before this instant has been listed and accepted. */
    listedUntil: integer('listed_until'),
    requestedAt: integer('requested_at').notNull(),
    listedAt: integer('listed_at'),
    dueAt: integer('due_at').notNull(),
    /** How often the session was claimed; whoever works on it must hold the latest number. */
    attempts: integer('attempts').notNull().default(0),
    /** Claims since the listing last moved on. */
    fruitlessAttempts: integer('fruitless_attempts').notNull().default(0),
    errorCode: text('error_code'),
    reason: text('reason'),
    /** W3C Trace Context of the request that asked for it. */
    traceparent: text('traceparent'),
  },
  (t) => [
    index('sessions_due').on(t.dueAt).where(sql`state = 'pending'`),
    index('sessions_dead').on(t.requestedAt).where(sql`state = 'dead'`),
    // Those that the console counts and lists.
    index('sessions_unlisted').on(t.state).where(sql`state <> 'listed'`),
    index('sessions_listing').on(t.ohPatientId).where(sql`state = 'pending'`),
  ],
);

/** What happened to a patient's history as a whole; its messages have timelines of their own. */
export const sessionEvents = sqliteTable(
  'session_events',
  {
    seq: integer('seq').primaryKey({ autoIncrement: true }),
    icn: text('icn').notNull(),
    at: integer('at').notNull(),
    event: text('event')
      .$type<'asked' | 'identified' | 'retry' | 'given up' | 'listed'>()
      .notNull(),
    detail: text('detail'),
  },
  (t) => [index('session_events_icn').on(t.icn, t.seq)],
);

/** Pages of a feed's archive (RFC 5005) that were taken in whole, with everything before them. */
export const archivePages = sqliteTable('archive_pages', {
  address: text('address').primaryKey(),
  takenAt: integer('taken_at').notNull(),
  /** JSON array: what it announced, for a reconciliation that does not fetch it again. */
  ohMessageIds: text('oh_message_ids'),
  /** Address of the page before it; absent for the oldest. */
  older: text('older'),
});

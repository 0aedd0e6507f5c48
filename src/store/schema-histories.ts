/** Tables of histories and archives; see schema.ts. */
import { index, integer, sqliteTable, text } from 'drizzle-orm/sqlite-core';

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

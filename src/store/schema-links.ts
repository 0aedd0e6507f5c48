/** The table of ids on both sides; see schema.ts. */
import { sql } from 'drizzle-orm';
import { index, integer, sqliteTable, text } from 'drizzle-orm/sqlite-core';
import type { DeliveredIds, Direction } from '../message.ts';

/** Which OH message is which MHV message. Knows ids, threads nothing. */
export const links = sqliteTable(
  'links',
  {
    ohMessageId: text('oh_message_id').primaryKey(),
    /** Absent for a message that was only seen while looking up a reference. */
    direction: text('direction').$type<Direction>(),
    mhvMessageId: text('mhv_message_id').$type<DeliveredIds['mhvMessageId']>(),
    mhvThreadId: text('mhv_thread_id'),
    /** OH's `referenceId`, which later messages of the conversation list. */
    ohReferenceId: text('oh_reference_id'),
    ohPoolId: text('oh_pool_id'),
    linkedAt: integer('linked_at').notNull(),
  },
  (t) => [
    index('links_mhv_message_id').on(t.mhvMessageId).where(sql`mhv_message_id IS NOT NULL`),
    index('links_oh_reference_id').on(t.ohReferenceId).where(sql`oh_reference_id IS NOT NULL`),
  ],
);

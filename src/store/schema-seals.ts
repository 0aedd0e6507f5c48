/** The table of the keys under which contents are sealed; see schema.ts. */
import { blob, integer, sqliteTable, text } from 'drizzle-orm/sqlite-core';

/** A row for each key that may have sealed something in the file. The keys themselves are never in it. */
export const dataKeys = sqliteTable('data_keys', {
  id: text('id').primaryKey(),
  /** Nothing, sealed under the key: it opens under no other key of the same id. */
  proof: blob('proof', { mode: 'buffer' }).notNull(),
  notedAt: integer('noted_at').notNull(),
  /** True while `rekey` makes sure that nothing is left under it; whoever seals under it says no. */
  isLeaving: integer('is_leaving', { mode: 'boolean' }).notNull().default(false),
});

/** Tables of how it stands with the destinations. */
import { integer, primaryKey, sqliteTable, text } from 'drizzle-orm/sqlite-core';
import type { Direction } from '../message.ts';
import type { Stage } from './schema.ts';

/** Destinations that an operator has paused. No row: not paused. */
export const pauses = sqliteTable('pauses', {
  destination: text('destination').$type<Direction>().primaryKey(),
  pausedAt: integer('paused_at').notNull(),
  actor: text('actor').notNull(),
});

/**
 * Breakers that are not closed, for whoever reads the file. The process that polls it writes them and
 * never reads them: its breakers start closed.
 */
export const breakers = sqliteTable(
  'breakers',
  {
    direction: text('direction').$type<Direction>().notNull(),
    stage: text('stage').$type<Stage>().notNull(),
    state: text('state').$type<'open' | 'half-open'>().notNull(),
    /** Until then nothing is claimed: the end of the wait, or of the probe's lease. */
    until: integer('until').notNull(),
    /** Of the failure that opened it. */
    code: text('code').notNull(),
  },
  (t) => [primaryKey({ columns: [t.direction, t.stage] })],
);

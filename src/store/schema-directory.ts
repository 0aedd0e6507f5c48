/** The table of the directory; see schema.ts. */
import { sql } from 'drizzle-orm';
import {
  index,
  integer,
  primaryKey,
  sqliteTable,
  text,
  uniqueIndex,
} from 'drizzle-orm/sqlite-core';

/** Where a row of the directory comes from: a person (`csv`, `api`), an API of OH or MHV, or a message. */
export type DirectorySource = 'csv' | 'api' | 'oh' | 'mhv' | 'seen';

/** What patients call a pool of OH: one row for each name, and several may name one pool. */
export const triageGroups = sqliteTable(
  'triage_groups',
  {
    ohPoolId: text('oh_pool_id').notNull(),
    name: text('name').notNull(),
    /** Text: `589GR` is one, and a leading zero counts. */
    stationNumber: text('station_number').notNull(),
    mhvTriageTeamId: text('mhv_triage_team_id'),
    /** The name that patients are shown; exactly one of each pool. */
    isPreferred: integer('is_preferred', { mode: 'boolean' }).notNull(),
    source: text('source').$type<DirectorySource>().notNull(),
    updatedAt: integer('updated_at').notNull(),
    actor: text('actor').notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.ohPoolId, t.name] }),
    uniqueIndex('triage_groups_preferred').on(t.ohPoolId).where(sql`is_preferred`),
    index('triage_groups_updated_at').on(t.updatedAt),
  ],
);

/** Every column whose contents are sealed, as SQL sees them: what is in it, and under which key. */
import type { Database } from 'better-sqlite3';
import { POOL_IN_PAYLOAD } from './operator-replay.ts';
import type { SealedColumn } from './seal.ts';
import { headBytesOf } from './seals.ts';

/** How to find the values of a column. */
export interface ColumnSql {
  name: SealedColumn;
  table: string;
  column: string;
  /** What the seal binds a value to. */
  row: string;
  /** True of a row that holds something to seal. */
  holds: string;
  isSealed: string;
  /** Id of the key, NULL in the clear; `?` of a value that names none. */
  keyId: string;
  /** What else a reseal sets. */
  also: string;
}

type Told = Pick<ColumnSql, 'row' | 'holds'> & Partial<Pick<ColumnSql, 'isSealed' | 'also'>>;

const told: Record<Exclude<SealedColumn, 'data_keys.proof'>, Told> = {
  'inbox.payload': {
    row: 'id',
    holds: "payload <> '{}'",
    // What can be told of a send only while it is in the clear.
    also: `, receiving_pool_id = coalesce(receiving_pool_id, ${POOL_IN_PAYLOAD})`,
  },
  'outbox.payload': { row: 'id', holds: "payload <> '{}'" },
  'uploads.reference': { row: "message_id || '/' || position", holds: "reference <> '{}'" },
  'quarantine.body': {
    row: 'sha256',
    holds: 'length(body) > 0',
    isSealed: 'body_sealed',
    also: ', body_sealed = 1',
  },
  'quarantine.faults': { row: 'sha256', holds: 'TRUE' },
  'quarantine.replay': { row: 'sha256', holds: 'replay IS NOT NULL' },
  'events.detail': {
    row: "message_id || '/' || at",
    holds: "event = 'dismissed' AND detail IS NOT NULL",
  },
};

export const SEALED_COLUMNS: ColumnSql[] = (Object.keys(told) as (keyof typeof told)[]).map(
  (name) => {
    const [table = '', column = ''] = name.split('.');
    const { row, holds, isSealed = `typeof(${column}) = 'blob'`, also = '' } = told[name];
    const end = headBytesOf(column);
    const keyId = `CASE WHEN NOT (${isSealed}) THEN NULL
      WHEN ${end} > 2 THEN CAST(substr(${column}, 2, ${end} - 2) AS TEXT) ELSE '?' END`;
    return { name, table, column, row, holds, isSealed, keyId, also };
  },
);

/** How many values are under a key, or in the clear. */
export interface KeyCount {
  /** Absent: in the clear. */
  key?: string;
  values: number;
}

/** Reads the whole file: some seconds for a million messages. What is in the clear comes first. */
export function countByKey(sqlite: Database): KeyCount[] {
  const each = SEALED_COLUMNS.map(
    ({ table, keyId, holds }) => `SELECT ${keyId} AS key FROM ${table} WHERE ${holds}`,
  );
  const rows = sqlite
    .prepare(
      `SELECT key, count(*) AS "values" FROM (${each.join(' UNION ALL ')}) GROUP BY key ORDER BY key`,
    )
    .all() as { key: string | null; values: number }[];
  return rows.map(({ key, values }) => (key === null ? { values } : { key, values }));
}

/** Bringing everything in the file under the first key, beside an exchange that goes on working. */
import { eq, ne } from 'drizzle-orm';
import type { Instant } from '../message.ts';
import { keyFaults, neededKeys } from './data-keys.ts';
import { type Connection, open } from './open.ts';
import { dataKeys } from './schema-seals.ts';
import { type DataKey, SealError, seal, unseal } from './seal.ts';
import { type ColumnSql, countByKey, type KeyCount, SEALED_COLUMNS } from './sealed-columns.ts';
import { noteKey } from './seals.ts';
import { checkpointForClose } from './upkeep-disk.ts';
import { lockHolder } from './upkeep-lock.ts';

/** Why nothing was resealed: in words for whoever runs it. */
export class RekeyRefusal extends Error {
  readonly code: 'another-key' | 'unknown-to-exchange';

  constructor(code: RekeyRefusal['code'], message: string) {
    super(message);
    this.name = 'RekeyRefusal';
    this.code = code;
  }
}

/** A value that stays as it is, for it can't be opened. */
interface Unopened {
  column: string;
  /** What tells its row apart: the id of a message, or the SHA-256 of a quarantined document. */
  row: string;
  code: SealError['code'];
  key: string;
}

export interface Rekeyed {
  /** Values that were brought under the first key. */
  resealed: number;
  /** Everything in the file, by key, afterwards. */
  counts: KeyCount[];
  /** How many could not be opened, and the first of them. */
  unopened: { values: number; first: Unopened[] };
  /** Whether the first key alone opens the file from now on. */
  isDone: boolean;
}

export interface RekeyOptions {
  path: string;
  /** The first is the one to seal under. */
  keys: [DataKey, ...DataKey[]];
  now: () => Instant;
  /** Waits between two batches, so that the exchange has the file to itself most of the time. */
  pause: (resealed: number) => Promise<void>;
}

/** A batch is one short transaction. */
const ROWS_PER_BATCH = 200;
const BYTES_PER_BATCH = 4 * 1024 * 1024;
const MAX_UNOPENED_SHOWN = 20;

/**
 * Reseals what is not under the first key, and drops from the file the keys that nothing is left under.
 * What was resealed stays so after a kill; the next run goes on. Throws RekeyRefusal.
 */
export async function rekey(options: RekeyOptions): Promise<Rekeyed> {
  const connection = open(options.path, undefined, options.keys);
  const { sqlite } = connection;
  try {
    // What was in the clear is overwritten, not only forgotten.
    sqlite.pragma('secure_delete = ON');
    noteFirst(connection, options);
    const resealed: Resealed = { values: 0, unopened: { values: 0, first: [] } };
    for (const column of SEALED_COLUMNS) await resealColumn(connection, column, options, resealed);
    const { counts, isDone } = dropKeys(connection, options.keys[0]);
    const { unopened } = resealed;
    return { resealed: resealed.values, counts, unopened, isDone };
  } finally {
    checkpointForClose(sqlite);
    sqlite.close();
  }
}

interface Resealed {
  values: number;
  unopened: Rekeyed['unopened'];
}

/** An exchange that does not have the key could open nothing of what is resealed. */
function noteFirst({ sqlite, db }: Connection, { keys, now }: RekeyOptions): void {
  const [first] = keys;
  const another = keyFaults(sqlite, keys).find(({ kind }) => kind === 'another');
  if (another) throw new RekeyRefusal('another-key', `DATA_KEYS: ${another.detail}`);
  const holder = lockHolder(db, now());
  if (holder !== undefined && !neededKeys(sqlite).includes(first.id)) {
    const message = `${holder} polls the file and does not have the key ${first.id}: start it anew with the same DATA_KEYS first, or send it SIGHUP if it reads them from DATA_KEYS_FILE.`;
    throw new RekeyRefusal('unknown-to-exchange', message);
  }
  sqlite.transaction(() => noteKey(db, first, now())).immediate();
}

interface Row {
  number: number;
  row: string;
  stored: string | Buffer;
  isSealed: 0 | 1;
}

async function resealColumn(
  { sqlite }: Connection,
  column: ColumnSql,
  { keys, pause }: RekeyOptions,
  resealed: Resealed,
): Promise<void> {
  const { table, holds, keyId } = column;
  const select = sqlite.prepare<[number, string], Row>(
    `SELECT rowid AS number, ${column.row} AS row, ${column.column} AS stored, ${column.isSealed} AS isSealed
     FROM ${table} WHERE rowid > ? AND ${holds} AND ${keyId} IS NOT ? ORDER BY rowid`,
  );
  // A value that was purged or replaced meanwhile is left as it is by now.
  const update = sqlite.prepare<[Buffer, number, string | Buffer]>(
    `UPDATE ${table} SET ${column.column} = ?${column.also} WHERE rowid = ? AND ${column.column} IS ?`,
  );
  const commit = sqlite.transaction((batch: [Buffer, number, string | Buffer][]) =>
    batch.reduce((changes, values) => changes + update.run(...values).changes, 0),
  );
  let after = 0;
  for (;;) {
    const rows = batchOf(select.iterate(after, keys[0].id));
    const last = rows.at(-1);
    if (!last) return;
    const anew = rows.flatMap((row) => sealedAnew(column, row, keys, resealed));
    if (anew.length > 0) resealed.values += commit.immediate(anew);
    after = last.number;
    await pause(resealed.values);
  }
}

function batchOf(rows: IterableIterator<Row>): Row[] {
  const batch: Row[] = [];
  let bytes = 0;
  for (const row of rows) {
    batch.push(row);
    bytes += row.stored.length;
    if (batch.length >= ROWS_PER_BATCH || bytes >= BYTES_PER_BATCH) break;
  }
  return batch;
}

function sealedAnew(
  { name }: ColumnSql,
  { number, row, stored, isSealed }: Row,
  keys: RekeyOptions['keys'],
  { unopened }: Resealed,
): [Buffer, number, string | Buffer][] {
  const place = { column: name, row };
  try {
    const value =
      isSealed && typeof stored !== 'string'
        ? unseal((id) => keys.find((key) => key.id === id), place, stored)
        : stored;
    return [[seal(keys[0], place, value), number, stored]];
  } catch (error) {
    if (!(error instanceof SealError)) throw error;
    unopened.values += 1;
    const { code, keyId: key } = error;
    if (unopened.first.length < MAX_UNOPENED_SHOWN) {
      unopened.first.push({ column: name, row, code, key });
    }
    return [];
  }
}

/**
 * Drops the keys that nothing is under. An exchange may seal under one at any moment: its transaction then
 * says that the key stays, so a key is first said to be leaving, then counted, then dropped if it still is.
 */
function dropKeys({ sqlite, db }: Connection, first: DataKey): Pick<Rekeyed, 'counts' | 'isDone'> {
  db.update(dataKeys).set({ isLeaving: true }).where(ne(dataKeys.id, first.id)).run();
  const counts = countByKey(sqlite);
  for (const { key } of counts) {
    if (key === undefined) continue;
    db.update(dataKeys).set({ isLeaving: false }).where(eq(dataKeys.id, key)).run();
  }
  db.delete(dataKeys).where(eq(dataKeys.isLeaving, true)).run();
  const isOnlyFirst = (key: string | undefined) => key === first.id;
  const isDone =
    counts.every(({ key }) => isOnlyFirst(key)) && neededKeys(sqlite).every(isOnlyFirst);
  return { counts, isDone };
}

/** Which keys a file needs, and whether they are at hand. */
import { existsSync } from 'node:fs';
import Database from 'better-sqlite3';
import { asc } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/better-sqlite3';
import type { Instant } from '../message.ts';
import type { Write } from './group-commit.ts';
import type { Db } from './open.ts';
import type { Stage } from './schema.ts';
import { dataKeys } from './schema-seals.ts';
import { type DataKey, unseal } from './seal.ts';
import { keysOf, noteKey, useKeys } from './seals.ts';

/** What stands in the way of opening what a file holds, in words for whoever sets DATA_KEYS. */
export interface KeyFault {
  keyId: string;
  /** Not at hand, or another key under the same id. */
  kind: 'missing' | 'another';
  detail: string;
}

/** The keys of this process, and those of the file. */
export interface KeyStore {
  /** Ids, the one that seals first; empty: contents are kept in the clear. */
  readonly ids: string[];
  /** Ids of the keys under which the file has, or may have, something. */
  needed(): Promise<string[]>;
  /**
   * Seals and opens with these keys from now on, those that it has already unless told, and says in the
   * file that the first one seals. Returns what they lack to open what the file holds; then nothing is
   * changed. Messages that waited for a key wait no longer.
   */
  take(keys?: DataKey[]): Promise<KeyFault[]>;
}

const STAGES: Stage[] = ['inbox', 'outbox'];

interface Shared {
  db: Db;
  write: Write;
  now: () => Instant;
}

/** The keys on the SQLite file. */
export class SqliteKeys implements KeyStore {
  readonly #shared: Shared;

  constructor(shared: Shared) {
    this.#shared = shared;
  }

  get ids() {
    return keysOf(this.#shared.db).map(({ id }) => id);
  }

  async needed() {
    return neededKeys(this.#shared.db.$client);
  }

  async take(keys = keysOf(this.#shared.db)) {
    const { db, write, now } = this.#shared;
    const faults = await write(() => {
      const lacking = keyFaults(db.$client, keys);
      const [first] = keys;
      if (lacking.length > 0) return lacking;
      if (first) noteKey(db, first, now());
      for (const stage of STAGES) wake(db, stage, now());
      return lacking;
    });
    // Not before the file lists the first: what is sealed under a key that no file lists, rekey would drop.
    if (faults.length === 0) useKeys(db, keys);
    return faults;
  }
}

/** What waited for a key goes on; a row in hand keeps its lease. */
function wake(db: Db, stage: Stage, now: Instant): void {
  db.$client
    .prepare(
      `UPDATE ${stage} SET due_at = ? WHERE error_code = 'data-key-missing' AND state = 'pending'
       AND due_at > ? AND NOT EXISTS (SELECT 1 FROM attempts WHERE message_id = ${stage}.id
         AND stage = '${stage}' AND ended_at IS NULL)`,
    )
    .run(now, now);
}

interface Row {
  id: string;
  proof: Uint8Array;
}

/** Each key that the file needs and that is missing, or is another one under the same id. */
export function keyFaults(sqlite: Database.Database, keys: DataKey[]): KeyFault[] {
  return rows(sqlite).flatMap((row): KeyFault[] => {
    if (!keys.some(({ id }) => id === row.id)) {
      const detail = `lacks the key ${row.id}, under which the file at DATABASE_PATH has sealed contents`;
      return [{ keyId: row.id, kind: 'missing', detail }];
    }
    if (isProved(row, keys)) return [];
    const detail = `the key ${row.id} is not the one that sealed contents of the file at DATABASE_PATH`;
    return [{ keyId: row.id, kind: 'another', detail }];
  });
}

/** The same for the file at `path`, before it is opened; none where there is no file. Changes nothing. */
export function keyFaultsOfFile(path: string, keys: DataKey[]): KeyFault[] {
  return existsSync(path) ? ofFile(path, (sqlite) => keyFaults(sqlite, keys)) : [];
}

/** Ids of the keys that the file at `path` needs. Changes nothing. */
export function neededKeysOfFile(path: string): string[] {
  return ofFile(path, neededKeys);
}

function ofFile<T>(path: string, read: (sqlite: Database.Database) => T): T {
  const sqlite = new Database(path, { readonly: true, fileMustExist: true });
  try {
    return read(sqlite);
  } finally {
    sqlite.close();
  }
}

/** Ids of the keys that the file needs; none in a file from before there were keys. */
export function neededKeys(sqlite: Database.Database): string[] {
  return rows(sqlite).map(({ id }) => id);
}

/** False of a file from before there were keys. */
export function knowsKeys(sqlite: Database.Database): boolean {
  const table = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'data_keys'";
  return sqlite.prepare(table).get() !== undefined;
}

function rows(sqlite: Database.Database): Row[] {
  if (!knowsKeys(sqlite)) return [];
  return drizzle(sqlite)
    .select({ id: dataKeys.id, proof: dataKeys.proof })
    .from(dataKeys)
    .orderBy(asc(dataKeys.notedAt), asc(dataKeys.id))
    .all();
}

function isProved({ id, proof }: Row, keys: DataKey[]): boolean {
  try {
    const place = { column: 'data_keys.proof', row: id } as const;
    unseal((wanted) => keys.find((key) => key.id === wanted), place, proof);
    return true;
  } catch {
    return false;
  }
}

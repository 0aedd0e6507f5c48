/**
 * Opens the SQLite file: sets what durability depends on, checks that it took, applies migrations.
 */
import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import Database from 'better-sqlite3';
import { type BetterSQLite3Database, drizzle } from 'drizzle-orm/better-sqlite3';
import { migrate } from './migrations.ts';
import type { DataKey } from './seal.ts';
import { useKeys } from './seals.ts';
import { WAL_MAX_BYTES } from './upkeep-disk.ts';

/** An open file, as the other files of this room use it. */
export interface Connection {
  sqlite: Database.Database;
  db: Db;
}

/** What the statements of this room are built on; those that write run inside a transaction. */
export type Db = BetterSQLite3Database & { $client: Database.Database };

const BUSY_TIMEOUT_MS = 5000;
/** A commit that finds the log longer than this copies it into the file. */
const CHECKPOINT_PAGES = 1000;
/** Pages kept in memory; SQLite's own 2 MiB do not hold the indexes of a few million messages. */
const CACHE_KIB = 64 * 1024;

/**
 * Opens `path`, creating folder, file and tables where they are missing. A writer waits up to
 * `busyTimeoutMs` for another process. Contents are sealed under the first of the keys and opened under
 * all. Throws when the file can't be opened, a pragma did not take, or a migration fails; then nothing is
 * left open.
 */
export function open(
  path: string,
  busyTimeoutMs = BUSY_TIMEOUT_MS,
  keys: DataKey[] = [],
): Connection {
  mkdirSync(dirname(path), { recursive: true });
  const sqlite = new Database(path);
  try {
    setPragmas(sqlite, busyTimeoutMs);
    migrate(sqlite);
    const db = drizzle(sqlite);
    useKeys(db, keys);
    return { sqlite, db };
  } catch (error) {
    sqlite.close();
    throw error;
  }
}

/**
 * An acknowledgement promises that the row is on disk. better-sqlite3 is compiled with
 * `synchronous=NORMAL` in WAL mode, which fsyncs only at checkpoints, so FULL is said here.
 */
function setPragmas(sqlite: Database.Database, busyTimeoutMs: number): void {
  // Takes effect only in a file without tables, and only before WAL mode; lets purged rows shrink
  // the file in small steps.
  sqlite.pragma('auto_vacuum = INCREMENTAL');
  sqlite.pragma('journal_mode = WAL');
  sqlite.pragma('synchronous = FULL');
  sqlite.pragma('foreign_keys = ON');
  sqlite.pragma(`cache_size = ${-CACHE_KIB}`);
  // Statement journals of triggers are temporary files otherwise, written at every statement.
  sqlite.pragma('temp_store = MEMORY');
  sqlite.pragma(`busy_timeout = ${busyTimeoutMs}`);
  sqlite.pragma(`wal_autocheckpoint = ${CHECKPOINT_PAGES}`);
  sqlite.pragma(`journal_size_limit = ${WAL_MAX_BYTES}`);
  expectPragma(sqlite, 'auto_vacuum', 2);
  expectPragma(sqlite, 'journal_mode', 'wal');
  expectPragma(sqlite, 'synchronous', 2);
  expectPragma(sqlite, 'foreign_keys', 1);
  expectPragma(sqlite, 'cache_size', -CACHE_KIB);
  expectPragma(sqlite, 'temp_store', 2);
  expectPragma(sqlite, 'busy_timeout', busyTimeoutMs);
  expectPragma(sqlite, 'wal_autocheckpoint', CHECKPOINT_PAGES);
  expectPragma(sqlite, 'journal_size_limit', WAL_MAX_BYTES);
}

function expectPragma(sqlite: Database.Database, name: string, expected: string | number): void {
  const actual = sqlite.pragma(name, { simple: true });
  if (actual !== expected) {
    throw new Error(`SQLite pragma ${name} is ${String(actual)}, not ${expected}`);
  }
}

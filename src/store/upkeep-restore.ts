/** A backup put in the place of the file, so that nothing of it is delivered twice. */
import { existsSync, realpathSync, renameSync } from 'node:fs';
import Database from 'better-sqlite3';
import { ne, sql } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/better-sqlite3';
import type { Instant } from '../message.ts';
import { queueTables } from './claim.ts';
import { neededKeysOfFile } from './data-keys.ts';
import { schemaVersion } from './migrations.ts';
import { type Connection, type Db, open } from './open.ts';
import { events, type Stage } from './schema.ts';
import {
  COMPANIONS,
  copyDatabase,
  FileRefusal,
  removeDatabase,
  syncAndRename,
} from './upkeep-backup.ts';
import { checkpointForClose } from './upkeep-disk.ts';
import { LOCK_EXPIRY_MS, lockHolder } from './upkeep-lock.ts';

/** What a restore did. */
export interface Restored {
  file: string;
  from: string;
  /** Where the file went that was there before. */
  keptOld?: string;
  /** Migrations that the backup lacked. */
  migrationsApplied: number;
  /** Messages that go on, each after its destination was asked. */
  pending: number;
  /** Messages that wait for a person. */
  dead: number;
  /** Ids of the keys that the next start must have. */
  dataKeys: string[];
}

/**
 * Puts a checked copy of the backup `from` in the place of `to`, and keeps what was there. Every
 * message that was not delivered in the backup is in doubt from now on: it may have been delivered
 * since. Throws FileRefusal, and leaves `to` as it was, when a process uses `to`, or the backup is
 * missing, damaged, no file of an exchange, or of a newer one.
 */
export async function restore(from: string, to: string, now: Instant): Promise<Restored> {
  if (!existsSync(from)) throw new FileRefusal('missing', `${from} is not there.`);
  if (existsSync(to) && realpathSync(from) === realpathSync(to)) {
    throw new FileRefusal('exists', `${to} is the database itself.`);
  }
  const held = existsSync(to) ? holdAlone(to, now) : undefined;
  const partial = `${to}.restoring`;
  try {
    await copyDatabase(from, partial);
    const missing = countMissingMigrations(partial, from);
    const { pending, dead } = makeReady(partial, now);
    const dataKeys = neededKeysOfFile(partial);
    held?.close();
    const keptOld = existsSync(to) ? setAside(to, now) : undefined;
    syncAndRename(partial, to);
    return {
      file: to,
      from,
      ...(keptOld === undefined ? {} : { keptOld }),
      migrationsApplied: missing,
      pending,
      dead,
      dataKeys,
    };
  } finally {
    held?.close();
    removeDatabase(partial);
  }
}

/** Locks the file against every other process. A damaged file can't be locked, nor used by anyone. */
function holdAlone(path: string, now: Instant): Database.Database | undefined {
  const sqlite = new Database(path, { timeout: 0 });
  try {
    refuseWhilePolled(sqlite, path, now);
    sqlite.pragma('locking_mode = EXCLUSIVE');
    sqlite.exec('BEGIN IMMEDIATE; COMMIT');
    return sqlite;
  } catch (error) {
    sqlite.close();
    if (error instanceof FileRefusal) throw error;
    const code = error instanceof Database.SqliteError ? error.code : '';
    if (/^SQLITE_(CORRUPT|NOTADB)/.test(code)) return undefined;
    if (/^SQLITE_(BUSY|LOCKED)/.test(code)) {
      throw new FileRefusal('in-use', `${path} is open in another process; stop it first.`);
    }
    throw error;
  }
}

function refuseWhilePolled(sqlite: Database.Database, path: string, now: Instant): void {
  const table = "SELECT 1 FROM sqlite_master WHERE name = 'poller_lock'";
  const holder = sqlite.prepare(table).get() ? lockHolder(drizzle(sqlite), now) : undefined;
  if (holder === undefined) return;
  const seconds = LOCK_EXPIRY_MS / 1000;
  throw new FileRefusal(
    'in-use',
    `${path} is polled by ${holder}; stop it first. After a crash, wait ${seconds} seconds.`,
  );
}

/** How many of our migrations the copy lacks. It may lack some at the end, and have no others. */
function countMissingMigrations(path: string, from: string): number {
  const sqlite = new Database(path, { readonly: true });
  try {
    const { applied, known, isOurs } = schemaVersion(sqlite);
    if (applied === 0) {
      throw new FileRefusal('unknown-version', `${from} is no file of an exchange.`);
    }
    if (!isOurs) {
      const message = `${from} was made by another version of the exchange, newer or unreleased.`;
      throw new FileRefusal('unknown-version', message);
    }
    return known - applied;
  } finally {
    sqlite.close();
  }
}

/** Migrates the copy and puts in doubt what may have been delivered after the backup was made. */
function makeReady(path: string, now: Instant): { pending: number; dead: number } {
  const { sqlite, db }: Connection = open(path);
  try {
    return sqlite.transaction(() => {
      for (const stage of ['inbox', 'outbox'] satisfies Stage[]) putInDoubt(db, stage, now);
      return { pending: countOf(sqlite, 'pending'), dead: countOf(sqlite, 'dead') };
    })();
  } finally {
    checkpointForClose(sqlite);
    sqlite.close();
  }
}

/** An inbox row hands its doubt on to its outbox row. */
function putInDoubt(db: Db, stage: Stage, now: Instant): void {
  const table = queueTables[stage];
  const isUndelivered = ne(table.state, 'done');
  const detail = 'from a backup; the destination is asked before anything is sent';
  db.update(table)
    .set({ inDoubtSince: sql`coalesce(${table.inDoubtSince}, ${table.acceptedAt})` })
    .where(isUndelivered)
    .run();
  db.run(sql`INSERT INTO ${events} (message_id, at, stage, event, detail)
    SELECT ${table.id}, ${now}, ${stage}, 'restored', ${detail} FROM ${table} WHERE ${isUndelivered}`);
}

function countOf(sqlite: Database.Database, state: 'pending' | 'dead'): number {
  const counted = sqlite
    .prepare(
      'SELECT (SELECT count(*) FROM inbox WHERE state = ?) + (SELECT count(*) FROM outbox WHERE state = ?)',
    )
    .pluck()
    .get(state, state);
  return Number(counted);
}

/** The log first: beside the new file it would be applied to it. */
function setAside(path: string, now: Instant): string {
  const stamp = new Date(now).toISOString().replaceAll(/[-:]|\.\d+/g, '');
  const kept = `${path}.before-restore-${stamp}`;
  for (const suffix of [...COMPANIONS, '']) {
    if (existsSync(`${path}${suffix}`)) renameSync(`${path}${suffix}`, `${kept}${suffix}`);
  }
  return kept;
}

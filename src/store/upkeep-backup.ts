/** A copy of the file while others write to it. */
import {
  chmodSync,
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import { dirname } from 'node:path';
import Database from 'better-sqlite3';
import { neededKeysOfFile } from './data-keys.ts';

/** Why a backup or a restore was refused; nothing was changed then. */
export class FileRefusal extends Error {
  readonly code: 'missing' | 'exists' | 'in-use' | 'damaged' | 'unknown-version';

  constructor(code: FileRefusal['code'], message: string) {
    super(message);
    this.name = 'FileRefusal';
    this.code = code;
  }
}

/** A finished copy. */
export interface BackedUp {
  file: string;
  bytes: number;
  pages: number;
  /** Ids of the keys without which the copy can't be used; empty: it is in the clear. */
  dataKeys: string[];
}

/** What SQLite may keep beside a database. */
export const COMPANIONS = ['-wal', '-shm', '-journal'];

/**
 * Copies the database at `from`, as it is at one instant, to `to`, where it is one file with nothing
 * beside it. Under its own name it appears only when it is whole and has been checked. Throws
 * FileRefusal when `from` is missing or damaged, or `to` is there already and not to be replaced.
 */
export async function backUp(
  from: string,
  to: string,
  options: { replace: boolean },
): Promise<BackedUp> {
  refuseUnlessFree(from, to, options.replace);
  const partial = `${to}.partial`;
  try {
    const pages = await copyDatabase(from, partial);
    const dataKeys = neededKeysOfFile(partial);
    syncAndRename(partial, to);
    return { file: to, bytes: statSync(to).size, pages, dataKeys };
  } finally {
    removeDatabase(partial);
  }
}

function refuseUnlessFree(from: string, to: string, mayReplace: boolean): void {
  if (!existsSync(from)) throw new FileRefusal('missing', `${from} is not there.`);
  if (!existsSync(to)) return;
  if (realpathSync(from) === realpathSync(to)) {
    throw new FileRefusal('exists', `${to} is the database itself.`);
  }
  if (!mayReplace) throw new FileRefusal('exists', `${to} is there already.`);
  const companion = COMPANIONS.map((suffix) => `${to}${suffix}`).find((path) => existsSync(path));
  // SQLite would apply an old log to the new file.
  if (companion) throw new FileRefusal('in-use', `${to} is in use, or was: ${companion} is there.`);
}

/**
 * Copies `from` through SQLite's backup API into a fresh file without a log, takes nobody's lock
 * along, and checks it. Returns the number of pages. Throws FileRefusal `damaged`.
 */
export async function copyDatabase(from: string, to: string): Promise<number> {
  removeDatabase(to);
  mkdirSync(dirname(to), { recursive: true });
  try {
    const source = new Database(from, { readonly: true, fileMustExist: true });
    try {
      // In one step, which reads one snapshot: a copy in many begins anew after each write of others.
      await source.backup(to, { progress: () => 0x7fff_ffff });
    } finally {
      source.close();
    }
    chmodSync(to, statSync(from).mode);
    return checkCopy(to, from);
  } catch (error) {
    if (error instanceof Database.SqliteError) {
      throw new FileRefusal('damaged', `${from}: ${error.code} ${error.message}`);
    }
    throw error;
  }
}

function checkCopy(path: string, from: string): number {
  const copy = new Database(path, { fileMustExist: true });
  try {
    copy.pragma('journal_mode = DELETE');
    const [first] = copy.pragma('integrity_check(1)') as { integrity_check: string }[];
    if (first?.integrity_check !== 'ok') {
      throw new FileRefusal('damaged', `${from}: ${first?.integrity_check ?? 'no answer'}`);
    }
    const hasLock = copy.prepare("SELECT 1 FROM sqlite_master WHERE name = 'poller_lock'").get();
    if (hasLock) copy.exec('DELETE FROM poller_lock');
    return Number(copy.pragma('page_count', { simple: true }));
  } finally {
    copy.close();
  }
}

/** Puts a finished file under its final name, so that a power cut leaves the old one or the new one. */
export function syncAndRename(from: string, to: string): void {
  sync(from);
  renameSync(from, to);
  sync(dirname(to));
}

function sync(path: string): void {
  const descriptor = openSync(path, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/** Removes a database that nobody uses, and what lies beside it. */
export function removeDatabase(path: string): void {
  for (const suffix of ['', ...COMPANIONS]) rmSync(`${path}${suffix}`, { force: true });
}

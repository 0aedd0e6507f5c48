/** The file's size on disk: its free pages, its write-ahead log, and the room that is left. */
import { statfsSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Database } from 'better-sqlite3';

/**
 * Above this a checkpoint is asked for by hand, and after one the log is cut down to it. Commits
 * checkpoint by themselves at 1000 pages (SQLite's default); the log only grows past that while
 * somebody reads for long, such as a backup.
 */
export const WAL_MAX_BYTES = 64 * 1024 * 1024;

/** Bytes that this process may still write to the file system of `path`. */
export function freeDiskBytes(path: string): number {
  const { bavail, bsize } = statfsSync(dirname(path));
  return bavail * bsize;
}

/** Gives up to `pages` free pages back to the file system; returns how many are left. */
export function vacuumStep(sqlite: Database, pages: number): number {
  sqlite.pragma(`incremental_vacuum(${pages})`);
  return freePages(sqlite);
}

/** Pages of the file that hold nothing. */
export function freePages(sqlite: Database): number {
  return Number(sqlite.pragma('freelist_count', { simple: true }));
}

/** Size of the write-ahead log; 0 when there is none. */
export function walBytes(sqlite: Database): number {
  return statSync(`${sqlite.name}-wal`, { throwIfNoEntry: false })?.size ?? 0;
}

/** Copies what nobody reads any more from the log into the file, and waits for nobody. */
export function checkpoint(sqlite: Database): void {
  sqlite.pragma('wal_checkpoint(PASSIVE)');
}

/** Empties the log before the file is closed; whoever reads at that moment may keep it for later. */
export function checkpointForClose(sqlite: Database): void {
  try {
    sqlite.pragma('busy_timeout = 500');
    sqlite.pragma('wal_checkpoint(TRUNCATE)');
  } catch {
    // The next process to open the file finds the log and goes on from it.
  }
}

/** Looks at a file without changing it, beside a running exchange, on a full disk, on a damaged file. */
import { statSync } from 'node:fs';
import Database from 'better-sqlite3';
import { drizzle } from 'drizzle-orm/better-sqlite3';
import type { Instant } from '../message.ts';
import { knowsKeys, neededKeys } from './data-keys.ts';
import { list, UNMAPPED_POOL } from './directory.ts';
import { directoryFaults } from './directory-rules.ts';
import { type LaneFacts, laneFacts, type StuckHeads, stuckHeads } from './examine-lanes.ts';
import { type SchemaVersion, schemaVersion } from './migrations.ts';
import { listPauses } from './pauses.ts';
import { countByKey, type KeyCount } from './sealed-columns.ts';
import type { Pause } from './store.ts';
import { freeDiskBytes, freePages, WAL_MAX_BYTES, walBytes } from './upkeep-disk.ts';
import { type LockHolder, lockRow } from './upkeep-lock.ts';

export type { KeyCount, LaneFacts, LockHolder, SchemaVersion, StuckHeads };

export interface FileFacts {
  bytes: number;
  pageSize: number;
  pages: number;
  freePages: number;
  /** `incremental` gives freed pages back to the disk. */
  autoVacuum: 'none' | 'full' | 'incremental';
  journalMode: string;
}

export interface WalFacts {
  bytes: number;
  /** The bound that upkeep holds it to. */
  maxBytes: number;
}

export interface WaitingDocuments {
  documents: number;
  newestAt?: Instant;
}

export interface SessionFacts {
  /** Histories that were given up, by error code. */
  failed: { errorCode: string; sessions: number }[];
  /** Histories whose listing has failed several times running and is tried again. */
  failing: number;
}

export interface ClockFacts {
  /** Of the last thousand accepted: how many were accepted later than now. */
  fromTheFuture: number;
  newestAt?: Instant;
}

export interface DirectoryFacts {
  pools: number;
  /** Messages that wait for a pool to be added. */
  waiting: number;
  /** What such messages say they wait for, each once; names pools and no patient. */
  reasons: string[];
  /** Pools with a row that can't be as it is, and the fields that are wrong. */
  faulty: { ohPoolId: string; fields: string[] }[];
}

export interface SealingFacts {
  /** How many values are under which key; the whole file is read for it. */
  counts: KeyCount[];
  /** Ids of the keys that the file needs. */
  needed: string[];
}

/** A file of this size is read whole in well under a minute. */
export const QUICK_CHECK_MAX_BYTES = 4 * 1024 ** 3;
const MAX_COMPLAINTS = 10;
const MAX_REASONS = 10;
const FAILING_ATTEMPTS = 3;
/** Clocks of one machine are read twice within this. */
const TICK_MS = 2000;

/** Every verb throws what SQLite throws on a damaged file: see `failureOf`. None changes the file. */
export class Examination {
  readonly #path: string;
  readonly #sqlite: Database.Database;

  /** Opens the file read-only. Throws when it is not there or can't be opened. */
  constructor(path: string) {
    this.#path = path;
    this.#sqlite = new Database(path, { readonly: true, fileMustExist: true });
  }

  async file(): Promise<FileFacts> {
    const sqlite = this.#sqlite;
    const number = (name: string) => Number(sqlite.pragma(name, { simple: true }));
    return {
      bytes: statSync(this.#path).size,
      pageSize: number('page_size'),
      pages: number('page_count'),
      freePages: freePages(sqlite),
      autoVacuum: (['none', 'full', 'incremental'] as const)[number('auto_vacuum')] ?? 'none',
      journalMode: String(sqlite.pragma('journal_mode', { simple: true })),
    };
  }

  /** What is wrong with the file, as SQLite says it; empty when it is whole. `full` checks indexes too. */
  async damage(full: boolean): Promise<string[]> {
    const check = full ? 'integrity_check' : 'quick_check';
    const rows = this.#sqlite.prepare(`PRAGMA ${check}(${MAX_COMPLAINTS})`).pluck().all();
    return rows.map(String).filter((row) => row !== 'ok');
  }

  async version(): Promise<SchemaVersion> {
    return schemaVersion(this.#sqlite);
  }

  async wal(): Promise<WalFacts> {
    return { bytes: walBytes(this.#sqlite), maxBytes: WAL_MAX_BYTES };
  }

  async freeDiskBytes(): Promise<number> {
    return freeDiskBytes(this.#path);
  }

  /** Who polls the file, or last did and did not give the lock back. */
  async poller(now: Instant): Promise<LockHolder | undefined> {
    return lockRow(drizzle(this.#sqlite), now);
  }

  async lanes(): Promise<LaneFacts[]> {
    return laneFacts(this.#sqlite);
  }

  async stuckHeads(before: Instant): Promise<StuckHeads[]> {
    return stuckHeads(this.#sqlite, before);
  }

  async pauses(): Promise<Pause[]> {
    return listPauses(drizzle(this.#sqlite));
  }

  /** Documents in quarantine that nobody has taken in again. */
  async quarantine(): Promise<WaitingDocuments> {
    const row = this.#sqlite
      .prepare(
        `SELECT count(*) AS documents, max(last_seen_at) AS newestAt FROM quarantine
         WHERE replayed_at IS NULL AND purged_at IS NULL`,
      )
      .get() as { documents: number; newestAt: number | null };
    const { documents, newestAt } = row;
    return { documents, ...(newestAt === null ? {} : { newestAt }) };
  }

  async sessions(): Promise<SessionFacts> {
    const failed = this.#sqlite
      .prepare(
        `SELECT coalesce(error_code, 'unknown') AS errorCode, count(*) AS sessions FROM sessions
         WHERE state = 'dead' GROUP BY 1 ORDER BY 2 DESC`,
      )
      .all() as SessionFacts['failed'];
    const failing = this.#sqlite
      .prepare("SELECT count(*) FROM sessions WHERE state = 'pending' AND fruitless_attempts >= ?")
      .pluck()
      .get(FAILING_ATTEMPTS);
    return { failed, failing: Number(failing) };
  }

  async clock(now: Instant): Promise<ClockFacts> {
    const { fromTheFuture, newestAt } = this.#sqlite
      .prepare(
        `SELECT coalesce(sum(accepted_at > ?), 0) AS fromTheFuture, max(accepted_at) AS newestAt
         FROM (SELECT accepted_at FROM inbox ORDER BY seq DESC LIMIT 1000)`,
      )
      .get(now + TICK_MS) as { fromTheFuture: number; newestAt: number | null };
    return { fromTheFuture, ...(newestAt === null ? {} : { newestAt }) };
  }

  async directory(): Promise<DirectoryFacts> {
    const groups = list(drizzle(this.#sqlite));
    const fields = new Map<string, Set<string>>();
    for (const { row, field } of directoryFaults(groups)) {
      const ohPoolId = groups[row]?.ohPoolId ?? '';
      fields.set(ohPoolId, (fields.get(ohPoolId) ?? new Set()).add(field));
    }
    // The condition is literal, so that the partial index serves.
    const waits = `FROM inbox WHERE state = 'pending' AND error_code = '${UNMAPPED_POOL}'`;
    const reasons = this.#sqlite
      .prepare(`SELECT reason ${waits} GROUP BY reason ORDER BY count(*) DESC LIMIT ${MAX_REASONS}`)
      .pluck()
      .all();
    return {
      pools: new Set(groups.map(({ ohPoolId }) => ohPoolId)).size,
      waiting: Number(this.#sqlite.prepare(`SELECT count(*) ${waits}`).pluck().get()),
      reasons: reasons.map(String),
      faulty: [...fields].map(([ohPoolId, wrong]) => ({ ohPoolId, fields: [...wrong] })),
    };
  }

  /** Undefined for a file from before contents were sealed. */
  async sealing(): Promise<SealingFacts | undefined> {
    if (!knowsKeys(this.#sqlite)) return undefined;
    return { counts: countByKey(this.#sqlite), needed: neededKeys(this.#sqlite) };
  }

  close(): void {
    this.#sqlite.close();
  }
}

/** What keeps the file in order while the exchange runs: who polls it, what is dropped, its size. */
import type { Instant } from '../message.ts';
import type { Write } from './group-commit.ts';
import type { Connection } from './open.ts';
import { type Readings, readings } from './readings.ts';
import { checkpoint, freePages, vacuumStep, WAL_MAX_BYTES, walBytes } from './upkeep-disk.ts';
import { type LockState, lockHolder, ownerName, releaseLock, takeLock } from './upkeep-lock.ts';
import { type Cutoffs, type PurgeCursor, purgeMessages, purgeQuarantine } from './upkeep-purge.ts';

export { LOCK_EXPIRY_MS } from './upkeep-lock.ts';
export type { Cutoffs, LockState, PurgeCursor, Readings };

/** Verbs for the periodic work; each is one short transaction, or none. */
export class UpkeepStore {
  /** Who we are to other processes on the same file: `host:pid:random`. */
  readonly owner = ownerName();
  readonly #connection: Connection;
  readonly #write: Write;
  readonly #now: () => Instant;
  readonly #freeDiskBytes: () => number;

  constructor(
    connection: Connection,
    write: Write,
    now: () => Instant,
    freeDiskBytes: () => number,
  ) {
    this.#connection = connection;
    this.#write = write;
    this.#now = now;
    this.#freeDiskBytes = freeDiskBytes;
  }

  /** What a monitor wants to know of the file, from indexes and the file system alone. */
  async readings(): Promise<Readings> {
    return readings(this.#connection, this.#freeDiskBytes());
  }

  /**
   * Takes the right to poll if it is free, or renews it if it is ours. What a dead owner had in hand
   * comes again: its deliveries after `answerWithinMs`, everything else at once.
   */
  takeLock(answerWithinMs: number): Promise<LockState> {
    const { db } = this.#connection;
    return this.#write(() => takeLock(db, this.owner, answerWithinMs, this.#now()));
  }

  /** Gives the right to poll back; harmless when it is not ours. */
  releaseLock(): Promise<void> {
    return this.#write(() => releaseLock(this.#connection.db, this.owner));
  }

  /** Whether this process polls the file, another one does, or nobody. */
  async polledBy(): Promise<'here' | 'elsewhere' | 'nowhere'> {
    const holder = lockHolder(this.#connection.db, this.#now());
    if (holder === undefined) return 'nowhere';
    return holder === this.owner ? 'here' : 'elsewhere';
  }

  /** Drops payloads whose time is over; looks at up to `limit` messages after the cursor. */
  purgeMessages(cutoffs: Cutoffs, after: PurgeCursor | undefined, limit: number) {
    return this.#write(() =>
      purgeMessages(this.#connection.db, cutoffs, after, limit, this.#now()),
    );
  }

  /** Drops a few quarantined bodies whose time is over; 0 when there are no more. */
  purgeQuarantine(cutoffs: Cutoffs): Promise<number> {
    return this.#write(() => purgeQuarantine(this.#connection.db, cutoffs, this.#now()));
  }

  /** Pages of the file that hold nothing. */
  async freePages(): Promise<number> {
    return freePages(this.#connection.sqlite);
  }

  /** Gives up to `pages` free pages back to the file system; returns how many are left. */
  vacuum(pages: number): Promise<number> {
    return this.#write(() => vacuumStep(this.#connection.sqlite, pages));
  }

  /** Size of the write-ahead log, and the bound that upkeep holds it to. */
  async wal(): Promise<{ bytes: number; maxBytes: number }> {
    return { bytes: walBytes(this.#connection.sqlite), maxBytes: WAL_MAX_BYTES };
  }

  /** A passive checkpoint: what was vacuumed leaves the file, the log can be used anew. */
  async checkpoint(): Promise<void> {
    checkpoint(this.#connection.sqlite);
  }
}

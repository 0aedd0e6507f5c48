/** Whether there is room for more: rows that wait, and bytes on disk. Asked before anything is stored. */
import { ExchangeError } from '../errors.ts';
import type { Instant } from '../message.ts';

export interface CapacityOptions {
  now: () => Instant;
  countPending: () => number;
  /** Pending rows from which on nothing more is accepted. */
  maxBacklog: number;
  freeBytes: () => number;
  /** Free bytes on disk below which nothing more is accepted. */
  minFreeBytes: number;
}

/** Each is measured at most this often. */
const MEASURE_EVERY_MS = 1000;
/** More than are ever accepted in a millisecond: the count, which takes as long as the backlog is large, waits. */
const ACCEPTED_PER_MS = 50;
const LONGEST_WAIT_MS = 30_000;
const RETRY_AFTER_S = 5;
/** A disk is not emptied in seconds. */
const DISK_RETRY_AFTER_S = 30;

export class Capacity {
  readonly #options: CapacityOptions;
  readonly #backlog: () => number;
  readonly #freeBytes: () => number;

  constructor(options: CapacityOptions) {
    this.#options = options;
    const { countPending, maxBacklog, freeBytes, now } = options;
    this.#backlog = measuredSeldom(countPending, now, (pending) =>
      Math.min((maxBacklog - pending) / ACCEPTED_PER_MS, LONGEST_WAIT_MS),
    );
    this.#freeBytes = measuredSeldom(freeBytes, now, () => MEASURE_EVERY_MS);
  }

  /** Throws `unavailable` when too many messages wait, or the disk is nearly full. */
  refuseWhenFull(): void {
    this.refuseWhenDiskIsFull();
    if (this.#backlog() < this.#options.maxBacklog) return;
    const detail = 'Too many messages are waiting; nothing of this request was stored.';
    throw new ExchangeError('unavailable', detail, { retryAfterSeconds: RETRY_AFTER_S });
  }

  /** Throws `unavailable` when the disk is nearly full: what is in hand must still find room. */
  refuseWhenDiskIsFull(): void {
    if (this.#freeBytes() >= this.#options.minFreeBytes) return;
    const detail = 'The disk is nearly full; nothing of this request was stored.';
    throw new ExchangeError('unavailable', detail, { retryAfterSeconds: DISK_RETRY_AFTER_S });
  }
}

/** `waitMs` says by the latest value when to measure again, which is never sooner than in a second. */
function measuredSeldom(
  measure: () => number,
  now: () => Instant,
  waitMs: (value: number) => number,
): () => number {
  let measuredAt = Number.NEGATIVE_INFINITY;
  let value = 0;
  return () => {
    // The distance, not the difference: a clock may be set back.
    if (Math.abs(now() - measuredAt) >= Math.max(waitMs(value), MEASURE_EVERY_MS)) {
      value = measure();
      measuredAt = now();
    }
    return value;
  };
}

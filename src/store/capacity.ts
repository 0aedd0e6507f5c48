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

/** Each is measured at most this often: the count takes as long as the backlog is large. */
const MEASURE_EVERY_MS = 1000;
const RETRY_AFTER_S = 5;
/** A disk is not emptied in seconds. */
const DISK_RETRY_AFTER_S = 30;

export class Capacity {
  readonly #options: CapacityOptions;
  readonly #backlog: () => number;
  readonly #freeBytes: () => number;

  constructor(options: CapacityOptions) {
    this.#options = options;
    this.#backlog = measuredSeldom(options.countPending, options.now);
    this.#freeBytes = measuredSeldom(options.freeBytes, options.now);
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

function measuredSeldom(measure: () => number, now: () => Instant): () => number {
  let measuredAt = Number.NEGATIVE_INFINITY;
  let value = 0;
  return () => {
    // The distance, not the difference: a clock may be set back.
    if (Math.abs(now() - measuredAt) >= MEASURE_EVERY_MS) {
      value = measure();
      measuredAt = now();
    }
    return value;
  };
}

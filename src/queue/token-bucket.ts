/** A token bucket: so many a second, evenly, with little saved up. Pure: the clock is an argument. */
import type { Instant } from '../message.ts';

/** How much of a second's tokens may be saved up; more would let two seconds' worth go in one. */
const SAVED_SECONDS = 0.1;
/** Lost in the arithmetic of fractions; without it a token that is due would be missing. */
const EPSILON = 1e-6;

export class TokenBucket {
  readonly #perSecond: number;
  readonly #capacity: number;
  #tokens: number;
  #filledAt: Instant;

  /** Starts full. `perSecond` is above 0 and may be a fraction. */
  constructor(perSecond: number, now: Instant) {
    this.#perSecond = perSecond;
    this.#capacity = Math.max(1, perSecond * SAVED_SECONDS);
    this.#tokens = this.#capacity;
    this.#filledAt = now;
  }

  /** How many whole tokens there are. */
  available(now: Instant): number {
    this.#fill(now);
    return Math.floor(this.#tokens + EPSILON);
  }

  /** Takes tokens that `available` said are there. */
  take(count: number, now: Instant): void {
    this.#fill(now);
    this.#tokens = Math.max(0, this.#tokens - count);
  }

  /** When there is a token: `now`, or later. */
  readyAt(now: Instant): Instant {
    if (this.available(now) >= 1) return now;
    return Math.ceil(now + ((1 - this.#tokens) / this.#perSecond) * 1000);
  }

  #fill(now: Instant): void {
    const elapsedMs = Math.max(0, now - this.#filledAt);
    this.#tokens = Math.min(this.#capacity, this.#tokens + (elapsedMs / 1000) * this.#perSecond);
    this.#filledAt = now;
  }
}

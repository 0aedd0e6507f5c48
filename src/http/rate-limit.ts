/**
 * How many requests one caller of the API may make, and the header fields that say how many are left
 * (draft-ietf-httpapi-ratelimit-headers-10).
 */
import { ExchangeError } from '../errors.ts';
import type { Instant } from '../message.ts';

export interface RateLimitPolicy {
  /** Requests of one caller in a window; 0: no limit. */
  max: number;
  windowMs: number;
  /** Callers remembered; beyond it the one whose window began first is forgotten. */
  maxCallers: number;
}

interface Window {
  since: Instant;
  count: number;
}

export class RateLimit {
  readonly #policy: RateLimitPolicy;
  readonly #now: () => Instant;
  /** In the order in which they began. */
  readonly #windows = new Map<string, Window>();

  constructor(policy: RateLimitPolicy, now: () => Instant) {
    this.#policy = policy;
    this.#now = now;
  }

  /**
   * Counts a request and writes the fields of its answer. Throws `too-many-requests` when the caller has
   * none left.
   */
  take(caller: string, headers: Record<string, string | number>): void {
    const { max, windowMs } = this.#policy;
    if (max === 0) return;
    const now = this.#now();
    const { since, count } = this.#counted(caller, now);
    const resetSeconds = Math.max(1, Math.ceil((since + windowMs - now) / 1000));
    headers['ratelimit-policy'] = `"client";q=${max};w=${windowMs / 1000}`;
    headers['ratelimit'] = `"client";r=${Math.max(0, max - count)};t=${resetSeconds}`;
    if (count <= max) return;
    throw new ExchangeError('too-many-requests', `A caller may make ${max} requests a minute.`, {
      retryAfterSeconds: resetSeconds,
    });
  }

  #counted(caller: string, now: Instant): Window {
    const known = this.#windows.get(caller);
    if (known && now >= known.since && now - known.since < this.#policy.windowMs) {
      known.count += 1;
      return known;
    }
    const begun = { since: now, count: 1 };
    this.#windows.delete(caller);
    this.#windows.set(caller, begun);
    const [first] = this.#windows.keys();
    if (this.#windows.size > this.#policy.maxCallers && first !== undefined) {
      this.#windows.delete(first);
    }
    return begun;
  }
}

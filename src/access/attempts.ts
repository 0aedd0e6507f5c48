/** Failed attempts, counted for each caller and each name, in bounded memory. */
import type { Instant } from '../message.ts';

/** After `max` failures within `windowMs` there is a wait until the window is over. */
export interface AttemptsPolicy {
  max: number;
  windowMs: number;
  /** Keys remembered; beyond it the one whose window began first is forgotten. */
  maxKeys: number;
}

interface Failures {
  since: Instant;
  count: number;
}

/** What a person who mistypes needs, and a guesser can't use. */
export const ATTEMPTS: AttemptsPolicy = { max: 10, windowMs: 5 * 60_000, maxKeys: 10_000 };

/** A caller of the API whose token was changed asks on and on; a flood is what this is against. */
export const WRONG_TOKENS: AttemptsPolicy = { max: 100, windowMs: 60_000, maxKeys: 10_000 };

export class FailedAttempts {
  readonly #policy: AttemptsPolicy;
  readonly #now: () => Instant;
  /** In the order in which their windows began. */
  readonly #failures = new Map<string, Failures>();

  constructor(policy: AttemptsPolicy, now: () => Instant) {
    this.#policy = policy;
    this.#now = now;
  }

  /** How long the key must wait, in milliseconds; 0 when it need not. */
  waitMs(key: string): number {
    const { max, windowMs } = this.#policy;
    const known = this.#failures.get(key);
    if (!known || known.count < max) return 0;
    return Math.max(0, known.since + windowMs - this.#now());
  }

  /** Counts a failure. True when it is the one that begins the wait. */
  fail(key: string): boolean {
    const { max, windowMs, maxKeys } = this.#policy;
    const now = this.#now();
    const known = this.#failures.get(key);
    if (known && now - known.since < windowMs) {
      known.count += 1;
      return known.count === max;
    }
    this.#failures.delete(key);
    this.#failures.set(key, { since: now, count: 1 });
    if (this.#failures.size > maxKeys) this.#forgetFirst();
    return max === 1;
  }

  /** A success makes up for the failures before it. */
  succeed(key: string): void {
    this.#failures.delete(key);
  }

  #forgetFirst(): void {
    const [first] = this.#failures.keys();
    if (first !== undefined) this.#failures.delete(first);
  }
}

/** Failed attempts, counted for each caller and each name, in bounded memory. */
import ipaddr from 'ipaddr.js';
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

/** Of an IPv6 address what a guesser has one of, and not 2⁶⁴: most hosts choose theirs within a /64 (RFC 4291 §2.5.1). */
const IPV6_NETWORK_BITS = 64;

/**
 * Whose failures are counted together: an IPv4 address, also where it is written as IPv6, or the /64 of an
 * IPv6 address. What is no address is itself.
 */
export function networkOf(address: string): string {
  if (!ipaddr.isValid(address)) return address;
  const parsed = ipaddr.process(address);
  if (parsed.kind() === 'ipv4') return parsed.toString();
  const bytes = parsed.toByteArray().fill(0, IPV6_NETWORK_BITS / 8);
  return `${ipaddr.fromByteArray(bytes).toString()}/${IPV6_NETWORK_BITS}`;
}

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

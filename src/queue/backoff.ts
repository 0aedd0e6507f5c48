/** What happens next to a row, decided from the outcome of its attempt. Pure: no clock, no chance. */
import type { Instant, Outcome } from '../message.ts';
import type { Settlement } from '../store/store.ts';

export interface RetryPolicy {
  /** Wait after the first failed attempt, the second, ...; the last one repeats. */
  scheduleMs: number[];
  /** Attempts after which a row is dead. Postponed ones don't count. */
  maxAttempts: number;
  /** Age since acceptance at which a row that failed again is dead, in milliseconds. */
  maxAgeMs: number;
}

/** What counts against the bounds of a policy. */
export interface Spent {
  /** Attempts, the present one included. */
  attempts: number;
  /** When the message was accepted; what has no age is bounded by its attempts alone. */
  acceptedAt?: Instant;
}

/** A destination that asks for more is asked again all the same. */
const MAX_ASKED_MS = 24 * 60 * 60 * 1000;

/** Waits are spread by this share each way, so that rows that failed together don't return together. */
const JITTER = 0.2;

/** The wait that a destination asked for (`Retry-After`), bounded to a day; 0 when it asked for none. */
export function boundedWaitMs(retryAfterMs = 0): number {
  return Math.min(retryAfterMs, MAX_ASKED_MS);
}

/**
 * The wait after `spent` attempts, in milliseconds. `random` is in [0, 1). A wait that the
 * destination asked for wins when it is longer, and is only ever lengthened by the jitter.
 */
export function backoffMs(
  policy: RetryPolicy,
  spent: number,
  random: number,
  retryAfterMs = 0,
): number {
  const { scheduleMs } = policy;
  const scheduled = scheduleMs[Math.min(spent, scheduleMs.length) - 1] ?? 0;
  const spread = scheduled * (1 + JITTER * (2 * random - 1));
  const asked = boundedWaitMs(retryAfterMs) * (1 + JITTER * random);
  return Math.round(Math.max(spread, asked));
}

/**
 * Decides what becomes of a row after an attempt. Attempts and age are bounded, and what is over a bound
 * is dead with the reason of this attempt: nothing dies of age without having been tried.
 */
export function settlementOf(
  outcome: Outcome,
  { attempts, acceptedAt }: Spent,
  policy: RetryPolicy,
  now: Instant,
  random: number,
): Settlement {
  if (outcome.kind === 'delivered') return { state: 'done', outcome };
  if (outcome.kind === 'rejected') return { state: 'dead', outcome };
  const isPostponed = outcome.kind === 'postponed';
  if (!isPostponed && attempts >= policy.maxAttempts) return { state: 'dead', outcome };
  if (now - (acceptedAt ?? now) >= policy.maxAgeMs) return { state: 'dead', outcome };
  const waitMs = backoffMs(policy, isPostponed ? 1 : attempts, random, outcome.retryAfterMs);
  return { state: 'pending', outcome, dueAt: now + waitMs };
}

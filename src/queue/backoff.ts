/** What happens next to a row, decided from the outcome of its attempt. Pure: no clock, no chance. */
import type { Instant, Outcome } from '../message.ts';
import type { Settlement } from '../store/store.ts';

export interface RetryPolicy {
  /** Wait after the first failed attempt, the second, ...; the last one repeats. */
  scheduleMs: number[];
  /** Attempts after which a row is dead. Postponed ones don't count. */
  maxAttempts: number;
}

/** Waits are spread by this share each way, so that rows that failed together don't return together. */
const JITTER = 0.2;

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
  const asked = retryAfterMs * (1 + JITTER * random);
  return Math.round(Math.max(spread, asked));
}

/** Decides what becomes of a row after an attempt. `spent` counts this attempt. */
export function settlementOf(
  outcome: Outcome,
  spent: number,
  policy: RetryPolicy,
  now: Instant,
  random: number,
): Settlement {
  if (outcome.kind === 'delivered') return { state: 'done', outcome };
  if (outcome.kind === 'rejected') return { state: 'dead', outcome };
  const isPostponed = outcome.kind === 'postponed';
  if (!isPostponed && spent >= policy.maxAttempts) return { state: 'dead', outcome };
  const waitMs = backoffMs(policy, isPostponed ? 1 : spent, random, outcome.retryAfterMs);
  return { state: 'pending', outcome, dueAt: now + waitMs };
}

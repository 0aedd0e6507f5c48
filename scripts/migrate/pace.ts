/** So many a second and no more: whoever was slow saves nothing up. */
import type { Instant } from '../../src/message.ts';

/** Time, for whoever waits; a test moves its own. */
export interface Clock {
  now: () => Instant;
  sleep: (ms: number) => Promise<void>;
}

export interface Pace {
  /** Milliseconds until what was spent so far is paid for; 0 when something may be done. */
  waitMs(): number;
  /** Says how much was done. What was known before costs nothing: it made no work. */
  spend(count: number): void;
}

/** `perSecond` may be a fraction; 0 is no bound. */
export function createPace(perSecond: number, { now }: Pick<Clock, 'now'>): Pace {
  let paidAt = Number.NEGATIVE_INFINITY;
  return {
    waitMs: () => Math.max(0, Math.ceil(paidAt - now())),
    spend(count) {
      if (perSecond > 0 && count > 0) paidAt = Math.max(paidAt, now()) + (count / perSecond) * 1000;
    },
  };
}

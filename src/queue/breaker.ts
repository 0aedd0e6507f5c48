/**
 * A circuit breaker for one lane: after some failures in a row nothing is claimed for a while, then
 * one row as a probe. Pure: the clock is an argument.
 *
 * Not cockatiel's: that breaker reads `Date.now()` itself and judges only what it runs (`execute`), so
 * it can't be asked before a claim, and its refusal would come when the attempt is already spent.
 */
import type { Instant } from '../message.ts';
import { boundedWaitMs } from './backoff.ts';

export type BreakerState = 'closed' | 'open' | 'half-open';

export interface BreakerPolicy {
  /** How many failures in a row open it. */
  failures: number;
  /** How long it stays open the first time, the second, ...; the last one repeats, none is over a minute. */
  scheduleMs: number[];
  /** How long a probe may take, its lease: after that another goes. */
  probeMs: number;
}

/** One attempt's word against the destination. */
export interface Failure {
  messageId: string;
  code: string;
  /** The destination asked for a pause: it opens at once, however few failed before. */
  slowDown: boolean;
  /** How long a pause it asked for, in milliseconds. */
  retryAfterMs?: number;
}

export interface BreakerChange {
  from: BreakerState;
  to: BreakerState;
  /** Code of the failure that opened it. */
  code: string;
}

const MAX_WAIT_MS = 60_000;

export class Breaker {
  readonly #policy: BreakerPolicy;
  #state: BreakerState = 'closed';
  #failures = 0;
  #code = '';
  #openUntil: Instant = 0;
  /** How often it opened since it was last closed. */
  #openings = 0;
  /** The message whose failure opened it last. */
  #openedBy: string | undefined;
  /** The message that tries whether the destination is back. */
  #probe: string | undefined;
  #probeUntil: Instant = 0;

  constructor(policy: BreakerPolicy) {
    this.#policy = policy;
  }

  /** Failures since the last success. */
  get failuresInARow(): number {
    return this.#failures;
  }

  /** Code of the latest failure; undefined when the latest word was a success. */
  get code(): string | undefined {
    return this.#failures > 0 ? this.#code : undefined;
  }

  /** `half-open` as soon as the wait is over: the next claim is the probe. */
  state(now: Instant): BreakerState {
    if (this.#state === 'closed') return 'closed';
    return this.readyAt() > now && this.#probe === undefined ? 'open' : 'half-open';
  }

  /** How many rows may be claimed now. */
  allowance(now: Instant): number {
    if (this.#state === 'closed') return Number.POSITIVE_INFINITY;
    return now >= this.readyAt() ? 1 : 0;
  }

  /** From when on something may be claimed. A probe not heard of when its lease is over is given up. */
  readyAt(): Instant {
    if (this.#state === 'closed') return 0;
    return this.#probe === undefined ? this.#openUntil : this.#probeUntil;
  }

  /** Ends the wait: the next claim is the probe. */
  endWait(now: Instant): void {
    this.#openUntil = Math.min(this.#openUntil, now);
  }

  /** Says which message was claimed as the probe. */
  probe(messageId: string, now: Instant): BreakerChange | undefined {
    if (this.#state === 'closed') return undefined;
    this.#probe = messageId;
    this.#probeUntil = now + this.#policy.probeMs;
    return this.#become('half-open');
  }

  /** The destination answered. Only the probe's word closes: the others may have begun before the trouble. */
  succeed(messageId: string): BreakerChange | undefined {
    if (this.#state !== 'closed' && messageId !== this.#probe) return undefined;
    this.#failures = 0;
    this.#openings = 0;
    this.#openedBy = undefined;
    this.#probe = undefined;
    return this.#become('closed');
  }

  fail(failure: Failure, now: Instant): BreakerChange | undefined {
    this.#failures += 1;
    this.#code = failure.code;
    if (this.#state !== 'closed' && failure.messageId !== this.#probe) {
      const asked = now + boundedWaitMs(failure.retryAfterMs);
      this.#openUntil = Math.max(this.#openUntil, asked);
      return undefined;
    }
    const isEnough = this.#failures >= this.#policy.failures;
    if (this.#state === 'closed' && !isEnough && !failure.slowDown) return undefined;
    return this.#open(failure, now);
  }

  /** What came of the attempt says nothing of the destination: a probe that told nothing lets another go. */
  abstain(messageId: string): void {
    if (messageId === this.#probe) this.#probe = undefined;
  }

  /**
   * One message that fails again and again may itself be the trouble, and its own backoff grows already:
   * then the breaker's wait does not grow, and other messages soon get their turn as the probe.
   */
  #open({ messageId, retryAfterMs }: Failure, now: Instant): BreakerChange | undefined {
    if (messageId !== this.#openedBy) this.#openings += 1;
    this.#openedBy = messageId;
    this.#probe = undefined;
    const { scheduleMs } = this.#policy;
    const scheduled = scheduleMs[Math.min(this.#openings, scheduleMs.length) - 1] ?? 0;
    const waitMs = Math.max(Math.min(scheduled, MAX_WAIT_MS), boundedWaitMs(retryAfterMs));
    this.#openUntil = now + waitMs;
    return this.#become('open');
  }

  #become(to: BreakerState): BreakerChange | undefined {
    const from = this.#state;
    this.#state = to;
    return from === to ? undefined : { from, to, code: this.#code };
  }
}

/**
 * Asked before every claim of a lane: may anything be claimed, and how much? Pause, breaker and rate
 * are weighed here, so that a row that has to wait spends no attempt.
 */
import type { Logger } from 'pino';
import { bugOf } from '../errors.ts';
import type { Instant, Outcome, Outgoing } from '../message.ts';
import type { Claimed, Lane, OpenBreaker } from '../store/store.ts';
import { UpstreamError } from '../upstream.ts';
import type { Duplicate } from './attempt.ts';
import { Breaker, type BreakerChange, type BreakerPolicy, type BreakerState } from './breaker.ts';
import { TokenBucket } from './token-bucket.ts';
import { verdictOn } from './verdict.ts';

export interface GateOptions {
  lane: Lane;
  breaker: BreakerPolicy;
  /** Claims a second; 0 for no bound. */
  ratePerSecond: number;
  isPaused: () => Promise<boolean>;
  /** Says in the file how it stands with the breaker; without an argument it is closed. */
  note: (breaker?: OpenBreaker) => Promise<void>;
  now: () => Instant;
  log: Logger;
}

/** How a lane stands with its destination. */
export interface GateView {
  state: BreakerState;
  /** Until when nothing is claimed; only while open. */
  openUntil?: Instant;
  failuresInARow: number;
  /** Code of the latest failure, when nothing succeeded since. */
  code?: string;
  /** Messages that are worked on at this moment. */
  inHand: number;
}

/** What the work of a lane comes to. */
type Result = Outcome | Outgoing | Duplicate;

export class Gate {
  readonly #options: GateOptions;
  readonly #breaker: Breaker;
  readonly #bucket: TokenBucket | undefined;
  readonly #inHand = new Set<string>();
  /** What the file was told last; before anything was claimed it may hold the word of a dead process. */
  #noted: string | undefined;

  constructor(options: GateOptions) {
    this.#options = options;
    this.#breaker = new Breaker(options.breaker);
    const { ratePerSecond, now } = options;
    this.#bucket = ratePerSecond > 0 ? new TokenBucket(ratePerSecond, now()) : undefined;
  }

  /** Claims up to `limit` rows, or as many of them as may go now. */
  async claim(limit: number, claim: (limit: number) => Promise<Claimed[]>): Promise<Claimed[]> {
    const { isPaused, now } = this.#options;
    if (await isPaused()) return [];
    const allowed = this.#breaker.allowance(now());
    const tokens = this.#bucket?.available(now()) ?? Number.POSITIVE_INFINITY;
    const free = Math.min(limit, allowed, tokens);
    if (free < 1) return [];
    const claimed = await claim(free);
    this.#bucket?.take(claimed.length, now());
    for (const { id } of claimed) this.#inHand.add(id);
    const [first] = claimed;
    // What was claimed under a closed breaker is no probe, even if it has opened meanwhile.
    if (first && allowed === 1) this.#tell(this.#breaker.probe(first.id, now()));
    await this.#note();
    return claimed;
  }

  /** When something can be claimed, given when something is due; undefined when that can't be known. */
  async nextAt(dueAt: Instant | undefined): Promise<Instant | undefined> {
    const { isPaused, now } = this.#options;
    if (dueAt === undefined || (await isPaused())) return undefined;
    const at = Math.max(dueAt, this.#breaker.readyAt(), this.#bucket?.readyAt(now()) ?? 0);
    return Number.isFinite(at) ? at : undefined;
  }

  /** The same work, listened to: what comes of it is the breaker's to hear. */
  listening<Context, R extends Result>(
    work: (claimed: Claimed, context: Context) => Promise<R>,
  ): (claimed: Claimed, context: Context) => Promise<R> {
    return async (claimed, context) => {
      try {
        const result = await work(claimed, context);
        await this.#hear(claimed.id, result);
        return result;
      } catch (error) {
        await this.#hear(claimed.id, error instanceof UpstreamError ? error.outcome : undefined);
        throw error;
      }
    };
  }

  /** Ends the wait of an open breaker: the next claim is the probe. */
  endWait(): void {
    this.#breaker.endWait(this.#options.now());
  }

  view(): GateView {
    const now = this.#options.now();
    const state = this.#breaker.state(now);
    const { failuresInARow, code } = this.#breaker;
    return {
      state,
      ...(state === 'open' ? { openUntil: this.#breaker.readyAt() } : {}),
      failuresInARow,
      ...(code === undefined ? {} : { code }),
      inHand: this.#inHand.size,
    };
  }

  #hear(messageId: string, result: Result | undefined): Promise<void> {
    const { lane, now } = this.#options;
    this.#inHand.delete(messageId);
    const verdict = result && verdictOn(lane, result);
    if (verdict === undefined) this.#breaker.abstain(messageId);
    else if (verdict === 'answered') this.#tell(this.#breaker.succeed(messageId));
    else this.#tell(this.#breaker.fail({ ...verdict, messageId }, now()));
    return this.#note();
  }

  /** It is for readers of the file alone: where it can't be written, the work goes on. */
  async #note(): Promise<void> {
    const { now, note, log, lane } = this.#options;
    const { code = '' } = this.#breaker;
    const state = this.#breaker.state(now());
    const until = this.#breaker.readyAt();
    const breaker = state === 'closed' ? undefined : { state, until, code };
    const noted = breaker ? `${state} ${until}` : 'closed';
    if (noted === this.#noted) return;
    this.#noted = noted;
    try {
      await note(breaker);
    } catch (error) {
      this.#noted = undefined;
      log.error({
        event: 'breaker',
        destination: lane.direction,
        stage: lane.stage,
        ...bugOf(error),
      });
    }
  }

  #tell(change: BreakerChange | undefined): void {
    if (!change) return;
    const { lane, log } = this.#options;
    const { openUntil } = this.view();
    const line = {
      event: 'breaker',
      destination: lane.direction,
      stage: lane.stage,
      ...change,
      failuresInARow: this.#breaker.failuresInARow,
      ...(openUntil === undefined ? {} : { openForMs: openUntil - this.#options.now() }),
    };
    if (change.to === 'open') log.warn(line);
    else log.info(line);
  }
}

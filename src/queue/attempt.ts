/**
 * One attempt at one row in hand: do the work, turn what came of it into an outcome, settle, and
 * write the attempt's one log line. Every lane goes through here.
 */
import type { Logger } from 'pino';
import { bugOf } from '../errors.ts';
import type { DeliveredIds, Instant, Outcome, Outgoing, Undelivered } from '../message.ts';
import type { Claimed, ClaimedSession, Note, SessionProgress, Store } from '../store/store.ts';
import type { AttemptResult, AttemptScope, AttemptTelemetry } from '../telemetry/attempts.ts';
import { type CallContext, UpstreamError } from '../upstream.ts';
import { type RetryPolicy, settlementOf } from './backoff.ts';

/** What an inbox row becomes: its translation, a verdict, or nothing new. */
export type Translation = Outgoing | Undelivered | Duplicate;

/** The OH message is already where it should be, or another row carries it there. */
export interface Duplicate {
  kind: 'duplicate';
  ids: DeliveredIds;
}

/** Translates one inbox row. Throws UpstreamError for what a look-up refused. */
export type Translate = (claimed: Claimed, context: CallContext) => Promise<Translation>;

/** Delivers one outbox row. Throws UpstreamError for what the destination refused. */
export type Deliver = (claimed: Claimed, context: DeliveryContext) => Promise<Outcome>;

export interface DeliveryContext extends CallContext {
  /** Puts on the message's timeline what the destination was asked and what it said. */
  note: (event: Note['event'], detail?: string) => void;
}

/** Lists the next window of a patient's history. Throws UpstreamError. */
export type ListHistory = (
  claimed: ClaimedSession,
  context: CallContext,
) => Promise<SessionProgress>;

export interface AttemptOptions {
  store: Store;
  policy: RetryPolicy;
  leaseMs: number;
  now: () => Instant;
  random: () => number;
  log: Logger;
  /** Counts and traces the attempts. */
  telemetry?: AttemptTelemetry;
  /** Aborts when what is in hand must come to an end, because the process does. */
  stopping?: AbortSignal;
}

/** What the log line of an attempt says of its end. */
interface Logged extends AttemptResult {
  reason?: string;
  httpStatus?: number | undefined;
  dueInMs?: number;
}

/** The work of an attempt must be over while its lease still holds, or it could run twice. */
const SHARE_OF_LEASE = 0.8;

/** Makes the work of an inbox lane. It calls `free` as soon as the store has what came of it to commit. */
export function translating(options: AttemptOptions, translate: Translate) {
  return async (claimed: Claimed, free: () => void): Promise<void> => {
    const scope = options.telemetry?.attempt(claimed);
    const inHand = { claimed, scope };
    const result = await guard(options, inHand, 'retry', (context) => translate(claimed, context));
    if ('direction' in result) {
      const handedOver = options.store.handOver(claimed, result, scope?.traceparent);
      free();
      endAttempt(options, inHand, { outcome: await handedOver });
    } else if (result.kind === 'duplicate') {
      const held = options.store.settleDuplicate(claimed, result.ids);
      free();
      endAttempt(options, inHand, { outcome: (await held) ? 'duplicate' : 'lost' });
    } else {
      await settle(options, inHand, result, [], free);
    }
  };
}

/** Makes the work of an outbox lane; `free` as for `translating`. */
export function delivering(options: AttemptOptions, deliver: Deliver) {
  return async (claimed: Claimed, free: () => void): Promise<void> => {
    const notes: Note[] = [];
    const note: DeliveryContext['note'] = (event, detail) =>
      void notes.push({ at: options.now(), event, ...(detail ? { detail } : {}) });
    const inHand = { claimed, scope: options.telemetry?.attempt(claimed) };
    const outcome = await guard(options, inHand, 'in-doubt', (context) =>
      deliver(claimed, { ...context, note }),
    );
    await settle(options, inHand, outcome, notes, free);
  };
}

/**
 * The same delivery, never twice at once for one message. A clock that jumps ahead ends a lease while
 * its attempt goes on: both would ask, both would be told that the message is not there, and both would
 * send. The second is put off by `waitMs` instead, and asks when the first is over.
 */
export function alone(deliver: Deliver, waitMs: number): Deliver {
  const underWay = new Set<string>();
  return async (claimed, context) => {
    if (underWay.has(claimed.id)) {
      const reason = 'An earlier attempt is still under way.';
      return { kind: 'postponed', code: 'under-way', reason, retryAfterMs: waitMs };
    }
    underWay.add(claimed.id);
    try {
      return await deliver(claimed, context);
    } finally {
      underWay.delete(claimed.id);
    }
  };
}

/** Makes the work of the lane of sessions: one window a claim. */
export function listing(options: AttemptOptions, list: ListHistory) {
  const { store, now, random, policy } = options;
  return async (claimed: ClaimedSession): Promise<void> => {
    const scope = options.telemetry?.listing(claimed);
    const inHand = { claimed, scope };
    const { correlationId } = claimed;
    const traced = { correlationId, ...traceOf(scope) };
    const result = await guard(options, inHand, 'retry', (context) => list(claimed, context));
    if (!('kind' in result)) {
      const held = await store.sessions.advance(claimed, result, scope?.traceparent);
      const { step } = result;
      const entries = step === 'listed' ? result.entries.length : 0;
      const outcome = held ? step : 'lost';
      scope?.end({ outcome });
      options.log.info({ event: 'session', state: 'pending', outcome, entries, ...traced });
      return;
    }
    const spent = { attempts: claimed.spent };
    const { state, ...next } = settlementOf(result, spent, policy, now(), random());
    await store.sessions.fail(claimed, result, 'dueAt' in next ? next.dueAt : undefined);
    const { kind: outcome, code, reason } = result;
    scope?.end({ outcome, code });
    options.log.warn({ event: 'session', state, outcome, code, reason, ...traced });
  };
}

/** Something claimed, and what is told of it. */
interface InHand<C> {
  claimed: C;
  scope: AttemptScope | undefined;
}

async function settle(
  options: AttemptOptions,
  inHand: InHand<Claimed>,
  outcome: Outcome,
  notes: Note[],
  free: () => void,
): Promise<void> {
  const { claimed } = inHand;
  const { store, policy, now, random } = options;
  const spent = { attempts: claimed.spent, acceptedAt: claimed.replayedAt ?? claimed.acceptedAt };
  const settlement = settlementOf(outcome, spent, policy, now(), random());
  const settled = store.settle(claimed, settlement, notes);
  free();
  const held = await settled;
  const { kind } = outcome;
  endAttempt(options, inHand, {
    outcome: held ? kind : 'lost',
    state: settlement.state,
    ...(outcome.kind === 'delivered'
      ? { found: outcome.found }
      : { code: outcome.code, reason: outcome.reason, httpStatus: outcome.httpStatus }),
    ...('dueAt' in settlement ? { dueInMs: settlement.dueAt - now() } : {}),
  });
}

/** Runs the work under the attempt's deadline; whatever it throws becomes a verdict. */
async function guard<T>(
  options: AttemptOptions,
  { claimed: { correlationId }, scope }: InHand<{ correlationId: string }>,
  kindOfBug: 'retry' | 'in-doubt',
  work: (context: CallContext) => Promise<T>,
): Promise<T | Undelivered> {
  const deadline = AbortSignal.timeout(options.leaseMs * SHARE_OF_LEASE);
  const { stopping } = options;
  const signal = stopping ? AbortSignal.any([deadline, stopping]) : deadline;
  try {
    return await work({ signal, correlationId, ...(scope ? { observer: scope.observer } : {}) });
  } catch (error) {
    if (error instanceof UpstreamError) return error.outcome;
    const bug = bugOf(error);
    options.log.error({ event: 'bug', ...bug, correlationId, ...traceOf(scope) });
    return { kind: kindOfBug, code: 'internal', reason: `Internal error (${bug.error}).` };
  }
}

/** Writes the one line of the attempt, once its end is on disk. */
function endAttempt(
  options: AttemptOptions,
  { claimed, scope }: InHand<Claimed>,
  result: Logged,
): void {
  scope?.end(result);
  options.log.info({
    event: 'attempt',
    messageId: claimed.id,
    stage: claimed.lane.stage,
    direction: claimed.lane.direction,
    attempt: claimed.attempt,
    correlationId: claimed.correlationId,
    ...traceOf(scope),
    waitedMs: claimed.startedAt - claimed.acceptedAt,
    tookMs: options.now() - claimed.startedAt,
    ...result,
  });
}

function traceOf(scope: AttemptScope | undefined): { traceId?: string } {
  return scope?.traceId === undefined ? {} : { traceId: scope.traceId };
}

/** Attempts as the queue tells of them: counted, timed, and one span each, with a span for the wait before. */
import type { Instant } from '../message.ts';
import type { Claimed, ClaimedSession } from '../store/store.ts';
import type { CallObserver } from '../upstream.ts';
import { codeLabel, statusClass, urlTemplate } from './labels.ts';
import type { Metrics } from './metrics.ts';
import { type Tracing, traceIdOf } from './tracing.ts';

/** What an attempt came to. */
export interface AttemptResult {
  outcome: string;
  state?: 'done' | 'pending' | 'dead';
  code?: string;
  /** True when the destination was asked and already had the message. */
  found?: boolean;
}

/** One attempt under way. */
export interface AttemptScope {
  /** For the log line; undefined when neither we nor the caller trace. */
  readonly traceId: string | undefined;
  /** What the rows that come of this attempt carry on. */
  readonly traceparent: string | undefined;
  /** Hears of the attempt's calls. */
  readonly observer: CallObserver;
  end(result: AttemptResult): void;
}

export interface AttemptTelemetry {
  attempt(claimed: Claimed): AttemptScope;
  /** One step of listing a patient's history. */
  listing(claimed: ClaimedSession): AttemptScope;
}

interface AttemptsOptions {
  metrics: Metrics;
  tracing: Tracing;
  now: () => Instant;
  /** Monotonic, in milliseconds. */
  elapsedMs: () => number;
}

/** Makes what the queue tells of its attempts. */
export function createAttempts(options: AttemptsOptions): AttemptTelemetry {
  return {
    attempt: (claimed) => attemptScope(options, claimed),
    listing: (claimed) => listingScope(options, claimed),
  };
}

function attemptScope(options: AttemptsOptions, claimed: Claimed): AttemptScope {
  const { tracing } = options;
  const { lane, traceparent: parent, startedAt } = claimed;
  const { stage, direction } = lane;
  const attributes = {
    'sm_exchange.message.id': claimed.id,
    'sm_exchange.direction': direction,
    'sm_exchange.stage': stage,
    'sm_exchange.attempt': claimed.attempt,
  };
  const waited = { kind: 'internal', parent, at: claimed.waitingSince, attributes } as const;
  const wait = tracing.begin(`wait in ${stage}`, waited);
  wait.end({ at: startedAt });
  const verb = stage === 'inbox' ? 'translate' : 'deliver';
  const span = tracing.begin(`${verb} ${direction}`, {
    kind: 'consumer',
    // A row from before anybody traced begins a trace with its wait.
    parent: parent ?? wait.traceparent,
    at: startedAt,
    attributes: { ...attributes, 'sm_exchange.correlation_id': claimed.correlationId },
  });
  return {
    traceId: traceIdOf(span.traceparent),
    traceparent: span.traceparent,
    observer: observerOf(options, span.traceparent),
    end(result) {
      const { outcome, code } = result;
      const error = code === undefined ? undefined : codeLabel(code);
      span.end({ error, attributes: { 'sm_exchange.outcome': outcome } });
      count(options, claimed, result);
    },
  };
}

function listingScope(options: AttemptsOptions, claimed: ClaimedSession): AttemptScope {
  const span = options.tracing.begin('list history', {
    kind: 'consumer',
    parent: claimed.traceparent,
    attributes: { 'sm_exchange.correlation_id': claimed.correlationId },
  });
  return {
    traceId: traceIdOf(span.traceparent),
    traceparent: span.traceparent,
    observer: observerOf(options, span.traceparent),
    end({ outcome, code }) {
      const error = code === undefined ? undefined : codeLabel(code);
      span.end({ error, attributes: { 'sm_exchange.outcome': outcome } });
    },
  };
}

/** Times each call, and gives it a span of OpenTelemetry's conventions for HTTP clients. */
function observerOf(
  { metrics, tracing, elapsedMs }: AttemptsOptions,
  parent: string | undefined,
): CallObserver {
  return {
    begin({ system, method, url }) {
      const beganAtMs = elapsedMs();
      const span = tracing.begin(method, { kind: 'client', parent });
      return {
        // A link into MHV's object store is followed with none of our headers.
        headers:
          span.traceparent === undefined || system === 'mhv-file'
            ? {}
            : { traceparent: span.traceparent },
        end(result) {
          const answer = 'status' in result ? statusClass(result.status) : 'none';
          metrics.upstream.observe({ system, answer }, (elapsedMs() - beganAtMs) / 1000);
          span.end(callEnd({ system, method, url }, result));
        },
      };
    },
  };
}

/** No `url.full`: it holds ids of patients. */
function callEnd(
  { system, method, url }: { system: string; method: string; url: string },
  result: { status: number } | { code: string },
) {
  const template = urlTemplate(url);
  const { hostname = '', port = '', protocol = '' } = URL.parse(url) ?? {};
  const attributes = {
    'http.request.method': method,
    'url.template': template,
    'server.address': hostname,
    'server.port': Number(port) || (protocol === 'https:' ? 443 : 80),
    'sm_exchange.system': system,
  };
  const name = `${method} ${template}`;
  if ('code' in result) return { name, attributes, error: codeLabel(result.code) };
  const { status } = result;
  return {
    name,
    attributes: { ...attributes, 'http.response.status_code': status },
    error: status >= 400 ? String(status) : undefined,
  };
}

function count({ metrics, now }: AttemptsOptions, claimed: Claimed, result: AttemptResult): void {
  const { direction, stage } = claimed.lane;
  const { outcome, state, code, found = false } = result;
  const endedAt = now();
  metrics.attempts.inc({ direction, stage, outcome });
  const tookS = Math.max(0, endedAt - claimed.startedAt) / 1000;
  const duration = stage === 'inbox' ? metrics.translation : metrics.delivery;
  duration.observe({ direction, outcome }, tookS);
  if (code !== undefined) {
    metrics.failures.inc({ direction, stage, outcome, code: codeLabel(code) });
  }
  // A settlement that came too late changed nothing.
  if (outcome === 'lost') return;
  if (outcome === 'in-doubt') metrics.inDoubt.inc({ direction });
  if (outcome === 'delivered') {
    metrics.delivered.inc({ direction, found: String(found) });
    metrics.wholeWay.observe({ direction }, Math.max(0, endedAt - claimed.acceptedAt) / 1000);
  }
  if (state === 'dead') metrics.dead.inc({ direction, stage });
  if (state === 'pending' && outcome !== 'postponed') {
    metrics.retried.inc({ direction, stage, code: codeLabel(code ?? '') });
  }
}

/** Requests as the HTTP room tells of them: an id, a span, and how long the answer took. */
import type { Instant } from '../message.ts';
import { methodLabel } from './labels.ts';
import type { Metrics } from './metrics.ts';
import { type TraceSpan, type Tracing, traceIdOf, traceparentIn } from './tracing.ts';

/** What came of a request. */
interface Answered {
  /** The pattern of the route, such as `/messages/:id`; absent when none fits. */
  route?: string;
  status: number;
}

/** For the request's log line. */
interface RequestLine {
  requestId: string;
  traceId?: string;
  /** In milliseconds, to the thousandth. */
  tookMs: number;
}

export interface RequestTelemetry {
  /** Begins a request and says its id: the caller's own `X-Request-Id` where it is sane. */
  begin(request: Request): string;
  /** The answer is ready. Only the first word counts; what comes later is sending. */
  ready(request: Request): void;
  end(request: Request, answered: Answered): RequestLine | undefined;
  /** The trace that rows of this request go on from. */
  traceparentOf(request: Request): string | undefined;
}

export interface RequestsOptions {
  metrics: Metrics;
  tracing: Tracing;
  now: () => Instant;
  /** Monotonic, in milliseconds. */
  elapsedMs: () => number;
}

interface UnderWay {
  id: string;
  beganAtMs: number;
  tookMs?: number;
  span: TraceSpan | undefined;
}

/** Routes whose 2xx is an acknowledgement: what was sent is on disk. */
const ACKNOWLEDGING = new Set(['/oh/feed', '/messages', '/sessions']);
const FEED = '/oh/feed';

/** Makes what the HTTP room tells of its requests. */
export function createRequests(options: RequestsOptions): RequestTelemetry {
  const { metrics, elapsedMs } = options;
  const underWay = new WeakMap<Request, UnderWay>();
  return {
    begin(request) {
      const id = requestIdOf(request.headers);
      underWay.set(request, { id, beganAtMs: elapsedMs(), span: spanOf(options, request) });
      return id;
    },
    ready(request) {
      const known = underWay.get(request);
      if (known) known.tookMs ??= elapsedMs() - known.beganAtMs;
    },
    end(request, answered) {
      const known = underWay.get(request);
      if (!known) return undefined;
      const { id, span, tookMs = elapsedMs() - known.beganAtMs } = known;
      const method = methodLabel(request.method);
      count(metrics, method, answered, tookMs);
      span?.end(spanEnd(method, answered));
      const traceId = traceIdOf(span?.traceparent);
      return {
        requestId: id,
        ...(traceId === undefined ? {} : { traceId }),
        tookMs: Math.round(tookMs * 1000) / 1000,
      };
    },
    traceparentOf: (request) => underWay.get(request)?.span?.traceparent,
  };
}

/** An id of a sane length and alphabet, in which no ICN hides: it is logged and sent back. */
function requestIdOf(headers: Headers): string {
  const given = headers.get('x-request-id') ?? '';
  const isSane = /^[\w.:+/=-]{1,128}$/.test(given) && !/\d{10}V\d{6}/i.test(given);
  return isSane ? given : Bun.randomUUIDv7();
}

/** None for probes and scrapes, which come every few seconds for ever. */
function spanOf({ tracing }: RequestsOptions, request: Request): TraceSpan | undefined {
  if (/^[^:]+:\/\/[^/]+\/(?:health\/|metrics(?:\?|$))/.test(request.url)) return undefined;
  const parent = traceparentIn(request.headers);
  return tracing.begin(methodLabel(request.method), { kind: 'server', parent });
}

/** No `url.path`: it may hold an ICN. */
function spanEnd(method: string, { route, status }: Answered) {
  return {
    name: route === undefined ? method : `${method} ${route}`,
    attributes: {
      'http.request.method': method,
      'http.response.status_code': status,
      ...(route === undefined ? {} : { 'http.route': route }),
    },
    // What a caller did wrong is no error of the server (semantic conventions for HTTP spans).
    error: status >= 500 ? String(status) : undefined,
  };
}

function count(
  metrics: Metrics,
  method: string,
  { route = 'none', status }: Answered,
  tookMs: number,
): void {
  metrics.requests.inc({ method, route, status: String(status) });
  if (method !== 'POST') return;
  const isTaken = status >= 200 && status <= 299;
  if (isTaken && ACKNOWLEDGING.has(route)) {
    metrics.acknowledgement.observe({ route }, tookMs / 1000);
  }
  if (route !== FEED) return;
  const refusal = status >= 500 ? 'failed' : 'refused';
  metrics.pushes.inc({ result: isTaken ? 'taken' : refusal });
}

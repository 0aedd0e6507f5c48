/** Metrics and traces of one exchange, put together: what the other rooms are given. */
import { Registry } from 'prom-client';
import type { Instant } from '../message.ts';
import type { Accepted } from '../store/store.ts';
import { type AttemptTelemetry, createAttempts } from './attempts.ts';
import { type GaugeSources, readGauges } from './gauges.ts';
import { createMetrics, processMetrics } from './metrics.ts';
import { createRequests, type RequestTelemetry } from './requests.ts';
import { type Tracing, untraced } from './tracing.ts';

export interface TelemetryOptions {
  now: () => Instant;
  /** Makes the tracing; nothing is traced without. `onExport` hears of each batch of spans. */
  traceBy?: (onExport: (result: 'sent' | 'failed', spans: number) => void) => Tracing;
  /** A clock that is never set, in milliseconds; `performance.now` unless told. */
  elapsedMs?: () => number;
}

/** What `GET /metrics` answers with. */
interface Exposition {
  contentType: string;
  text: string;
}

export interface Telemetry {
  readonly attempts: AttemptTelemetry;
  readonly requests: RequestTelemetry;
  /** What was put into the inbox. */
  accepted(accepted: Accepted): void;
  /** The database failed, with this code of SQLite. */
  databaseFailed(code: string): void;
  /** Who is asked at each scrape; before it is called there are no gauges. */
  watch(sources: GaugeSources): void;
  /** The metrics at this moment. Scrapes that overlap share one reading. */
  expose(): Promise<Exposition>;
  /** Sends the spans that are left, within a few seconds. */
  stop(): Promise<void>;
}

/** Makes the telemetry of one exchange. */
export function createTelemetry(options: TelemetryOptions): Telemetry {
  const { now, elapsedMs = () => performance.now() } = options;
  const metrics = createMetrics();
  const onExport = (result: 'sent' | 'failed', spans: number) =>
    metrics.spans.inc({ result }, spans);
  const tracing = options.traceBy?.(onExport) ?? untraced;
  const shared = { metrics, tracing, now, elapsedMs };
  let sources: GaugeSources | undefined;
  let underWay: Promise<Exposition> | undefined;

  async function expose(): Promise<Exposition> {
    const gauges = sources ? [await readGauges(sources)] : [];
    const all = Registry.merge([metrics.registry, ...gauges, processMetrics()]);
    return { contentType: all.contentType, text: await all.metrics() };
  }

  return {
    attempts: createAttempts(shared),
    requests: createRequests(shared),
    accepted({ source, accepted, duplicates }) {
      const direction = source === 'send' ? 'mhv-to-oh' : 'oh-to-mhv';
      metrics.accepted.inc({ direction, source }, accepted);
      metrics.duplicates.inc({ direction, source }, duplicates);
    },
    databaseFailed: (code) => metrics.databaseFailures.inc({ code }),
    watch(asked) {
      sources = asked;
    },
    async expose() {
      underWay ??= expose().finally(() => {
        underWay = undefined;
      });
      return underWay;
    },
    async stop() {
      // Elysia tells of an answer in the turn after the one that gave it.
      await new Promise((resolve) => {
        setImmediate(resolve);
      });
      await tracing.stop();
    },
  };
}

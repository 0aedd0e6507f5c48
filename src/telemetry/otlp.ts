/** Traces by OpenTelemetry's SDK, sent as OTLP over HTTP. Nothing waits for a collector. */
import { ROOT_CONTEXT, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { ExportResultCode, parseTraceParent } from '@opentelemetry/core';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { resourceFromAttributes } from '@opentelemetry/resources';
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  BatchSpanProcessor,
  ParentBasedSampler,
  type Sampler,
  type SpanExporter,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from '@opentelemetry/sdk-trace';
import type { Logger } from 'pino';
import type { Instant } from '../message.ts';
import type { SpanEnd, SpanOptions, TraceSpan, Tracing } from './tracing.ts';

/** Names of `OTEL_TRACES_SAMPLER`, as OpenTelemetry's specification has them. */
type SamplerName =
  | 'always_on'
  | 'always_off'
  | 'traceidratio'
  | 'parentbased_always_on'
  | 'parentbased_always_off'
  | 'parentbased_traceidratio';

export interface OtlpOptions {
  /** The collector's base URL; traces go to `/v1/traces` under it. */
  endpoint: string;
  headers: Record<string, string>;
  serviceName: string;
  /** Tells this process from the one before and the one beside it. */
  instanceId: string;
  sampler: SamplerName;
  /** In [0, 1]; only of the samplers by ratio. */
  samplerRatio: number;
  now: () => Instant;
  log: Logger;
  /** Told of each batch, sent or given up. */
  onExport: (result: 'sent' | 'failed', spans: number) => void;
}

/** Spans that wait for the collector; those over it are dropped. */
const MAX_QUEUED_SPANS = 4096;
const MAX_SPANS_PER_EXPORT = 512;
const EXPORT_EVERY_MS = 1000;
const EXPORT_TIMEOUT_MS = 2500;
/** A stop does not wait longer for the collector. */
const STOP_TIMEOUT_MS = 3000;

const kinds: Record<SpanOptions['kind'], SpanKind> = {
  server: SpanKind.SERVER,
  client: SpanKind.CLIENT,
  consumer: SpanKind.CONSUMER,
  internal: SpanKind.INTERNAL,
};

/** Makes the tracing of one exchange; a collector that is down costs spans and nothing else. */
export function createOtlpTracing(options: OtlpOptions): Tracing {
  const { now, serviceName } = options;
  const exporter = heard(
    new OTLPTraceExporter({
      url: `${options.endpoint}/v1/traces`,
      headers: options.headers,
      timeoutMillis: EXPORT_TIMEOUT_MS,
    }),
    options,
  );
  const provider = new TracerProvider({
    resource: resourceFromAttributes({
      'service.name': serviceName,
      'service.instance.id': options.instanceId,
    }),
    sampler: samplerOf(options.sampler, options.samplerRatio),
    spanProcessors: [
      new BatchSpanProcessor({
        exporter,
        maxQueueSize: MAX_QUEUED_SPANS,
        maxExportBatchSize: MAX_SPANS_PER_EXPORT,
        scheduledDelayMillis: EXPORT_EVERY_MS,
        exportTimeoutMillis: EXPORT_TIMEOUT_MS,
      }),
    ],
  });
  const tracer = provider.getTracer('sm-exchange');
  return {
    begin(name, { kind, parent, at, attributes = {} }) {
      const parentContext = parent === undefined ? null : parseTraceParent(parent);
      const context = parentContext
        ? trace.setSpanContext(ROOT_CONTEXT, { ...parentContext, isRemote: true })
        : ROOT_CONTEXT;
      const spanOptions = { kind: kinds[kind], startTime: at ?? now(), attributes };
      return spanOf(tracer.startSpan(name, spanOptions, context), now);
    },
    stop: () => within(STOP_TIMEOUT_MS, provider.shutdown()),
  };
}

function spanOf(
  span: ReturnType<ReturnType<TracerProvider['getTracer']>['startSpan']>,
  now: () => Instant,
): TraceSpan {
  const { traceId, spanId, traceFlags } = span.spanContext();
  const flags = traceFlags.toString(16).padStart(2, '0');
  return {
    traceparent: `00-${traceId}-${spanId}-${flags}`,
    end({ name, attributes, error, at }: SpanEnd = {}) {
      if (name !== undefined) span.updateName(name);
      if (attributes) span.setAttributes(attributes);
      if (error !== undefined) {
        span.setAttribute('error.type', error);
        span.setStatus({ code: SpanStatusCode.ERROR });
      }
      span.end(at ?? now());
    },
  };
}

function samplerOf(name: SamplerName, ratio: number): Sampler {
  switch (name) {
    case 'always_on':
      return new AlwaysOnSampler();
    case 'always_off':
      return new AlwaysOffSampler();
    case 'traceidratio':
      return new TraceIdRatioBasedSampler(ratio);
    case 'parentbased_always_on':
      return new ParentBasedSampler({ root: new AlwaysOnSampler() });
    case 'parentbased_always_off':
      return new ParentBasedSampler({ root: new AlwaysOffSampler() });
    case 'parentbased_traceidratio':
      return new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(ratio) });
  }
}

/** The exporter, listened to: a collector that went away, or came back, is one log line. */
function heard(exporter: SpanExporter, { log, onExport }: OtlpOptions): SpanExporter {
  let isFailing = false;
  return {
    export(spans, tell) {
      exporter.export(spans, (result) => {
        const hasFailed = result.code !== ExportResultCode.SUCCESS;
        if (hasFailed !== isFailing) {
          const error = result.error?.name;
          if (hasFailed) log.warn({ event: 'traces', state: 'failing', error });
          else log.info({ event: 'traces', state: 'sent' });
        }
        isFailing = hasFailed;
        onExport(hasFailed ? 'failed' : 'sent', spans.length);
        tell(result);
      });
    },
    forceFlush: async () => exporter.forceFlush?.(),
    shutdown: () => exporter.shutdown(),
  };
}

async function within(timeoutMs: number, work: Promise<void>): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const timeout = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, timeoutMs);
  });
  // Spans that can't be sent are no reason for a stop to fail.
  await Promise.race([work.catch(() => {}), timeout]);
  clearTimeout(timer);
}

/**
 * Traces as the rest of the exchange sees them: spans that begin under a W3C `traceparent` and pass
 * their own on. The context is a string, so that it fits in a row and spans the wait there; there is
 * no ambient context that could be lost on the way.
 */
import type { Instant } from '../message.ts';

/** Values a span may hold. None ever holds patient data, nor an id that another system gave a patient. */
type Attributes = Record<string, string | number | boolean>;

export interface SpanOptions {
  kind: 'server' | 'client' | 'consumer' | 'internal';
  /** The `traceparent` to go on from; without one a trace begins. */
  parent?: string | undefined;
  /** When it began; now unless told. */
  at?: Instant;
  attributes?: Attributes;
}

export interface SpanEnd {
  /** Takes the place of the first name. */
  name?: string;
  attributes?: Attributes;
  /** A short stable word for what went wrong; it becomes `error.type`. */
  error?: string | undefined;
  /** When it ended; now unless told. */
  at?: Instant;
}

export interface TraceSpan {
  /** What children go on from; undefined when nobody traces. */
  readonly traceparent: string | undefined;
  end(result?: SpanEnd): void;
}

export interface Tracing {
  begin(name: string, options: SpanOptions): TraceSpan;
  /** Sends what is left, within a few seconds, and records nothing more. */
  stop(): Promise<void>;
}

/** Version 00, and later ones by their first four fields (W3C Trace Context §3.2). */
const TRACEPARENT =
  /^(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:-|$)/;
const TRACEPARENT_LENGTH = 55;

/** The `traceparent` that a caller sent, when it is a sound one. */
export function traceparentIn(headers: Headers): string | undefined {
  const value = headers.get('traceparent')?.trim();
  if (value === undefined || !TRACEPARENT.test(value)) return undefined;
  return value.startsWith('00') && value.length > TRACEPARENT_LENGTH
    ? undefined
    : `00${value.slice(2, TRACEPARENT_LENGTH)}`;
}

/** The trace id of a sound `traceparent`. */
export function traceIdOf(traceparent: string | undefined): string | undefined {
  return traceparent?.split('-')[1];
}

/** Records nothing; what a caller began goes on through the rows to the destinations all the same. */
export const untraced: Tracing = {
  begin: (_name, { parent }) => ({ traceparent: parent, end() {} }),
  async stop() {},
};

/** A small collector of OTLP over HTTP in JSON: keeps every span, and can be slow or silent. */

interface Value {
  stringValue?: string;
  intValue?: number | string;
  boolValue?: boolean;
}

interface OtlpSpan {
  traceId: string;
  spanId: string;
  parentSpanId?: string;
  name: string;
  /** 1 internal, 2 server, 3 client, 5 consumer. */
  kind: number;
  startTimeUnixNano: string;
  endTimeUnixNano: string;
  attributes: { key: string; value: Value }[];
  status: { code: number };
}

export interface CollectedSpan extends Omit<OtlpSpan, 'attributes'> {
  attributes: Record<string, string | number | boolean | undefined>;
  /** Attributes of the process that sent it. */
  resource: Record<string, string | number | boolean | undefined>;
  startMs: number;
  tookMs: number;
}

interface Export {
  resourceSpans: {
    resource: { attributes: OtlpSpan['attributes'] };
    scopeSpans: { spans: OtlpSpan[] }[];
  }[];
}

export interface Collector {
  origin: string;
  spans: CollectedSpan[];
  /** Bodies as they came. */
  bodies: string[];
  requests: { path: string; headers: Headers }[];
  stop: () => Promise<void>;
}

/** Starts a collector on any port. A silent one takes requests and never answers. */
export function startCollector({ isSilent = false } = {}): Collector {
  const spans: CollectedSpan[] = [];
  const bodies: string[] = [];
  const requests: Collector['requests'] = [];
  const server = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    async fetch(request) {
      requests.push({ path: new URL(request.url).pathname, headers: request.headers });
      const body = await request.text();
      bodies.push(body);
      for (const { resource, scopeSpans } of (JSON.parse(body) as Export).resourceSpans) {
        const of = valuesOf(resource.attributes);
        spans.push(...scopeSpans.flatMap((scope) => scope.spans.map((span) => read(span, of))));
      }
      return isSilent ? new Promise<Response>(() => {}) : Response.json({ partialSuccess: {} });
    },
  });
  return {
    origin: server.url.origin,
    spans,
    bodies,
    requests,
    stop: () => server.stop(true),
  };
}

function read({ attributes, ...span }: OtlpSpan, resource: CollectedSpan['resource']) {
  const startMs = Number(BigInt(span.startTimeUnixNano) / 1_000_000n);
  const tookMs = Number(BigInt(span.endTimeUnixNano) / 1_000_000n) - startMs;
  return { ...span, attributes: valuesOf(attributes), resource, startMs, tookMs };
}

function valuesOf(attributes: OtlpSpan['attributes']): CollectedSpan['attributes'] {
  return Object.fromEntries(
    attributes.map(({ key, value }) => [
      key,
      value.stringValue ?? value.intValue ?? value.boolValue,
    ]),
  );
}

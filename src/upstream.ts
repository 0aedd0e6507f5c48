/**
 * One HTTP call to another system, and the verdict on what went wrong with it. Clients in `oh/` and
 * `mhv/` make every call through here, so that time-outs, broken connections and `Retry-After` mean
 * the same thing everywhere. The queue retries, never this file.
 */
import { FetchError, ofetch } from 'ofetch';
import type { Undelivered } from './message.ts';

/** Thrown by a client when a call did not give what was asked; carries the verdict on the attempt. */
export class UpstreamError extends Error {
  readonly outcome: Undelivered;

  constructor(outcome: Undelivered) {
    super(`${outcome.code}: ${outcome.reason}`);
    this.name = 'UpstreamError';
    this.outcome = outcome;
  }
}

/** What holds for every call of one attempt. */
export interface CallContext {
  /** Ends when the attempt's lease is nearly over; every call of the attempt ends with it. */
  signal: AbortSignal;
  /** Sent to systems that take a trace id and shown on the timeline; same for a whole attempt. */
  correlationId: string;
  /** Told of every call. */
  observer?: CallObserver;
}

/** Hears of each call of an attempt, and says what it carries so that a trace goes on over there. */
export interface CallObserver {
  begin(call: Pick<UpstreamRequest, 'system' | 'method' | 'url'>): CallObservation;
}

interface CallObservation {
  /** Headers that go with the call. */
  headers: Record<string, string>;
  /** Called once: with the answer's status, or with the verdict's code when no whole answer came. */
  end(result: { status: number } | { code: string }): void;
}

/** What proves us to a server, and it to us, over TLS; all PEM. */
export interface ClientTls {
  cert?: string;
  key?: string;
  /** CAs that are trusted, and no others; those of the machine when absent. */
  ca?: string;
}

/** Whom a request may go to. */
export interface Peer {
  /** As `URL.origin` writes them. */
  origins: readonly string[];
  tls?: ClientTls;
}

/** The system that lies at a configured URL. */
export function peerAt(baseUrl: string, tls?: ClientTls): Peer {
  return { origins: [new URL(baseUrl).origin], ...(tls ? { tls } : {}) };
}

export interface UpstreamRequest {
  /** Short name of the system for codes and sentences: `oh`, `fhir`, `media`, `mhv`. */
  system: string;
  /** Nothing is sent to anybody else, whoever named the URL. */
  peer: Peer;
  method: 'GET' | 'POST' | 'PUT';
  url: string;
  headers?: Record<string, string>;
  body?: string | Uint8Array<ArrayBuffer> | FormData;
  /** Time until the whole answer is read. */
  timeoutMs: number;
  /** Largest answer that is read, in bytes; 8 MiB unless told. */
  maxBytes?: number;
  /** Whether a lost answer leaves it in doubt if something changed. */
  effect: 'read' | 'write';
  context: CallContext;
}

/** An answer of any HTTP status, read whole. Redirects are answers too: none is followed. */
export interface UpstreamResponse {
  status: number;
  headers: Headers;
  body: Uint8Array<ArrayBuffer>;
  /** The body decoded by the charset of its Content-Type (UTF-8 unless said). */
  text(): string;
}

const DEFAULT_MAX_BYTES = 8 * 1024 * 1024;
/** A URL drops these, and with `..` the segment before; encoding them changes nothing. */
const DOT_SEGMENT = /^[^?#]*\/(?:\.|%2e){1,2}(?:[/?#]|$)/i;
/** Names that Bun and OpenSSL give to what is wrong with a certificate. */
const CERTIFICATE_FAULT =
  /CERT|LEAF_SIGNATURE|HOSTNAME_MISMATCH|INVALID_(?:CA|PURPOSE)|PATH_LENGTH/;

/**
 * Makes one call. Throws UpstreamError only when no whole answer came: `retry` when the request
 * certainly never arrived (refused connection, unknown host, a certificate that is not trusted, an origin
 * that is not the peer's) or only read, else `in-doubt`; `rejected` when an id would lead to another path.
 */
export async function call(request: UpstreamRequest): Promise<UpstreamResponse> {
  refuseElsewhere(request);
  const observation = request.context.observer?.begin(request);
  try {
    const response = await fetchWhole(request, observation?.headers);
    observation?.end({ status: response.status });
    return response;
  } catch (error) {
    const failure =
      error instanceof UpstreamError ? error : new UpstreamError(verdictOnFailure(error, request));
    observation?.end({ code: failure.outcome.code });
    throw failure;
  }
}

/** Before anything is sent, so that neither credentials nor messages go where somebody else says. */
function refuseElsewhere({ system, url, peer }: UpstreamRequest): void {
  const origin = URL.parse(url)?.origin ?? 'null';
  if (!peer.origins.includes(origin)) {
    const reason = `${system} is not configured to be at ${origin}; nothing was sent there.`;
    throw new UpstreamError({ kind: 'retry', code: `${system}:origin-not-configured`, reason });
  }
  if (DOT_SEGMENT.test(url)) {
    const reason = `An id for ${system} would lead to another path.`;
    throw new UpstreamError({ kind: 'rejected', code: `${system}:invalid-id`, reason });
  }
}

async function fetchWhole(
  request: UpstreamRequest,
  headers: Record<string, string> | undefined,
): Promise<UpstreamResponse> {
  const { context, timeoutMs, peer } = request;
  const response = await ofetch.raw(request.url, {
    method: request.method,
    headers: { ...request.headers, ...headers },
    ...(request.body === undefined ? {} : { body: request.body }),
    redirect: 'manual',
    retry: 0,
    ignoreResponseError: true,
    responseType: 'stream',
    signal: AbortSignal.any([context.signal, AbortSignal.timeout(timeoutMs)]),
    ...overTls(peer),
  });
  const maxBytes = request.maxBytes ?? DEFAULT_MAX_BYTES;
  const body = await readBounded(response.body ?? null, maxBytes, request);
  return {
    status: response.status,
    headers: response.headers,
    body,
    text: () => decode(body, response.headers.get('content-type')),
  };
}

/** What Bun's fetch takes beyond the standard's. */
function overTls({ tls }: Peer): { tls: ClientTls & { rejectUnauthorized: true } } {
  // Said each time: NODE_TLS_REJECT_UNAUTHORIZED=0 would switch it off for all.
  return { tls: { ...tls, rejectUnauthorized: true } };
}

/**
 * The wait that a `Retry-After` header asks for (RFC 9110 §10.2.3: seconds or an HTTP date), in
 * milliseconds from `now`; undefined when absent or unreadable.
 */
export function retryAfterMs(headers: Headers, now: number): number | undefined {
  const value = headers.get('retry-after')?.trim();
  if (!value) return undefined;
  if (/^\d+$/.test(value)) return Number(value) * 1000;
  const at = Date.parse(value);
  return Number.isNaN(at) ? undefined : Math.max(0, at - now);
}

async function readBounded(
  stream: ReadableStream<Uint8Array<ArrayBuffer>> | null,
  maxBytes: number,
  request: UpstreamRequest,
): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  let size = 0;
  for await (const chunk of stream ?? []) {
    size += chunk.byteLength;
    if (size > maxBytes) {
      throw new UpstreamError({
        kind: request.effect === 'write' ? 'in-doubt' : 'rejected',
        code: `${request.system}:answer-too-large`,
        reason: `The answer is larger than ${maxBytes} bytes.`,
      });
    }
    chunks.push(chunk);
  }
  const [only] = chunks;
  if (only && chunks.length === 1) return only;
  const body = new Uint8Array(size);
  let offset = 0;
  for (const chunk of chunks) {
    body.set(chunk, offset);
    offset += chunk.byteLength;
  }
  return body;
}

function decode(body: Uint8Array, contentType: string | null): string {
  const charset = /charset="?([\w-]+)/i.exec(contentType ?? '')?.[1] ?? 'utf-8';
  try {
    return new TextDecoder(charset).decode(body);
  } catch {
    // A charset nobody knows: the text is only shown or parsed as JSON, so replacement is safe.
    return new TextDecoder().decode(body);
  }
}

function verdictOnFailure(error: unknown, request: UpstreamRequest): Undelivered {
  const cause = error instanceof FetchError ? (error.cause ?? error) : error;
  const name = property(cause, 'name');
  const code = property(cause, 'code');
  const { system } = request;
  if (code === 'ECONNREFUSED' || code === 'ENOTFOUND' || code === 'FailedToOpenSocket') {
    const reason = `No connection to ${system} (${code}).`;
    return { kind: 'retry', code: `${system}:no-connection`, reason };
  }
  const fault = certificateFault(cause);
  if (fault !== undefined) {
    const reason = `The certificate of ${system} is not trusted (${fault}).`;
    return { kind: 'retry', code: `${system}:tls`, reason };
  }
  const kind = request.effect === 'write' ? 'in-doubt' : 'retry';
  if (code === 'EPROTO') {
    const reason = `TLS with ${system} broke off; it may want another client certificate.`;
    return { kind, code: `${system}:tls`, reason };
  }
  if (name === 'AbortError') {
    const reason = `The exchange was stopped before ${system} answered.`;
    return { kind, code: `${system}:stopped`, reason };
  }
  if (name === 'TimeoutError') {
    const reason = `No answer from ${system} in ${request.timeoutMs} ms.`;
    return { kind, code: `${system}:timeout`, reason };
  }
  const reason = `The connection to ${system} broke (${code ?? name ?? 'unknown'}).`;
  return { kind, code: `${system}:connection-lost`, reason };
}

/** The name of what is wrong with a server's certificate, when that is why fetch failed. */
export function certificateFault(error: unknown): string | undefined {
  const code = property(error, 'code');
  return code !== undefined && CERTIFICATE_FAULT.test(code) ? code : undefined;
}

function property(value: unknown, key: 'name' | 'code'): string | undefined {
  if (typeof value !== 'object' || value === null || !(key in value)) return undefined;
  const found: unknown = Reflect.get(value, key);
  return typeof found === 'string' ? found : undefined;
}

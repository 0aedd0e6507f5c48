/** Servers on loopback for the clients' tests, and what a test needs to call through them. */

import type { Undelivered } from '../../src/message.ts';
import { type CallContext, UpstreamError } from '../../src/upstream.ts';

export interface Seen {
  method: string;
  /** Path and query as received. */
  path: string;
  headers: Headers;
  bytes: Uint8Array<ArrayBuffer>;
  body: string;
}

export interface Loopback {
  url: string;
  seen: Seen[];
  [Symbol.dispose](): void;
}

export const context: CallContext = {
  signal: new AbortController().signal,
  correlationId: 'attempt-1',
};

/** 2025-06-01T12:00:00Z */
export const NOW = Date.UTC(2025, 5, 1, 12);

/** A server that answers each request with what `answer` gives and remembers it. */
export function serve(answer: (request: Seen) => Response | Promise<Response>): Loopback {
  const seen: Seen[] = [];
  const server = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    async fetch(request) {
      const { pathname, search } = new URL(request.url);
      const bytes = new Uint8Array(await request.arrayBuffer());
      const body = new TextDecoder().decode(bytes);
      const { method, headers } = request;
      const received = { method, path: `${pathname}${search}`, headers, bytes, body };
      seen.push(received);
      return answer(received);
    },
  });
  const stop = (): void => void server.stop(true);
  return { url: `http://127.0.0.1:${server.port}`, seen, [Symbol.dispose]: stop };
}

/** A server that reads a request and cuts the connection. */
export function serveCut(): Loopback {
  const server = Bun.listen({
    hostname: '127.0.0.1',
    port: 0,
    socket: { data: (socket) => void socket.end() },
  });
  return {
    url: `http://127.0.0.1:${server.port}`,
    seen: [],
    [Symbol.dispose]: () => server.stop(true),
  };
}

/** A server that takes requests and never answers. */
export function serveNothing(): Loopback {
  return serve(() => new Promise<Response>(() => {}));
}

/** A URL on which nobody listens. */
export function refusedUrl(): string {
  using server = serve(() => new Response());
  return server.url;
}

/** The verdict that a call throws; fails when it throws none. */
export async function verdictOf(call: Promise<unknown>): Promise<Undelivered> {
  try {
    await call;
  } catch (error) {
    if (error instanceof UpstreamError) return error.outcome;
    throw error;
  }
  throw new Error('The call succeeded.');
}

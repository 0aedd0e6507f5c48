/** A reverse proxy that records what passes between a client and a server and holds it against a contract. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Check, WireRequest, WireResponse } from './check.ts';

/** One request and what came of it. */
interface Exchange {
  /** Undefined when the request fits no operation. */
  operation: string | undefined;
  request: WireRequest;
  /** Request body as text. */
  body: string;
  /** Undefined when the connection was cut. */
  response: WireResponse | undefined;
}

export interface Proxy {
  origin: string;
  exchanges: Exchange[];
  /** Every breach of the contract that passed. */
  violations: string[];
  /** Says which statuses the test injects: they need not be documented, nor their bodies fit. */
  inject: (...statuses: number[]) => void;
  stop: () => Promise<void>;
}

/** Starts a proxy on loopback. It changes nothing, the Host header and a cut connection included. */
export async function startProxy(check: Check, upstream: string): Promise<Proxy> {
  const injected = new Set<number>();
  const exchanges: Exchange[] = [];
  const violations: string[] = [];
  const server = createServer((incoming, outgoing) => {
    pass(incoming, outgoing).catch((error: unknown) => {
      violations.push(`the proxy failed: ${String(error)}`);
      outgoing.destroy();
    });
  });
  async function pass(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const request = {
      method: incoming.method ?? '',
      target: incoming.url ?? '',
      headers: headersOf(incoming),
      bytes: await bytesOf(incoming),
    };
    const response = await forward(request, upstream);
    violations.push(...breaches(check, request, response, injected));
    exchanges.push({
      operation: check.operationOf(request.method, request.target)?.id,
      request,
      body: new TextDecoder().decode(request.bytes),
      response,
    });
    if (response === undefined) incoming.socket.destroy();
    else outgoing.writeHead(response.status, [...response.headers].flat()).end(response.bytes);
  }
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('No port to listen on.');
  return {
    origin: `http://127.0.0.1:${address.port}`,
    exchanges,
    violations,
    inject: (...statuses) => {
      for (const status of statuses) injected.add(status);
    },
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function breaches(
  check: Check,
  request: WireRequest,
  response: WireResponse | undefined,
  injected: Set<number>,
): string[] {
  const found = check.request(request);
  const operation = check.operationOf(request.method, request.target);
  if (response === undefined || operation === undefined) return found;
  if (injected.has(response.status)) return found;
  return [...found, ...check.response(operation, response)];
}

/** Sends the request on as it came. Gives undefined when the connection is cut. */
async function forward(request: WireRequest, upstream: string): Promise<WireResponse | undefined> {
  const { method, target, headers, bytes } = request;
  const body = bytes.byteLength === 0 ? {} : { body: bytes };
  try {
    const response = await fetch(upstream + target, {
      method,
      headers,
      redirect: 'manual',
      decompress: false,
      ...body,
    });
    const { status } = response;
    return {
      status,
      headers: response.headers,
      bytes: new Uint8Array(await response.arrayBuffer()),
    };
  } catch {
    return undefined;
  }
}

function headersOf({ rawHeaders }: IncomingMessage): Headers {
  const headers = new Headers();
  for (let index = 0; index < rawHeaders.length; index += 2) {
    headers.append(rawHeaders[index] ?? '', rawHeaders[index + 1] ?? '');
  }
  // They belong to one connection, and there are two; bodies are passed on whole.
  headers.delete('connection');
  headers.delete('transfer-encoding');
  return headers;
}

async function bytesOf(incoming: IncomingMessage): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk as Buffer);
  return new Uint8Array(Buffer.concat(chunks));
}

/**
 * One mock's HTTP server: the service's routes, a log of requests, faults, and the control door under
 * `/_mock/`. It is a node:http server because that lets a fault cut the connection without an answer.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { Type } from '@sinclair/typebox';
import {
  type Answer,
  controlBody,
  empty,
  json,
  type MockRequest,
  Refusal,
  readControl,
} from './answer.ts';
import { addFault, type Fault, faultBody, takeTrouble } from './faults.ts';
import { answerByRoute, type Route, route } from './routes.ts';
import { reseed, type World } from './world.ts';

const MAX_LOGGED = 10_000;
const MAX_SEEDED_MESSAGES = 400_000;
const SECRET_HEADERS = new Set(['apptoken', 'token', 'x-api-key', 'cookie']);

/** A line of `GET /_mock/requests`. */
interface LoggedRequest {
  at: string;
  method: string;
  path: string;
  query: string;
  /** 0 when the connection was cut. */
  status: number;
  headers: Record<string, string>;
  /** Whether a fault hit it. */
  fault: boolean;
}

export interface DoorOptions {
  world: World;
  /** 0 for any free one. */
  port: number;
  routes: Route[];
  /** Control routes of this mock besides those that all have. */
  controls: Route[];
  /** What `GET /_mock/messages` lists. */
  messages: (request: MockRequest) => unknown[];
  /** Forgets what came in since the last seed; the door forgets requests and faults itself. */
  reset: () => void;
  /** Above this a request is answered 413. */
  maxBodyBytes: number;
  log?: (line: Record<string, unknown>) => void;
}

export interface Door {
  origin: string;
  stop: () => Promise<void>;
}

interface DoorState extends DoorOptions {
  requests: LoggedRequest[];
  /** Where the next request goes once the log is full. */
  oldest: number;
  total: number;
  faults: Fault[];
}

/** Opens the server on loopback and resolves when it listens. */
export async function openDoor(options: DoorOptions): Promise<Door> {
  const state: DoorState = { ...options, requests: [], oldest: 0, total: 0, faults: [] };
  state.controls = [...commonControls(state), ...options.controls];
  const server = createServer((incoming, outgoing) => {
    void serve(state, incoming, outgoing);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, '127.0.0.1', resolve);
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('No port to listen on.');
  return {
    origin: `http://127.0.0.1:${address.port}`,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function serve(
  state: DoorState,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
): Promise<void> {
  const request = await readRequest(incoming, state.maxBodyBytes);
  if (request === undefined) return;
  if (request.path.startsWith('/_mock/')) {
    send(outgoing, await answerOrRefuse(state, () => answerByRoute(state.controls, request)));
    return;
  }
  const trouble = takeTrouble(state.faults, request, state.world.chance);
  const own = (): Promise<Answer> => answerOrRefuse(state, () => serviceAnswer(state, request));
  const answer = trouble.dropAfter ? await own() : (trouble.answer ?? (await own()));
  if (trouble.delayMs > 0) await Bun.sleep(trouble.delayMs);
  remember(state, request, trouble.dropAfter ? 0 : answer.status, trouble.hit);
  if (trouble.dropAfter) incoming.socket.destroy();
  else send(outgoing, answer);
}

async function serviceAnswer(state: DoorState, request: MockRequest): Promise<Answer> {
  if (request.body.byteLength > state.maxBodyBytes) return empty(413);
  return answerByRoute(state.routes, request);
}

async function answerOrRefuse(state: DoorState, work: () => Promise<Answer>): Promise<Answer> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof Refusal) return error.answer;
    state.log?.({ level: 'error', error: String(error) });
    return empty(500);
  }
}

/** Reads at most one byte above the limit and lets the rest run by; undefined when the client left. */
async function readRequest(
  incoming: IncomingMessage,
  maxBytes: number,
): Promise<MockRequest | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  const whole = await new Promise<boolean>((resolve) => {
    incoming.on('data', (chunk: Buffer) => {
      if (size <= maxBytes) chunks.push(chunk.subarray(0, maxBytes + 1 - size));
      size += chunk.byteLength;
    });
    incoming.on('end', () => resolve(true));
    incoming.on('close', () => resolve(false));
    incoming.on('error', () => resolve(false));
  });
  if (!whole) return undefined;
  const target = incoming.url ?? '/';
  const mark = target.indexOf('?');
  return {
    method: incoming.method ?? 'GET',
    path: mark < 0 ? target : target.slice(0, mark),
    target,
    query: new URLSearchParams(mark < 0 ? '' : target.slice(mark + 1)),
    headers: incoming.headers,
    body: chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks),
    segment: () => '',
  };
}

function send(outgoing: ServerResponse, answer: Answer): void {
  const body = answer.body ?? '';
  outgoing.writeHead(answer.status, {
    ...answer.headers,
    'content-length': String(Buffer.byteLength(body)),
  });
  outgoing.end(body);
}

function remember(state: DoorState, request: MockRequest, status: number, fault: boolean): void {
  const line: LoggedRequest = {
    at: new Date(state.world.now()).toISOString(),
    method: request.method,
    path: request.path,
    query: request.target.slice(request.path.length + 1),
    status,
    headers: shownHeaders(request),
    fault,
  };
  state.total++;
  if (state.requests.length < MAX_LOGGED) state.requests.push(line);
  else {
    state.requests[state.oldest] = line;
    state.oldest = (state.oldest + 1) % MAX_LOGGED;
  }
}

function shownHeaders(request: MockRequest): Record<string, string> {
  const shown: Record<string, string> = {};
  for (const [name, value] of Object.entries(request.headers)) {
    const text = String(value);
    if (name === 'authorization') shown[name] = `${text.split(' ')[0]} [hidden]`;
    else shown[name] = SECRET_HEADERS.has(name) ? '[hidden]' : text;
  }
  return shown;
}

const seedBody = controlBody(
  Type.Object(
    {
      patients: Type.Optional(Type.Integer({ minimum: 1, maximum: 20_000 })),
      messagesPerPatient: Type.Optional(Type.Integer({ minimum: 0, maximum: 20_000 })),
      seed: Type.Optional(Type.Integer()),
    },
    { additionalProperties: false },
  ),
);

function commonControls(state: DoorState): Route[] {
  return [
    route('GET', '/_mock/requests', (request) => {
      const { requests, oldest, total } = state;
      const path = request.query.get('path') ?? '';
      const inOrder = [...requests.slice(oldest), ...requests.slice(0, oldest)];
      const shown = inOrder.filter((line) => `${line.path}?${line.query}`.includes(path));
      return json(200, shown, { 'x-total-count': String(total) });
    }),
    route('GET', '/_mock/messages', (request) => json(200, state.messages(request))),
    route('GET', '/_mock/faults', () => json(200, state.faults)),
    route('POST', '/_mock/faults', (request) =>
      json(201, addFault(state.faults, readControl(faultBody, request))),
    ),
    route('DELETE', '/_mock/faults', () => {
      state.faults = [];
      return empty(204);
    }),
    route('POST', '/_mock/reset', () => {
      Object.assign(state, { requests: [], oldest: 0, total: 0, faults: [] });
      state.reset();
      return json(200, { reset: true });
    }),
    route('POST', '/_mock/seed', (request) => {
      const wish = readControl(seedBody, request);
      const parameters = {
        patients: wish.patients ?? 6,
        messagesPerPatient: wish.messagesPerPatient ?? 8,
        seed: wish.seed ?? 1,
      };
      if (parameters.patients * parameters.messagesPerPatient > MAX_SEEDED_MESSAGES) {
        return json(400, { error: `More than ${MAX_SEEDED_MESSAGES} messages.` });
      }
      reseed(state.world, parameters);
      return json(200, { ...parameters, messages: state.world.mailbox.byId.size });
    }),
  ];
}

/**
 * A feed that pushes as fast as it is answered, in a process of its own for the `ack` benchmark:
 * raw keep-alive sockets and documents made beforehand, so that the machine's cores are left to the
 * server. One JSON argument, a `LoadWish`; prints one line, a `Load`. Ends with status 1 when any
 * answer is not 202 or does not say that every entry was accepted.
 */
import type { Socket } from 'bun';
import { feedDocument, numberEntries } from './documents.ts';

export interface LoadWish {
  url: string;
  /** Tells the microseconds of processor time that the server has taken so far. */
  cpuUrl: string;
  connections: number;
  entriesPerDocument: number;
  /** Pushed before the measurement and left out of it. */
  warmUpMs: number;
  durationMs: number;
}

export interface Load {
  entries: number;
  seconds: number;
  /** From the first byte sent to the last byte of the answer. */
  p50Ms: number;
  p99Ms: number;
  serverCpuMicros: number;
}

const wish = JSON.parse(process.argv[2] ?? '{}') as LoadWish;
const { hostname, port, pathname, host } = new URL(wish.url);
const { bytes: document, places } = feedDocument(wish.entriesPerDocument);
const head = Buffer.from(
  `POST ${pathname} HTTP/1.1\r\nHost: ${host}\r\nContent-Type: application/atom+xml\r\nContent-Length: ${document.length}\r\n\r\n`,
);
const expected = `"accepted":${wish.entriesPerDocument},`;
const latencies: number[] = [];
const began = performance.now();
const measureFrom = began + wish.warmUpMs;
const until = measureFrom + wish.durationMs;
const cpuBefore = Bun.sleep(wish.warmUpMs).then(serverCpuMicros);
const ended = Array.from({ length: wish.connections }, () => Promise.withResolvers<void>());

/** One connection: a request, its answer, the next request. */
interface Pusher {
  request: Buffer;
  written: number;
  sentAt: number;
  answer: string;
  measured: number;
  end: () => void;
}

for (const { resolve } of ended) {
  await Bun.connect<Pusher>({
    hostname,
    port: Number(port),
    data: {
      request: Buffer.concat([head, document]),
      written: 0,
      sentAt: 0,
      answer: '',
      measured: 0,
      end: resolve,
    },
    socket: {
      open: push,
      drain: write,
      data: read,
      close: () => fail('The server closed a connection.'),
      error: (_socket, error) => fail(error.message),
    },
  });
}
await Promise.all(ended.map(({ promise }) => promise));
const seconds = (performance.now() - measureFrom) / 1000;
latencies.sort((a, b) => a - b);
const at = (share: number) => latencies[Math.floor(latencies.length * share)] ?? Number.NaN;
const load: Load = {
  entries: latencies.length * wish.entriesPerDocument,
  seconds,
  p50Ms: at(0.5),
  p99Ms: at(0.99),
  serverCpuMicros: (await serverCpuMicros()) - (await cpuBefore),
};
console.log(JSON.stringify(load));
process.exit(0);

async function serverCpuMicros(): Promise<number> {
  return Number(await (await fetch(wish.cpuUrl)).text());
}

function push(socket: Socket<Pusher>): void {
  const { data } = socket;
  numberEntries(data.request, places, head.length);
  data.written = 0;
  data.answer = '';
  data.sentAt = performance.now();
  write(socket);
}

function write(socket: Socket<Pusher>): void {
  const { data } = socket;
  if (data.written < data.request.length) {
    data.written += socket.write(data.request, data.written);
  }
}

function read(socket: Socket<Pusher>, chunk: Buffer): void {
  const { data } = socket;
  data.answer += chunk.toString('latin1');
  if (!isWhole(data.answer)) return;
  if (!data.answer.startsWith('HTTP/1.1 202 ') || !data.answer.includes(expected)) {
    fail(`The server answered ${data.answer.slice(0, 500)}`);
  }
  const now = performance.now();
  if (data.sentAt >= measureFrom) {
    latencies.push(now - data.sentAt);
    data.measured += 1;
  }
  // However slow the machine is, each connection counts once.
  if (now < until || data.measured === 0) push(socket);
  else data.end();
}

function isWhole(answer: string): boolean {
  const headEnd = answer.indexOf('\r\n\r\n');
  if (headEnd < 0) return false;
  const length = /\r\ncontent-length: *([0-9]+)\r\n/i.exec(answer.slice(0, headEnd + 2))?.[1];
  if (length === undefined) fail('The server answered without Content-Length.');
  return answer.length >= headEnd + 4 + Number(length);
}

function fail(message: string): never {
  console.error(message);
  process.exit(1);
}

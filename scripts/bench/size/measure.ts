/** Costs on the file at PATH, for the `size` benchmark: `PATH NOW` in, one JSON line out. */
import Database from 'better-sqlite3';
import type { ToMhv } from '../../../src/message.ts';
import { openStore } from '../../../src/store/sqlite.ts';
import type { Claimed, Lane, MessageFilter } from '../../../src/store/store.ts';
import { invented } from '../drain/messages.ts';

export interface Costs {
  /** Microseconds of processor time for each message. */
  acceptMicros: number;
  claimMicros: number;
  settleMicros: number;
  rssMb: number;
  /** Milliseconds by the name of the list. */
  lists: Record<string, number>;
  /** The same of the views for a person with sqlite3, which go through everything that waits. */
  viewStuckMs: number;
  viewBacklogMs: number;
}

const MESSAGES = 4000;
const AT_ONCE = 50;
const ACCEPTED: Lane = { stage: 'inbox', direction: 'oh-to-mhv' };
const TRANSLATED: Lane = { stage: 'outbox', direction: 'oh-to-mhv' };
/** Runs of each list; the median counts. */
const RUNS = 5;

const [path = '', nowText = ''] = process.argv.slice(2);
const now = Number(nowText);
const store = openStore({ path, leaseMs: 600_000, maxAttempts: 20, now: () => now });
const lists = await timeLists();
const viewStuckMs = await timeView('stuck');
const viewBacklogMs = await timeView('backlog');
let made = 500_000;
await work(MESSAGES / 4);
const costs = await work(MESSAGES);
const rssMb = process.memoryUsage.rss() / 1024 / 1024;
store.close();
const answer: Costs = { ...costs, rssMb, lists, viewStuckMs, viewBacklogMs };
console.log(JSON.stringify(answer));

/** Accepts, translates and delivers messages; each kind of step timed by itself. */
async function work(messages: number) {
  const micros = { acceptMicros: 0, claimMicros: 0, settleMicros: 0 };
  const cpuOf = async <T>(step: keyof typeof micros, run: () => Promise<T>): Promise<T> => {
    const before = process.cpuUsage();
    const result = await run();
    const { user, system } = process.cpuUsage(before);
    micros[step] += (user + system) / messages;
    return result;
  };
  for (let done = 0; done < messages; done += AT_ONCE) {
    const entries = Array.from({ length: AT_ONCE }, () => invented(made++).entry);
    await cpuOf('acceptMicros', () =>
      Promise.all(entries.map((entry) => store.acceptDocument({ entries: [entry] }))),
    );
    const inHand = await cpuOf('claimMicros', () => store.claim(ACCEPTED, AT_ONCE));
    await cpuOf('settleMicros', () => Promise.all(inHand.map(handOver)));
    const translated = await cpuOf('claimMicros', () => store.claim(TRANSLATED, AT_ONCE));
    await cpuOf('settleMicros', () => Promise.all(translated.map(settle)));
  }
  return micros;
}

function handOver(claimed: Claimed): Promise<unknown> {
  return store.handOver(claimed, { ...invented(0).message, ohMessageId: idOf(claimed) });
}

function settle(claimed: Claimed): Promise<unknown> {
  const ids = { ohMessageId: idOf(claimed), mhvMessageId: claimed.id };
  return store.settle(claimed, {
    state: 'done',
    outcome: { kind: 'delivered', ids, found: false },
  });
}

/** Rows of the backlog have no entry in their payload, so they are known by their own id. */
function idOf({ id, payload }: Claimed): string {
  return (payload as Partial<ToMhv>).ohMessageId ?? `${id}:-6:0:0`;
}

async function timeLists(): Promise<Record<string, number>> {
  const looks: [string, () => Promise<unknown>][] = [
    ...filters().map(([name, filter]): [string, () => Promise<unknown>] => [
      `messages ${name}`,
      () => store.list(filter, { limit: 50 }),
    ]),
    ['readings', () => store.upkeep.readings()],
    ['destinations', () => store.pauses()],
    ['directory', () => store.directory.list()],
  ];
  const took: Record<string, number> = {};
  for (const [name, look] of looks) took[name] = await timed(look);
  return took;
}

async function timeView(name: string): Promise<number> {
  const db = new Database(path, { readonly: true });
  const took = await timed(async () => db.prepare(`SELECT * FROM ${name} LIMIT 50`).all());
  db.close();
  return took;
}

async function timed(look: () => Promise<unknown>): Promise<number> {
  const runs: number[] = [];
  for (let run = 0; run < RUNS; run += 1) {
    const began = performance.now();
    await look();
    runs.push(performance.now() - began);
  }
  return runs.toSorted((a, b) => a - b)[Math.floor(RUNS / 2)] ?? Number.NaN;
}

/** Each filter alone, with a status, and with a stretch of time. */
function filters(): [string, MessageFilter][] {
  const day = 24 * 60 * 60 * 1000;
  const single: Record<string, MessageFilter> = {
    all: {},
    direction: { direction: 'oh-to-mhv' },
    otherDirection: { direction: 'mhv-to-oh' },
    icn: { icn: '0000000017V123456' },
    ohMessageId: { ohMessageId: '1000000017:-6:0:0' },
    mhvMessageId: { mhvMessageId: '17' },
    errorCode: { errorCode: 'mhv:119' },
    unknownErrorCode: { errorCode: 'mhv:999' },
    recent: { since: now - day },
    old: { until: now - 300 * day },
    stretch: { since: now - 400 * day, until: now - 399 * day },
  };
  const status = ['IN_PROGRESS', 'SENT', 'FAILED', 'INVALID'] as const;
  const alone = Object.entries(single);
  return [
    ...alone,
    ...status.flatMap((one) =>
      alone.map(([name, filter]): [string, MessageFilter] => [
        `${name} ${one}`,
        { ...filter, status: one },
      ]),
    ),
  ];
}

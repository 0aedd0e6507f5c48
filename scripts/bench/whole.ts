/**
 * Whole messages a second: webhook, inbox, look-ups, translation, outbox, MHV, settled; where the time
 * goes; how soon a delivery begins on an idle exchange; and whether a slow MHV slows acknowledgements.
 * Exchange and the systems around it are a process each, the feed is this one.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { type Running, start } from '../demo/processes.ts';
import { feedDocument, numberEntries } from './documents.ts';
import { inTurn, median, rounded } from './rounds.ts';
import { sharesOf } from './whole/profile.ts';

const MESSAGES = 6000;
const WARM_UP = 1000;
const ENTRIES = 100;
const ROUNDS = 3;
const IDLE_SAMPLES = 300;
const ACK_MS = 4000;
const ACK_CONNECTIONS = 16;
const SLOW_MHV_MS = 1000;
const TIMEOUT_MS = 120_000;
/** More than the default of 16: here look-ups and MHV are as near as they can be, and as fast. */
const CONCURRENCY = '64';

/** The exchange, what is around it, and its file. */
export interface City {
  town: Running;
  exchange: Running;
  database: string;
}

interface TownState {
  stored: number;
  inserts: number;
  doubled: number;
  faults: number;
  cpuMicros: number;
}

export async function benchWhole(): Promise<Record<string, number>> {
  const rounds = await inTurn(ROUNDS, { whole: () => inCity({}, {}, carry) });
  const shares = await profiled();
  console.error('Share of the exchange’s time, by room (sampled in a round of its own):');
  console.error(Bun.inspect.table([shares]));
  const begin = await inCity({}, {}, begins);
  const acks = await inTurn(ROUNDS, {
    quick: () => inCity({}, {}, acknowledge),
    slow: () => inCity({ MHV_DELAY_MS: String(SLOW_MHV_MS) }, {}, acknowledge),
  });
  const of = (figure: keyof Carried) => median(rounds.whole.map((round) => round[figure]));
  return {
    wholePerSecond: rounded(of('perSecond')),
    wholeCpuMicrosPerMessage: rounded(of('cpuMicros')),
    wholeTownCpuMicrosPerMessage: rounded(of('townCpuMicros')),
    ...Object.fromEntries(
      Object.entries(shares).map(([room, share]) => [`wholeShare${capital(room)}`, share]),
    ),
    beginP50Ms: rounded(at(begin, 0.5), 1),
    beginP99Ms: rounded(at(begin, 0.99), 1),
    slowMhvAckRatio: rounded(median(acks.slow) / median(acks.quick), 2),
  };
}

/** Starts a city of its own for `use`, and takes it down again. */
export async function inCity<T>(
  townEnv: Record<string, string>,
  exchangeEnv: Record<string, string>,
  use: (city: City) => Promise<T>,
): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'sm-exchange-bench-'));
  const running: Running[] = [];
  try {
    const town = await start('town', 'scripts/bench/whole/town.ts', folder, townEnv);
    running.push(town);
    const database = join(folder, 'exchange.db');
    const exchange = await start('exchange', 'src/main.ts', folder, {
      ...town.ready,
      AUTH: 'none',
      PORT: '0',
      DATABASE_PATH: database,
      CONCURRENCY,
      ...exchangeEnv,
    });
    running.unshift(exchange);
    return await use({ town, exchange, database });
  } finally {
    for (const one of running) await one.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

interface Carried {
  perSecond: number;
  cpuMicros: number;
  townCpuMicros: number;
}

export async function carry(city: City): Promise<Carried> {
  const push = pusherOf(city, ENTRIES);
  await carryMore(city, push, WARM_UP);
  const before = { own: cpuMicrosOf(city.exchange.pid), town: (await stateOf(city)).cpuMicros };
  const began = performance.now();
  await carryMore(city, push, MESSAGES);
  const seconds = (performance.now() - began) / 1000;
  const after = await stateOf(city);
  return {
    perSecond: MESSAGES / seconds,
    cpuMicros: (cpuMicrosOf(city.exchange.pid) - before.own) / MESSAGES,
    townCpuMicros: (after.cpuMicros - before.town) / MESSAGES,
  };
}

/** Pushes so many messages and waits until MHV has them and nothing is left pending. */
async function carryMore(
  city: City,
  push: () => Promise<unknown>,
  messages: number,
): Promise<void> {
  const target = (await stateOf(city)).stored + messages;
  for (let pushed = 0; pushed < messages; pushed += ENTRIES) await push();
  const until = performance.now() + TIMEOUT_MS;
  while ((await stateOf(city)).stored < target) await waitOn(until);
  const db = new Database(city.database, { readonly: true });
  const pending = db.prepare<[], { n: number }>(
    "SELECT count(*) AS n FROM outbox WHERE state = 'pending'",
  );
  while (pending.get()?.n !== 0) await waitOn(until);
  db.close();
}

async function waitOn(until: number): Promise<void> {
  if (performance.now() > until) throw new Error('Not everything was delivered in time.');
  await Bun.sleep(10);
}

/** A round under the profiler of the runtime, which takes its own share of the time. */
async function profiled(): Promise<Record<string, number>> {
  const folder = mkdtempSync(join(tmpdir(), 'sm-exchange-bench-profile-'));
  try {
    const name = 'exchange.cpuprofile';
    const BUN_OPTIONS = `--cpu-prof --cpu-prof-dir=${folder} --cpu-prof-name=${name}`;
    await inCity({}, { BUN_OPTIONS }, carry);
    return await sharesOf(join(folder, name));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Milliseconds from an acknowledgement to the first request to MHV, one message at a time. */
async function begins(city: City): Promise<number[]> {
  const push = pusherOf(city, 1);
  for (let n = 0; n < WARM_UP; n += 1) await push();
  const waits: number[] = [];
  for (let sample = 0; sample < IDLE_SAMPLES; sample += 1) {
    const target = (await stateOf(city)).stored;
    await carryMore(city, async () => {}, 0);
    const id = await push();
    const acknowledgedAt = performance.timeOrigin + performance.now();
    const until = performance.now() + TIMEOUT_MS;
    while ((await stateOf(city)).stored <= target) await waitOn(until);
    const url = `${city.town.ready['origin']}/_bench/asked/${encodeURIComponent(id)}`;
    const askedAt = Number(await (await fetch(url)).json());
    waits.push(askedAt - acknowledgedAt);
  }
  return waits.toSorted((a, b) => a - b);
}

/** Acknowledged documents of one entry a second, while they are looked up and delivered. */
async function acknowledge(city: City): Promise<number> {
  let acknowledged = 0;
  const began = performance.now();
  const connection = async () => {
    const push = pusherOf(city, 1);
    while (performance.now() - began < ACK_MS) {
      await push();
      acknowledged += 1;
    }
  };
  await Promise.all(Array.from({ length: ACK_CONNECTIONS }, connection));
  return acknowledged / ((performance.now() - began) / 1000);
}

/** Pushes a document of new entries; gives the OH message id of the last. */
export function pusherOf({ town, exchange }: City, entries: number): () => Promise<string> {
  const { bytes, places } = feedDocument(entries, town.ready['OH_MESSAGING_BASE_URL']);
  const last = places.at(-1)?.atomId ?? 0;
  return async () => {
    numberEntries(bytes, places);
    const response = await fetch(`${exchange.ready['url']}/oh/feed`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/atom+xml' },
      body: bytes,
    });
    const answer = await response.text();
    if (response.status !== 202)
      throw new Error(`The exchange answered ${response.status} ${answer}`);
    return bytes.toString('latin1', last, bytes.indexOf('<', last));
  };
}

export async function stateOf({ town }: City): Promise<TownState> {
  return (await (await fetch(`${town.ready['origin']}/_bench/state`)).json()) as TownState;
}

export function at(sorted: number[], share: number): number {
  return sorted[Math.floor(sorted.length * share)] ?? Number.NaN;
}

/** Processor time of a process and its threads so far; its clock ticks a hundred times a second. */
function cpuMicrosOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) * 10_000;
}

function capital(room: string): string {
  return room.charAt(0).toUpperCase() + room.slice(1);
}

/**
 * The whole way for minutes, at half the rate that was measured just before, while 5 % of the inserts at MHV
 * fail, half of them after MHV stored the message: memory, the write-ahead log and the times must not grow.
 */
import { readFileSync, statSync } from 'node:fs';
import { rounded } from './rounds.ts';
import { at, type City, carry, inCity, pusherOf, stateOf } from './whole.ts';

const FAULT_RATE = '0.05';
const SHARE = 0.5;
const SAMPLE_EVERY_MS = 1000;
/** Of the soak's length: the first part warms up and is compared with nothing. */
const WARM_UP_SHARE = 0.1;
const WINDOW_SHARE = 0.2;
/** What failed comes again within the first few waits of the schedule. */
const SETTLE_MS = 120_000;

interface Sample {
  atMs: number;
  rssMb: number;
  walMb: number;
}

export async function benchSoak(minutes: number): Promise<Record<string, number>> {
  const { perSecond } = await inCity({}, {}, carry);
  return inCity({ FAULT_RATE }, {}, (city) => soak(city, minutes, perSecond * SHARE));
}

async function soak(
  city: City,
  minutes: number,
  perSecond: number,
): Promise<Record<string, number>> {
  const durationMs = minutes * 60_000;
  const samples: Sample[] = [];
  const from = durationMs * WARM_UP_SHARE;
  const window = durationMs * WINDOW_SHARE;
  const isWithin = (atMs: number, start: number) => atMs >= start && atMs < start + window;
  // Numbers of the two windows alone: a million objects would slow the process that measures.
  const acks = { first: [] as number[], last: [] as number[] };
  const push = pusherOf(city, 1);
  const began = performance.now();
  const elapsed = () => performance.now() - began;
  const sampling = setInterval(() => samples.push(sampleOf(city, elapsed())), SAMPLE_EVERY_MS);
  let pushed = 0;
  while (elapsed() < durationMs) {
    const owed = Math.floor((elapsed() / 1000) * perSecond) - pushed;
    const some = Array.from({ length: Math.min(owed, 64) }, async () => {
      const sentAt = elapsed();
      await push();
      const answeredInMs = elapsed() - sentAt;
      if (isWithin(sentAt, from)) acks.first.push(answeredInMs);
      if (isWithin(sentAt, durationMs - window)) acks.last.push(answeredInMs);
    });
    pushed += some.length;
    await Promise.all(some);
    if (owed < 1) await Bun.sleep(1);
  }
  const tookMs = elapsed();
  clearInterval(sampling);
  const state = await settled(city, pushed);
  const rss = (start: number) => {
    const within = samples.filter(({ atMs }) => isWithin(atMs, start));
    return Math.max(...within.map(({ rssMb }) => rssMb));
  };
  const rssGrowthMb = rounded(rss(durationMs - window) - rss(from));
  return {
    soakMinutes: minutes,
    soakPerSecond: rounded(pushed / (tookMs / 1000)),
    soakDelivered: state.stored,
    soakDoubled: state.doubled,
    soakFaults: state.faults,
    rssGrowthMb,
    // In a run of several benches the name before says what the last of them measured.
    soakRssGrowthMb: rssGrowthMb,
    walMaxMb: rounded(Math.max(...samples.map(({ walMb }) => walMb)), 1),
    soakP99FirstMs: rounded(p99Of(acks.first), 1),
    soakP99LastMs: rounded(p99Of(acks.last), 1),
  };
}

function p99Of(times: number[]): number {
  const sorted = times.toSorted((a, b) => a - b);
  return at(sorted, 0.99);
}

async function settled(city: City, pushed: number) {
  const until = performance.now() + SETTLE_MS;
  for (;;) {
    const state = await stateOf(city);
    if (state.stored >= pushed) return state;
    if (performance.now() > until) throw new Error(`${pushed - state.stored} were not delivered.`);
    await Bun.sleep(100);
  }
}

function sampleOf({ exchange, database }: City, atMs: number): Sample {
  const status = readFileSync(`/proc/${exchange.pid}/status`, 'utf8');
  const kb = /^VmRSS:\s+(\d+)/m.exec(status)?.[1];
  const wal = statSync(`${database}-wal`, { throwIfNoEntry: false });
  return { atMs, rssMb: Number(kb) / 1024, walMb: (wal?.size ?? 0) / 1024 / 1024 };
}

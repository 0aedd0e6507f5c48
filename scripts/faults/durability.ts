/** Between the write that stores a message and the 202 that acknowledges it lies an fsync of the WAL. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type City, openCity } from './city.ts';
import { createLoad } from './load.ts';
import { startExchange } from './process.ts';
import { chanceOf, type Options, type Report } from './scenario.ts';
import { readTrace, type Seen, TRACED } from './trace.ts';

const PATIENTS = 4;
const MESSAGES = 20;
const MAX_PAUSE_MS = 20;
const TRACE_TIMEOUT_MS = 5000;

/** Watches the system calls of the exchange; with `synchronous=NORMAL` the same check must fail. */
export async function durability({ seed }: Pick<Options, 'seed'>): Promise<Report> {
  if (Bun.which('strace') === null) {
    return { figures: {}, complaints: [], skipped: 'strace is not installed' };
  }
  const full = await watch(seed);
  const normal = await watch(seed, new URL('./synchronous-normal.ts', import.meta.url).pathname);
  const complaints: string[] = [];
  if (full.acknowledged < MESSAGES * 2) complaints.push('the trace misses acknowledgements');
  if (full.unsafe > 0) complaints.push(`${full.unsafe} acknowledgements came before their fsync`);
  if (normal.unsafe === 0) complaints.push('the check can not fail: NORMAL passed it');
  return {
    complaints,
    figures: {
      acknowledged: full.acknowledged,
      'fsyncs of the WAL': full.syncs,
      'before their fsync': full.unsafe,
      'the same under NORMAL': `${normal.unsafe} of ${normal.acknowledged}`,
    },
  };
}

async function watch(seed: number, preload?: string): Promise<Seen> {
  // In the clear: the trace is searched for what was written.
  const env = { CONCURRENCY: '1', DATA_KEYS: '' };
  const city = await openCity({ seed, patients: PATIENTS, env });
  const tracePath = join(city.folder, 'trace');
  try {
    const load = createLoad({ city, chance: chanceOf(seed), maxPauseMs: MAX_PAUSE_MS });
    await traced(city, tracePath, preload, async (url) =>
      load.run(url, { signal: new AbortController().signal, quota: MESSAGES }),
    );
    // strace escapes the quote that ends a subject; without it 1 would be found in 10.
    const tokens = load.ledger.map(({ way, key }) => (way === 'to OH' ? `${key}\\"` : key));
    return readTrace(readFileSync(tracePath, 'utf8'), tokens);
  } finally {
    await city.close();
  }
}

async function traced(
  city: City,
  tracePath: string,
  preload: string | undefined,
  work: (url: string) => Promise<void>,
): Promise<void> {
  // -D: the tracer steps aside, so that a signal reaches the exchange and not strace.
  const prefix = ['strace', '-D', ...TRACED, '-o', tracePath];
  const exchange = await startExchange({ ...city, prefix, ...(preload ? { preload } : {}) });
  try {
    await work(exchange.url);
  } finally {
    await exchange.stop();
  }
  const until = performance.now() + TRACE_TIMEOUT_MS;
  const hasEnded = () => readFileSync(tracePath, 'utf8').trimEnd().endsWith('+++');
  while (!hasEnded() && performance.now() < until) await Bun.sleep(20);
}

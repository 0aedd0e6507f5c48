/**
 * What a large file costs: accepting, claiming and settling a message, start, memory, the API's lists and the
 * console's pages, at 1,000 to 2,000,000 rows of the queues, and with half a million that wait.
 */
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { start } from '../demo/processes.ts';
import { rounded } from './rounds.ts';
import { fill, type Size } from './size/fill.ts';
import type { Costs } from './size/measure.ts';

/** What the others are compared with. */
const SMALLEST: Size = { done: 500, waiting: 0 };
/** By rows of the queues. */
const SIZES: Record<string, Size> = {
  '1,000': SMALLEST,
  '100,000': { done: 50_000, waiting: 0 },
  '2,000,000': { done: 1_000_000, waiting: 0 },
  '2,000,000, 500,000 waiting': { done: 750_000, waiting: 500_000 },
};
const TIMEOUT_MS = 300_000;

interface Measured extends Costs {
  startMs: number;
  fileMb: number;
  fillMs: number;
}

export async function benchSize(): Promise<Record<string, number | string>> {
  const measured: Measured[] = [];
  for (const size of Object.values(SIZES)) measured.push(await measure(size));
  const names = Object.keys(SIZES);
  console.error(
    Bun.inspect.table(
      measured.map(({ looks, ...costs }, place) => {
        const figures = Object.entries(costs).map(([name, value]) => [name, rounded(value, 1)]);
        return {
          rows: names[place],
          ...Object.fromEntries(figures),
          slowestListMs: rounded(slowest(looks.ms)[1], 1),
          slowestList: slowest(looks.ms)[0],
        };
      }),
    ),
  );
  const [small, , large, waiting] = measured;
  if (!small || !large || !waiting) throw new Error('A size was not measured.');
  const worst = (figure: 'acceptSlowdown' | 'claimSlowdown' | 'settleSlowdown') =>
    rounded(Math.max(large[figure], waiting[figure]), 2);
  const [slowestList, slowestListMs] = slowest(maxOf(large.looks.ms, waiting.looks.ms));
  const rssGrowthMb = rounded(Math.max(large.rssMb, waiting.rssMb) - small.rssMb);
  return {
    claimSlowdownAtLargest: worst('claimSlowdown'),
    acceptSlowdownAtLargest: worst('acceptSlowdown'),
    settleSlowdownAtLargest: worst('settleSlowdown'),
    rssGrowthMb,
    // The soak's figure has the same name, and comes after this one where both are measured.
    sizeRssGrowthMb: rssGrowthMb,
    startMs: rounded(Math.max(large.startMs, waiting.startMs)),
    slowestListMs: rounded(slowestListMs, 1),
    slowestList,
    slowestFirstListMs: rounded(Math.max(large.looks.slowestFirstMs, waiting.looks.slowestFirstMs)),
    viewStuckMs: rounded(Math.max(large.viewStuckMs, waiting.viewStuckMs)),
    viewBacklogMs: rounded(Math.max(large.viewBacklogMs, waiting.viewBacklogMs)),
  };
}

async function measure(size: Size): Promise<Measured> {
  const folder = mkdtempSync(join(tmpdir(), 'sm-exchange-bench-'));
  try {
    const path = join(folder, 'exchange.db');
    const now = Date.now();
    const began = performance.now();
    fill(path, size, now);
    const fillMs = performance.now() - began;
    const reference = join(folder, 'reference.db');
    fill(reference, SMALLEST, now);
    const startMs = await timeStart(folder, path);
    const fileMb = statSync(path).size / 1024 / 1024;
    return { ...(await costsOf(path, reference, now)), startMs, fileMb, fillMs };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Milliseconds from the start of the process until it is ready, polling nothing. */
async function timeStart(folder: string, path: string): Promise<number> {
  const nowhere = 'http://127.0.0.1:9';
  const began = performance.now();
  const exchange = await start('exchange', 'src/main.ts', folder, {
    DATABASE_PATH: path,
    AUTH: 'none',
    PORT: '0',
    MHV_BASE_URL: nowhere,
    MHV_APP_TOKEN: 'bench',
    OH_MESSAGING_BASE_URL: nowhere,
    OH_AUTHORITY: 'demo',
    OH_FHIR_BASE_URL: nowhere,
    OH_MEDIA_BASE_URL: nowhere,
    OH_AUTH_METHOD: 'none',
    LOG_LEVEL: 'silent',
  });
  const ready = await fetch(`${exchange.ready['url']}/health/ready`);
  const tookMs = performance.now() - began;
  await exchange.stop();
  if (ready.status !== 200) throw new Error(`The exchange is not ready: ${ready.status}`);
  return tookMs;
}

async function costsOf(path: string, reference: string, now: number): Promise<Costs> {
  const script = join(import.meta.dir, 'size', 'measure.ts');
  const child = Bun.spawn([process.execPath, script, path, reference, String(now)], {
    stdio: ['ignore', 'pipe', 'inherit'],
    timeout: TIMEOUT_MS,
    killSignal: 'SIGKILL',
  });
  const printed = await new Response(child.stdout).text();
  if ((await child.exited) !== 0) throw new Error('The costs could not be measured.');
  return JSON.parse(printed) as Costs;
}

function slowest(lists: Record<string, number>): [name: string, ms: number] {
  return Object.entries(lists).toSorted(([, a], [, b]) => b - a)[0] ?? ['', 0];
}

function maxOf(a: Record<string, number>, b: Record<string, number>): Record<string, number> {
  return Object.fromEntries(
    Object.entries(a).map(([name, ms]) => [name, Math.max(ms, b[name] ?? 0)]),
  );
}

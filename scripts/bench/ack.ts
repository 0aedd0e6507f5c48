/**
 * Acknowledged entries a second over HTTP, each acknowledged after its commit is on disk, next to
 * the same server with a commit for each request. Server and load are a process each.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { start } from '../demo/processes.ts';
import type { Load, LoadWish } from './load.ts';
import { inTurn, median, rounded } from './rounds.ts';

const CONNECTIONS = 64;
const DURATION_MS = 4000;
const WARM_UP_MS = 1500;
/** Odd, for the median. */
const ROUNDS = 5;

/** Each round of each side has a server and a file of its own; medians count. */
export async function benchAck(): Promise<Record<string, number>> {
  const rounds = await inTurn(ROUNDS, {
    each: () => measure(1, '1'),
    shared: () => measure(1),
    of100: () => measure(100),
  });
  const { shared, each, of100 } = rounds;
  return {
    ackPerSecond: rounded(perSecond(shared)),
    ackP50Ms: rounded(median(shared.map(({ p50Ms }) => p50Ms)), 1),
    ackP99Ms: rounded(median(shared.map(({ p99Ms }) => p99Ms)), 1),
    ackCpuMicrosPerEntry: rounded(cpuMicros(shared), 1),
    ackCommitEachPerSecond: rounded(perSecond(each)),
    ackVsCommitEach: rounded(perSecond(shared) / perSecond(each), 2),
    ackEntriesPerSecondOf100: rounded(perSecond(of100)),
    ackCpuMicrosPerEntryOf100: rounded(cpuMicros(of100), 1),
  };
}

function perSecond(side: Load[]): number {
  return median(side.map(({ entries, seconds }) => entries / seconds));
}

function cpuMicros(side: Load[]): number {
  return median(side.map(({ entries, serverCpuMicros }) => serverCpuMicros / entries));
}

async function measure(entriesPerDocument: number, worksPerCommit = ''): Promise<Load> {
  const folder = mkdtempSync(join(tmpdir(), 'sm-exchange-bench-'));
  const args = [join(folder, 'exchange.db'), worksPerCommit];
  const server = await start('server', 'scripts/bench/server.ts', folder, {}, args);
  try {
    const origin = String(server.ready['url']);
    return await load({
      url: `${origin}/oh/feed`,
      cpuUrl: `${origin}/cpu`,
      connections: CONNECTIONS,
      entriesPerDocument,
      warmUpMs: WARM_UP_MS,
      durationMs: DURATION_MS,
    });
  } finally {
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function load(wish: LoadWish): Promise<Load> {
  const script = join(import.meta.dir, 'load.ts');
  const child = Bun.spawn([process.execPath, script, JSON.stringify(wish)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const printed = await new Response(child.stdout).text();
  if ((await child.exited) !== 0) throw new Error('Something was not acknowledged as it should.');
  return JSON.parse(printed) as Load;
}

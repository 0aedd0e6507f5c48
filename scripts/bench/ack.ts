/** Acknowledged entries a second over HTTP, next to the same server with a commit for each request. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { start } from '../demo/processes.ts';
import { feedDocument } from './documents.ts';

const CONNECTIONS = 64;
const ROUND_MS = 4000;
const WARM_UP_MS = 1000;
const ROUNDS = 3;

interface Round {
  perSecond: number;
  p99Ms: number;
}

/** Runs both sides in turn, a fresh file each; the median round of each side counts. */
export async function benchAck(): Promise<Record<string, number>> {
  const shared: Round[] = [];
  const each: Round[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    each.push(await measure('1'));
    shared.push(await measure(''));
  }
  const best = median(shared);
  const rival = median(each);
  return {
    ackPerSecond: Math.round(best.perSecond),
    ackP99Ms: Number(best.p99Ms.toFixed(1)),
    ackCommitEachPerSecond: Math.round(rival.perSecond),
    ackVsCommitEach: Number((best.perSecond / rival.perSecond).toFixed(2)),
  };
}

async function measure(worksPerCommit: string): Promise<Round> {
  const folder = mkdtempSync(join(tmpdir(), 'sm-exchange-bench-'));
  const args = [join(folder, 'exchange.db'), worksPerCommit];
  const server = await start('server', 'scripts/bench/server.ts', folder, {}, args);
  try {
    const url = `${server.ready['url']}/oh/feed`;
    await load(url, WARM_UP_MS);
    return await load(url, ROUND_MS);
  } finally {
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function load(url: string, durationMs: number): Promise<Round> {
  const latencies: number[] = [];
  const began = performance.now();
  const until = began + durationMs;
  async function connection(): Promise<void> {
    while (performance.now() < until) {
      const body = feedDocument(1);
      const sent = performance.now();
      const response = await fetch(url, {
        method: 'POST',
        body,
        headers: { 'Content-Type': 'application/atom+xml' },
      });
      await response.arrayBuffer();
      if (response.status !== 202) throw new Error(`The server answered ${response.status}`);
      latencies.push(performance.now() - sent);
    }
  }
  await Promise.all(Array.from({ length: CONNECTIONS }, connection));
  const seconds = (performance.now() - began) / 1000;
  const sorted = latencies.toSorted((a, b) => a - b);
  return {
    perSecond: latencies.length / seconds,
    p99Ms: sorted[Math.floor(sorted.length * 0.99)] ?? 0,
  };
}

function median(rounds: Round[]): Round {
  const sorted = rounds.toSorted((a, b) => a.perSecond - b.perSecond);
  return sorted[Math.floor(sorted.length / 2)] ?? { perSecond: 0, p99Ms: 0 };
}

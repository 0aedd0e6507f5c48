/**
 * Jobs a second from a full queue to an empty one, to a destination that does nothing: the exchange's
 * outbox at `synchronous=FULL`, next to job queues that keep their jobs in SQLite or PostgreSQL.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startPostgres } from './drain/postgres.ts';
import type { Side } from './drain/side.ts';
import { median, rounded } from './rounds.ts';

const JOBS = 8000;
/** Odd, for the median. */
const ROUNDS = 5;
const TIMEOUT_MS = 120_000;

const IN_A_FILE = ['exchange', 'plainjob', 'bunqueue'];
const IN_POSTGRES = ['pg-boss', 'graphile-worker'];

/** Each round of each side has a process and a file, or database, of its own; medians count. */
export async function benchDrain(): Promise<Record<string, number>> {
  const sides = new Map<string, Side[]>();
  const postgres = await startPostgres();
  if (!postgres)
    console.error(`Skipped, for no PostgreSQL is installed: ${IN_POSTGRES.join(', ')}`);
  try {
    for (let round = 0; round < ROUNDS; round += 1) {
      for (const name of IN_A_FILE) add(sides, name, await inFolder(name));
      if (!postgres) continue;
      for (const name of IN_POSTGRES) {
        add(sides, name, await run(name, await databaseOf(postgres.url, name, round)));
      }
    }
  } finally {
    await postgres?.stop();
  }
  console.error(Bun.inspect.table([...sides].map(([name, rounds]) => lineOf(name, rounds))));
  return figuresOf(sides);
}

function figuresOf(sides: Map<string, Side[]>): Record<string, number> {
  const ours = drained(sides, 'exchange');
  const figures: Record<string, number> = {
    drainPerSecond: rounded(ours),
    drainCpuMicrosPerJob: rounded(middle(sides, 'exchange', 'cpuMicrosPerJob'), 1),
  };
  const names = { plainjob: 'Plainjob', bunqueue: 'Bunqueue', 'pg-boss': 'PgBoss' };
  for (const [name, word] of Object.entries({ ...names, 'graphile-worker': 'GraphileWorker' })) {
    if (!sides.has(name)) continue;
    figures[`drain${word}PerSecond`] = rounded(drained(sides, name));
    figures[`drainVs${word}`] = rounded(ours / drained(sides, name), 2);
  }
  return figures;
}

function lineOf(name: string, rounds: Side[]) {
  const of = (figure: 'addPerSecond' | 'drainPerSecond' | 'cpuMicrosPerJob') =>
    rounded(median(rounds.map((side) => side[figure])));
  return {
    side: name,
    'added/s': of('addPerSecond'),
    'drained/s': of('drainPerSecond'),
    'CPU µs/job': of('cpuMicrosPerJob'),
    durability: rounds[0]?.durability,
    'does for each job': rounds[0]?.does,
  };
}

function drained(sides: Map<string, Side[]>, name: string): number {
  return middle(sides, name, 'drainPerSecond');
}

function middle(
  sides: Map<string, Side[]>,
  name: string,
  figure: 'drainPerSecond' | 'cpuMicrosPerJob',
): number {
  return median((sides.get(name) ?? []).map((side) => side[figure]));
}

function add(sides: Map<string, Side[]>, name: string, side: Side): void {
  sides.set(name, [...(sides.get(name) ?? []), side]);
}

async function inFolder(name: string): Promise<Side> {
  const folder = mkdtempSync(join(tmpdir(), 'sm-exchange-bench-'));
  try {
    return await run(name, join(folder, 'queue.db'));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function run(name: string, where: string): Promise<Side> {
  const script = join(import.meta.dir, 'drain', `${name}.ts`);
  const child = Bun.spawn([process.execPath, script, where, String(JOBS)], {
    stdio: ['ignore', 'pipe', 'inherit'],
    timeout: TIMEOUT_MS,
    killSignal: 'SIGKILL',
  });
  const printed = await new Response(child.stdout).text();
  if ((await child.exited) !== 0) throw new Error(`${name} did not end well.`);
  return JSON.parse(printed.trim().split('\n').at(-1) ?? '') as Side;
}

async function databaseOf(url: string, name: string, round: number): Promise<string> {
  const sql = new Bun.SQL(url);
  const database = `${name.replaceAll('-', '_')}_${round}`;
  await sql.unsafe(`CREATE DATABASE ${database}`);
  await sql.close();
  return url.replace(/[^/]*$/, database);
}

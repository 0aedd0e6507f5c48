/** The programs people run, as processes. */
import { afterEach, expect, test } from 'bun:test';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Mocks, startMocks } from '../src/mocks/mocks.ts';

const ROOT = join(import.meta.dir, '..');
const cleanups: (() => unknown)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

function run(script: string, env: Record<string, string>, args: string[] = []) {
  const child = Bun.spawn([process.execPath, join(ROOT, script), ...args], {
    cwd: ROOT,
    env: { PATH: process.env['PATH'] ?? '', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  cleanups.push(() => child.kill('SIGKILL'));
  return child;
}

async function readyLine(child: ReturnType<typeof run>): Promise<Record<string, string>> {
  const reader = child.stdout.getReader();
  const { value } = await reader.read();
  reader.releaseLock();
  return JSON.parse(new TextDecoder().decode(value)) as Record<string, string>;
}

async function mocksAndFolder(): Promise<{ mocks: Mocks; databasePath: string }> {
  const folder = mkdtempSync(join(tmpdir(), 'sm-exchange-main-'));
  cleanups.push(() => rmSync(folder, { recursive: true, force: true }));
  const mocks = await startMocks();
  cleanups.push(() => mocks.stop());
  return { mocks, databasePath: join(folder, 'fresh', 'exchange.db') };
}

test('start without its variables ends with status 78 and a line for each fault', async () => {
  const child = run('src/main.ts', {});
  expect(await child.exited).toBe(78);
  const lines = (await new Response(child.stderr).text()).trim().split('\n');
  const variables = lines.map((line) => line.split(':')[0]);
  expect(variables).toContain('MHV_BASE_URL');
  expect(variables).toContain('API_TOKENS');
  expect(new Set(variables).size).toBe(lines.length);
});

test('start on a fresh path prints where it listens, takes messages, and SIGTERM drains', async () => {
  const { mocks, databasePath } = await mocksAndFolder();
  const env = { ...mocks.env, AUTH: 'none', PORT: '0', DATABASE_PATH: databasePath };
  const child = run('src/main.ts', env);
  const { url } = await readyLine(child);
  const patients = (await (await fetch(`${mocks.origins.fhir}/_mock/patients`)).json()) as {
    icn: string;
  }[];
  const response = await fetch(`${url}/messages`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({
      icn: patients[0]?.icn,
      subject: 'Hello',
      body: 'On its way.',
      receivingPoolId: '2000001',
    }),
  });
  expect(response.status).toBe(202);
  child.kill('SIGTERM');
  expect(await child.exited).toBe(0);
  // What was accepted and not yet delivered is in the file for the next start.
  const again = run('src/main.ts', env);
  const next = await readyLine(again);
  const until = Date.now() + 10_000;
  let status = '';
  while (status !== 'SENT' && Date.now() < until) {
    const { messages } = (await (await fetch(`${next['url']}/messages`)).json()) as {
      messages: { status: string }[];
    };
    status = messages[0]?.status ?? '';
  }
  expect(status).toBe('SENT');
});

test('the demo delivers everything both ways and ends with status 0', async () => {
  const child = run('scripts/demo.ts', {}, ['--exit']);
  const out = await new Response(child.stdout).text();
  expect(out).toContain(
    'All well: 6 messages reached MHV and 5 reached OH, each once; 200 of a history.',
  );
  expect(await child.exited).toBe(0);
}, 30_000);

test('history is migrated through a running exchange on the same file', async () => {
  const { mocks, databasePath } = await mocksAndFolder();
  const env = { ...mocks.env, AUTH: 'none', PORT: '0', DATABASE_PATH: databasePath };
  await readyLine(run('src/main.ts', env));
  const patients = (await (await fetch(`${mocks.origins.fhir}/_mock/patients`)).json()) as {
    icn: string;
  }[];
  const list = join(databasePath, '..', 'patients.txt');
  await Bun.write(
    list,
    patients
      .map(({ icn }) => icn)
      .slice(0, 2)
      .join('\n'),
  );
  const child = run('scripts/migrate-history.ts', env, ['--patients', list]);
  const out = await new Response(child.stdout).text();
  expect(out).toContain('16  OH has\n       16  MHV has\n        0  missing');
  expect(await child.exited).toBe(0);
}, 30_000);

/** Two exchanges started on one file by mistake. */
import { afterEach, expect, test } from 'bun:test';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startMocks } from '../../src/mocks/mocks.ts';

const ROOT = join(import.meta.dir, '..', '..');
const cleanups: (() => unknown)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

/** Starts an exchange and waits until it listens. */
async function start(env: Record<string, string>) {
  const child = Bun.spawn([process.execPath, join(ROOT, 'src/main.ts')], {
    cwd: ROOT,
    env: { PATH: process.env['PATH'] ?? '', AUTH: 'none', PORT: '0', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  cleanups.push(async () => {
    child.kill('SIGKILL');
    await child.exited;
  });
  const reader = child.stdout.getReader();
  const { value } = await reader.read();
  const { url } = JSON.parse(new TextDecoder().decode(value)) as { url: string };
  const get = async (path: string) =>
    (await (await fetch(`${url}${path}`)).json()) as Record<string, unknown>;
  return { child, url, get };
}

/** Asks again until the answer is as wanted; bun's own time-out ends a test in which it never is. */
async function until<T>(ask: () => Promise<T>, isWanted: (answer: T) => boolean): Promise<T> {
  for (;;) {
    const answer = await ask();
    if (isWanted(answer)) return answer;
  }
}

test('the second takes messages but does not poll, and takes over when the first is killed', async () => {
  const mocks = await startMocks();
  cleanups.push(() => mocks.stop());
  const folder = mkdtempSync(join(tmpdir(), 'sm-exchange-two-'));
  cleanups.push(() => rmSync(folder, { recursive: true, force: true }));
  const env = { ...mocks.env, DATABASE_PATH: join(folder, 'exchange.db') };
  const first = await start(env);
  const polledBy = (process: typeof first) => process.get('/health/ready');
  await until(
    () => polledBy(first),
    ({ polledBy: by }) => by === 'here',
  );
  const second = await start(env);
  expect(await polledBy(second)).toEqual({ status: 'ok', polledBy: 'elsewhere' });

  const patients = (await (await fetch(`${mocks.origins.fhir}/_mock/patients`)).json()) as {
    icn: string;
  }[];
  const send = async (subject: string) => {
    const body = { icn: patients[0]?.icn, subject, body: 'Hello.', receivingPoolId: '2000001' };
    const response = await fetch(`${second.url}/messages`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify(body),
    });
    expect(response.status).toBe(202);
    return `/messages/${((await response.json()) as { id: string }).id}`;
  };
  const isSent = ({ status }: Record<string, unknown>) => status === 'SENT';
  // What the second takes, the first delivers.
  const taken = await send('For the first');
  await until(() => second.get(taken), isSent);
  expect(await polledBy(second)).toMatchObject({ polledBy: 'elsewhere' });

  first.child.kill('SIGKILL');
  await first.child.exited;
  const later = await send('For the second');
  await until(() => second.get(later), isSent);
  expect(await polledBy(second)).toMatchObject({ polledBy: 'here' });
  second.child.kill('SIGTERM');
  expect(await second.child.exited).toBe(0);
  const lines = (await new Response(second.child.stderr).text()).trim().split('\n');
  const locks = lines
    .map((line) => JSON.parse(line) as Record<string, unknown>)
    .filter(({ event }) => event === 'lock');
  expect(locks.map(({ state }) => state)).toEqual(['waiting', 'taken']);
  expect(String(locks[0]?.['holder'])).toContain(`:${first.child.pid}:`);
}, 20_000);

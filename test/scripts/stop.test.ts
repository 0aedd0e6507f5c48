/** SIGTERM while a destination is slow: the process ends within its bound, and nothing is lost. */
import { expect, test } from 'bun:test';
import { connect } from 'node:net';
import Database from 'better-sqlite3';
import { STOP_MARGIN_MS } from '../../src/exchange.ts';
import type { Mocks } from '../../src/mocks/mocks.ts';
import { readyLine, run, town } from './setup.ts';

/** Starts an exchange and waits until it listens. */
async function start(env: Record<string, string>) {
  const child = run('src/main.ts', env);
  const { url = '' } = await readyLine(child);
  return { child, url };
}

/** Makes OH slow to answer sends, sends one message and waits until it is being delivered. */
async function sendSlowly(mocks: Mocks, url: string, delayMs: number): Promise<void> {
  await post(`${mocks.origins.messaging}/_mock/faults`, { path: '/outbox/messages', delayMs });
  const patients = (await (await fetch(`${mocks.origins.fhir}/_mock/patients`)).json()) as {
    icn: string;
  }[];
  await post(`${url}/messages`, {
    icn: patients[0]?.icn,
    subject: 'Refill',
    body: 'Slowly, please.',
    receivingPoolId: '2000001',
  });
  await until(async () => {
    const list = (await (await fetch(`${url}/messages`)).json()) as {
      messages: { stage: string; id: string }[];
    };
    const [message] = list.messages;
    if (message?.stage !== 'outbox') return false;
    const view = (await (await fetch(`${url}/messages/${message.id}`)).json()) as {
      attempts: { stage: string }[];
    };
    return view.attempts.some(({ stage }) => stage === 'outbox');
  });
}

async function post(url: string, body: unknown): Promise<void> {
  const headers = { 'Content-Type': 'application/json' };
  const answer = await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) });
  expect(answer.ok).toBe(true);
}

async function until(isTrue: () => Promise<boolean>, withinMs = 15_000): Promise<void> {
  const end = Date.now() + withinMs;
  while (Date.now() < end) {
    if (await isTrue()) return;
    await Bun.sleep(10);
  }
  throw new Error('It did not happen in time.');
}

function rows(path: string, sql: string): Record<string, unknown>[] {
  const sqlite = new Database(path, { readonly: true });
  try {
    return sqlite.prepare(sql).all() as Record<string, unknown>[];
  } finally {
    sqlite.close();
  }
}

const atOh = async (mocks: Mocks) =>
  (await (await fetch(`${mocks.origins.messaging}/_mock/messages`)).json()) as unknown[];

test('a stop waits for a delivery in hand, and takes nothing more meanwhile', async () => {
  const { mocks, env, databasePath: path } = await town();
  const { child, url } = await start(env);
  await sendSlowly(mocks, url, 1000);
  child.kill('SIGTERM');
  await until(() =>
    fetch(`${url}/health/ready`).then(
      ({ status }) => status === 503,
      () => true,
    ),
  );
  expect(child.exitCode).toBeNull();
  expect(await child.exited).toBe(0);
  expect(rows(path, 'SELECT state, outcome FROM outbox')).toEqual([
    { state: 'done', outcome: 'delivered' },
  ]);
  expect(rows(path, 'SELECT * FROM poller_lock')).toEqual([]);
}, 30_000);

test('a delivery that takes too long is cut short within the bound, and the next start delivers it once', async () => {
  const { mocks, env, databasePath: path } = await town();
  const stopTimeoutMs = 200;
  const { child, url } = await start({ ...env, STOP_TIMEOUT_MS: String(stopTimeoutMs) });
  await sendSlowly(mocks, url, 8000);
  const startedAt = performance.now();
  child.kill('SIGTERM');
  expect(await child.exited).toBe(0);
  expect(performance.now() - startedAt).toBeLessThan(stopTimeoutMs + STOP_MARGIN_MS);
  const [row] = rows(path, 'SELECT state, error_code, in_doubt_since FROM outbox');
  expect(row).toMatchObject({ state: 'pending', error_code: 'oh:stopped' });
  expect(row?.['in_doubt_since']).toBeNumber();
  expect(rows(path, 'SELECT * FROM poller_lock')).toEqual([]);

  await fetch(`${mocks.origins.messaging}/_mock/faults`, { method: 'DELETE' });
  await start(env);
  await until(async () => rows(path, 'SELECT state FROM outbox')[0]?.['state'] === 'done');
  expect(await atOh(mocks)).toHaveLength(1);
}, 40_000);

test('a signal that comes twice at once, from the terminal and from what started the process, is one', async () => {
  const { mocks, env, databasePath: path } = await town();
  const { child, url } = await start(env);
  await sendSlowly(mocks, url, 1000);
  child.kill('SIGINT');
  child.kill('SIGINT');
  child.kill('SIGTERM');
  expect(await child.exited).toBe(0);
  expect(rows(path, 'SELECT state FROM outbox')).toEqual([{ state: 'done' }]);
}, 30_000);

test('a second signal ends the process at once, and the next start delivers once what was in hand', async () => {
  const { mocks, env, databasePath: path } = await town();
  const quick = { ...env, DELIVERY_TIMEOUT_MS: '2000' };
  const { child, url } = await start(quick);
  await sendSlowly(mocks, url, 1900);
  child.kill('SIGTERM');
  // Until it is old enough to be another one.
  await until(async () => {
    child.kill('SIGTERM');
    return child.exitCode !== null;
  });
  expect(await child.exited).toBe(143);
  expect(rows(path, 'SELECT state FROM outbox')).toEqual([{ state: 'pending' }]);

  await start(quick);
  await until(async () => rows(path, 'SELECT state FROM outbox')[0]?.['state'] === 'done');
  expect(await atOh(mocks)).toHaveLength(1);
}, 40_000);

test('a request that never ends does not keep the process', async () => {
  const { env, databasePath: path } = await town();
  const stopTimeoutMs = 200;
  const { child, url } = await start({ ...env, STOP_TIMEOUT_MS: String(stopTimeoutMs) });
  const socket = connect(Number(new URL(url).port), '127.0.0.1');
  const cut = new Promise((resolve) => socket.once('close', resolve).on('error', () => {}));
  socket.write('POST /messages HTTP/1.1\r\nHost: exchange\r\nContent-Length: 1000\r\n\r\n{');
  // Answered after the other request has come in.
  expect((await fetch(`${url}/health/ready`)).status).toBe(200);
  const startedAt = performance.now();
  child.kill('SIGTERM');
  expect(await child.exited).toBe(0);
  await cut;
  expect(performance.now() - startedAt).toBeLessThan(stopTimeoutMs + STOP_MARGIN_MS);
  expect(rows(path, 'SELECT * FROM poller_lock')).toEqual([]);
}, 30_000);

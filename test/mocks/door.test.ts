import { afterEach, beforeEach, expect, test } from 'bun:test';
import { type Setup, setup } from './setup.ts';

let mocks: Setup;
beforeEach(async () => {
  mocks = await setup();
});
afterEach(async () => {
  await mocks.stop();
});

const patient = '1000001';

async function send(subject = 'ZZTEST hello'): Promise<Response> {
  const url = `${mocks.variable('OH_MESSAGING_BASE_URL')}/demo/patients/${patient}/outbox/messages`;
  return fetch(url, {
    method: 'POST',
    headers: { authorization: await mocks.bearer(), 'content-type': 'application/json' },
    body: JSON.stringify({
      patientId: Number(patient),
      subject,
      receivers: [{ receiverId: 2_000_001, type: 'POOL' }],
    }),
  });
}

const stored = (): Promise<{ subject: string }[]> =>
  mocks.control(mocks.origins.messaging, 'GET', 'messages');
const fault = (body: object): Promise<unknown> =>
  mocks.control(mocks.origins.messaging, 'POST', 'faults', body);

test('dropAfter stores the message and then breaks the connection', async () => {
  await fault({ path: '/outbox/messages', dropAfter: true, times: 1 });
  const error: unknown = await send('ZZTEST dropped').catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ code: 'ECONNRESET' });
  expect((await stored()).map((one) => one.subject)).toEqual(['ZZTEST dropped']);
  expect((await send('ZZTEST again')).status).toBe(201);
});

test('a status fault answers in place of the work, with Retry-After, as many times as told', async () => {
  await fault({ path: '/outbox', status: 503, times: 2, retryAfter: 7, method: 'post' });
  const first = await send();
  expect([first.status, first.headers.get('retry-after')]).toEqual([503, '7']);
  expect((await send()).status).toBe(503);
  expect((await send()).status).toBe(201);
  expect(await stored()).toHaveLength(1);
});

test('a delay answers late and does the work before it', async () => {
  await fault({ path: '/outbox', delayMs: 200 });
  let answered = false;
  const answer = send().finally(() => {
    answered = true;
  });
  while ((await stored()).length === 0) expect(answered).toBe(false);
  expect(answered).toBe(false);
  expect((await answer).status).toBe(201);
});

const statusesWithRate = async (): Promise<number[]> => {
  await mocks.control(mocks.origins.messaging, 'POST', 'seed', { patients: 2, seed: 5 });
  await mocks.control(mocks.origins.messaging, 'POST', 'reset');
  await fault({ path: '/outbox', status: 500, rate: 0.5 });
  const statuses: number[] = [];
  for (let count = 0; count < 12; count++) statuses.push((await send()).status);
  return statuses;
};

test('a rate hits the same requests for the same seed', async () => {
  const first = await statusesWithRate();
  expect(new Set(first)).toEqual(new Set([500, 201]));
  expect(await statusesWithRate()).toEqual(first);
});

test('several faults act on one request', async () => {
  await fault({ path: '/outbox', delayMs: 40 });
  await fault({ path: '/outbox', status: 502, format: 'html' });
  const startedAt = performance.now();
  const answer = await send();
  expect(performance.now() - startedAt).toBeGreaterThanOrEqual(35);
  expect([answer.status, answer.headers.get('content-type')]).toEqual([502, 'text/html']);
});

test('a fault that nobody understands is refused', async () => {
  const bad = { method: 'POST', body: JSON.stringify({ path: '/x', statsu: 500 }) };
  const answer = await fetch(`${mocks.origins.mhv}/_mock/faults`, bad);
  expect(answer.status).toBe(400);
  expect(await answer.text()).toContain('statsu');
});

test('the request log shows status and headers but no secret, and reset empties it', async () => {
  await send();
  const { messaging } = mocks.origins;
  const [line] = await mocks.control<Record<string, unknown>[]>(messaging, 'GET', 'requests');
  expect(line).toMatchObject({ method: 'POST', status: 201, fault: false });
  expect(line?.['headers']).toMatchObject({ authorization: 'Bearer [hidden]' });
  await mocks.control(messaging, 'POST', 'reset');
  expect(await mocks.control<unknown[]>(messaging, 'GET', 'requests')).toEqual([]);
  expect(await stored()).toEqual([]);
});

test('a seed replaces everybody, is seen by every mock and repeats itself', async () => {
  const wish = { patients: 200, messagesPerPatient: 100, seed: 3 };
  const patientsAfter = async (origin: string): Promise<Record<string, unknown>[]> => {
    await mocks.control(origin, 'POST', 'seed', wish);
    return mocks.control(mocks.origins.fhir, 'GET', 'patients');
  };
  const first = await patientsAfter(mocks.origins.mhv);
  expect(first).toHaveLength(200);
  expect(first.every((one) => one['ohMessages'] === 100)).toBe(true);
  expect(first.every((one) => /^\d{10}V\d{6}$/.test(String(one['icn'])))).toBe(true);
  expect(new Set(first.map((one) => one['icn'])).size).toBe(200);
  expect(await patientsAfter(mocks.origins.messaging)).toEqual(first);
});

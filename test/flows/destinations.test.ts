import { expect, test } from 'bun:test';
import { type City, POOL, setup } from './setup.ts';

/** Clinicians write to as many patients, and as many patients write to a pool. */
async function bothWrite(city: City, patients: number[], subject: string) {
  const letters: string[] = [];
  const sends: string[] = [];
  for (const n of patients) {
    const { icn, ohPatientId } = city.patient(n);
    letters.push(await city.clinicianWrites({ patientId: ohPatientId, subject, body: 'Hello.' }));
    sends.push(await city.send({ icn, subject, body: 'Hello.', receivingPoolId: POOL }));
  }
  return { letters, sends };
}

async function destinations(city: City): Promise<Record<string, unknown>[]> {
  const response = await fetch(`${city.exchange.url}/destinations`);
  return (await response.json()) as Record<string, unknown>[];
}

async function act(city: City, path: string) {
  const response = await fetch(`${city.exchange.url}/destinations/${path}`, {
    method: 'POST',
    body: JSON.stringify({ actor: 'on-call@example.test' }),
    headers: { 'Content-Type': 'application/json' },
  });
  expect(response.status).toBe(200);
}

test('while MHV is down OH gets its messages, and MHV gets all of its own once it is back', async () => {
  const city = await setup({ BREAKER_FAILURES: '3' });
  await city.fault('mhv', { path: '/exchange/message', status: 503 });
  const first = await bothWrite(city, [1, 2, 3], 'One');
  await city.pass(0);
  expect(await destinations(city)).toMatchObject([
    { destination: 'oh-to-mhv', state: 'open', code: 'mhv:503', failuresInARow: 3 },
    { destination: 'mhv-to-oh', state: 'closed', failuresInARow: 0 },
  ]);
  const second = await bothWrite(city, [4], 'Two');
  await city.pass(0);
  for (const id of [...first.sends, ...second.sends]) {
    expect(await city.view(id)).toMatchObject({ status: 'SENT' });
  }
  for (const id of second.letters) {
    const { status, stage, attempts } = await city.viewOf(id);
    expect({ status, stage }).toEqual({ status: 'IN_PROGRESS', stage: 'outbox' });
    expect(attempts.filter((attempt) => attempt.stage === 'outbox')).toEqual([]);
  }
  await fetch(`${city.mocks.origins.mhv}/_mock/faults`, { method: 'DELETE' });
  await city.pass(60_000);
  expect(await city.atMhv()).toHaveLength(4);
  expect(await destinations(city)).toMatchObject([{ state: 'closed' }, { state: 'closed' }]);
  const lines = city.log.map((line) => JSON.parse(line) as Record<string, unknown>);
  const changes = lines.filter(({ event }) => event === 'breaker');
  expect(changes[0]).toMatchObject({
    destination: 'oh-to-mhv',
    from: 'closed',
    to: 'open',
    code: 'mhv:503',
  });
  expect(changes.at(-1)).toMatchObject({ destination: 'oh-to-mhv', to: 'closed' });
});

test('while OH asks us to slow down nothing is sent there, and MHV does not notice', async () => {
  const city = await setup({ CONCURRENCY: '1' });
  await city.fault('messaging', {
    path: '/outbox/messages',
    method: 'POST',
    status: 429,
    retryAfter: 120,
    times: 1,
  });
  const { letters, sends } = await bothWrite(city, [1, 2, 3], 'Slowly');
  await city.pass(0);
  for (const id of letters) expect(await city.viewOf(id)).toMatchObject({ status: 'SENT' });
  expect(await destinations(city)).toMatchObject([
    { state: 'closed' },
    { state: 'open', openUntil: new Date(city.clock.now + 120_000).toISOString() },
  ]);
  const tried = await Promise.all(sends.map((id) => city.view(id)));
  const outbox = tried.map(({ attempts }) => attempts.filter(({ stage }) => stage === 'outbox'));
  expect(outbox.flat()).toMatchObject([{ errorCode: 'oh:429' }]);
  await city.pass(150_000);
  for (const id of sends) expect(await city.view(id)).toMatchObject({ status: 'SENT' });
});

test('a paused destination gets nothing across a restart, and everything after its resume', async () => {
  const city = await setup();
  await act(city, 'oh-to-mhv/pause');
  const { letters, sends } = await bothWrite(city, [1, 2], 'Later');
  await city.pass(0);
  await city.restart();
  await city.pass(3_600_000);
  expect(await city.atMhv()).toEqual([]);
  for (const id of sends) expect(await city.view(id)).toMatchObject({ status: 'SENT' });
  expect(await destinations(city)).toMatchObject([
    { state: 'paused', pausedBy: 'on-call@example.test' },
    { state: 'closed' },
  ]);
  await act(city, 'oh-to-mhv/resume');
  await city.pass(0);
  for (const id of letters) expect(await city.viewOf(id)).toMatchObject({ status: 'SENT' });
});

test('with ON_DEAD=hold a refused message holds up its patient until somebody dismisses it', async () => {
  const city = await setup({ ON_DEAD: 'hold' });
  await city.fault('mhv', { path: '/exchange/message', method: 'POST', errorCode: 119, times: 1 });
  const { ohPatientId } = city.patient(1);
  const write = (subject: string) =>
    city.clinicianWrites({ patientId: ohPatientId, subject, body: 'Hello.' });
  const refused = await city.viewOf(await write('One'));
  const later = await write('Two');
  await city.pass(0);
  expect(await city.view(refused.id)).toMatchObject({ status: 'INVALID' });
  const answer = await fetch(`${city.exchange.url}/messages/${(await city.viewOf(later)).id}`);
  expect(await answer.json()).toMatchObject({ status: 'IN_PROGRESS', blockedBy: refused.id });
  await city.exchange.store.operator.dismiss(refused.id, 'on-call@example.test', 'By telephone.');
  await city.pass(0);
  expect(await city.viewOf(later)).toMatchObject({ status: 'SENT' });
});

test('a message older than MAX_AGE_HOURS that fails again is FAILED with its last reason', async () => {
  const city = await setup({ MAX_AGE_HOURS: '2', MAX_ATTEMPTS: '1000' });
  await city.fault('mhv', { path: '/exchange/message', status: 503 });
  const { ohPatientId } = city.patient(1);
  const id = await city.clinicianWrites({ patientId: ohPatientId, subject: 'Old', body: 'Hello.' });
  await city.pass(3_600_000);
  expect(await city.viewOf(id)).toMatchObject({ status: 'IN_PROGRESS' });
  await city.pass(3_600_000);
  expect(await city.viewOf(id)).toMatchObject({ status: 'FAILED', error: { code: 'mhv:503' } });
});

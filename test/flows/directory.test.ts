import { expect, test } from 'bun:test';
import { type City, CLOSED_POOL, POOL, setup } from './setup.ts';

const NEW_POOL = '2000009';
const UNMAPPED = 'directory:unmapped-pool';

const cardiology = { name: 'Cardiology East', stationNumber: '589GR' };

async function map(city: City, ohPoolId: string, group: Record<string, unknown> = cardiology) {
  const response = await fetch(`${city.exchange.url}/directory/${ohPoolId}`, {
    method: 'PUT',
    body: JSON.stringify({ names: [group] }),
    headers: { 'Content-Type': 'application/json' },
  });
  expect(response.status).toBe(200);
}

async function makePool(city: City, id: string, changes: Record<string, unknown>) {
  const response = await fetch(`${city.mocks.origins.messaging}/_mock/pools/${id}`, {
    method: 'POST',
    body: JSON.stringify(changes),
    headers: { 'Content-Type': 'application/json' },
  });
  expect(response.ok).toBe(true);
}

function write(city: City, poolSenderId: string, n = 1) {
  const { ohPatientId: patientId } = city.patient(n);
  return city.clinicianWrites({ patientId, poolSenderId, subject: 'Visit', body: 'Tuesday?' });
}

function post(city: City, receivingPoolId: string, n = 1) {
  return city.send({ icn: city.patient(n).icn, subject: 'Hi', body: 'Hello.', receivingPoolId });
}

test('a message from a pool nobody knows waits with what to add, and goes once it is added', async () => {
  const city = await setup({ MAX_ATTEMPTS: '1' });
  const ohMessageId = await write(city, NEW_POOL);
  await city.pass(0);
  const [waiting] = (await city.exchange.store.list({}, { limit: 1 })).messages;
  expect(waiting).toMatchObject({
    status: 'IN_PROGRESS',
    error: {
      code: UNMAPPED,
      reason: expect.stringContaining(
        'Pool 2000009 is not in the directory: add it with `bun run directory import`.',
      ),
    },
  });
  await city.pass(60_000);
  await makePool(city, NEW_POOL, { name: 'ZZTEST CARD E (internal)' });
  await city.pass(0);
  expect(await city.atMhv()).toEqual([]);
  await map(city, NEW_POOL);
  await city.pass(0);
  expect(await city.atMhv()).toMatchObject([
    {
      ohMessageId,
      sender: { name: cardiology.name },
      triageGroup: { ohPoolId: NEW_POOL, ...cardiology },
    },
  ]);
});

test('a message to a pool OH does not know waits, also once it is in the directory, until OH does', async () => {
  const city = await setup();
  const id = await post(city, NEW_POOL);
  await city.pass(0);
  expect(await city.view(id)).toMatchObject({ status: 'IN_PROGRESS', error: { code: UNMAPPED } });
  await map(city, NEW_POOL);
  await city.pass(0);
  const { error } = await city.view(id);
  expect(error?.reason).toContain('is in the directory, but Oracle Health does not know it');
  await makePool(city, NEW_POOL, { name: 'ZZTEST Cardiology' });
  await city.pass(60_000);
  expect(await city.view(id)).toMatchObject({ status: 'SENT' });
  expect(await city.atOh()).toHaveLength(1);
});

test('in strict a pool that OH knows waits too, both ways, until it is in the directory', async () => {
  const city = await setup({ DIRECTORY: 'strict' });
  const letter = await write(city, POOL, 1);
  const sent = await post(city, POOL, 2);
  await city.pass(0);
  await city.pass(120_000);
  expect(await city.view(sent)).toMatchObject({ status: 'IN_PROGRESS', error: { code: UNMAPPED } });
  expect(await city.exchange.store.directory.list()).toEqual([]);
  expect([...(await city.atMhv()), ...(await city.atOh())]).toEqual([]);
  await map(city, POOL);
  await city.pass(0);
  expect(await city.viewOf(letter)).toMatchObject({ status: 'SENT' });
  expect(await city.view(sent)).toMatchObject({ status: 'SENT' });
  expect(await city.atMhv()).toMatchObject([{ triageGroup: { ohPoolId: POOL, ...cardiology } }]);
});

test('in strict a clinician of no pool needs a row under their own id', async () => {
  const city = await setup({ DIRECTORY: 'strict' });
  await city.clinicianWrites({
    patientId: city.patient(1).ohPatientId,
    poolSenderId: undefined,
    personnelSenderId: '2100001',
    subject: 'Away',
    body: 'Back on Monday.',
  });
  await city.pass(0);
  expect(await city.atMhv()).toEqual([]);
  await map(city, '2100001', { name: 'Nurse ZZTEST', stationNumber: '668' });
  await city.pass(0);
  expect(await city.atMhv()).toMatchObject([
    { triageGroup: { ohPoolId: '2100001', name: 'Nurse ZZTEST' } },
  ]);
});

test('a pool is remembered when it first turns up, and each message keeps its own station', async () => {
  const city = await setup();
  await makePool(city, NEW_POOL, { name: `ZZTEST ${'x'.repeat(80)}` });
  await write(city, NEW_POOL, 1);
  await write(city, NEW_POOL, 2);
  await post(city, POOL, 3);
  await city.pass(0);
  const name = `ZZTEST ${'x'.repeat(53)}`;
  const { icn } = city.patient(1);
  const stored = await city.atMhv();
  expect(stored).toHaveLength(2);
  for (const { icn: of, triageGroup } of stored) {
    expect(triageGroup).toMatchObject({ name, stationNumber: of === icn ? '668' : '589GR' });
  }
  expect(await city.exchange.store.directory.list()).toMatchObject([
    { ohPoolId: POOL, name: 'ZZTEST Primary Care East', source: 'seen' },
    { ohPoolId: NEW_POOL, name, source: 'seen', preferred: true },
  ]);
});

test('what a person says of a pool wins over what OH and FHIR say', async () => {
  const city = await setup();
  await map(city, POOL);
  await write(city, POOL);
  await city.pass(0);
  expect(await city.atMhv()).toMatchObject([
    { sender: { name: cardiology.name }, triageGroup: cardiology },
  ]);
  const asked = await fetch(`${city.mocks.origins.messaging}/_mock/requests?path=/pools/`);
  expect(await asked.json()).toEqual([]);
});

test('a message whose station nothing names waits for the directory', async () => {
  const city = await setup({ OH_STATION_SYSTEM: 'urn:other' });
  const letter = await write(city, POOL);
  const sent = await post(city, POOL, 2);
  await city.pass(0);
  const [waiting] = (await city.exchange.store.list({ direction: 'oh-to-mhv' }, { limit: 1 }))
    .messages;
  expect(waiting).toMatchObject({ error: { code: UNMAPPED } });
  // To OH nobody needs a station.
  expect(await city.view(sent)).toMatchObject({ status: 'SENT' });
  await map(city, POOL);
  await city.pass(0);
  expect(await city.viewOf(letter)).toMatchObject({ status: 'SENT' });
});

test('a pool that OH denies is INVALID, in the directory or not', async () => {
  const city = await setup();
  const first = await post(city, CLOSED_POOL);
  await map(city, CLOSED_POOL);
  const second = await post(city, CLOSED_POOL);
  await city.pass(0);
  for (const id of [first, second]) {
    const view = await city.view(id);
    expect(view).toMatchObject({ status: 'INVALID', error: { code: 'oh:recipient-denied' } });
  }
});

test('a message that nobody maps is FAILED at MAX_AGE_HOURS, and a replay takes it up', async () => {
  const city = await setup({ MAX_AGE_HOURS: '1' });
  const ohMessageId = await write(city, NEW_POOL);
  for (let minutes = 0; minutes <= 70; minutes += 10) await city.pass(600_000);
  const [given] = (await city.exchange.store.list({}, { limit: 1 })).messages;
  expect(given).toMatchObject({ status: 'FAILED', error: { code: UNMAPPED } });
  await makePool(city, NEW_POOL, { name: 'ZZTEST Cardiology' });
  await map(city, NEW_POOL);
  await city.exchange.store.operator.replayOne(given?.id ?? '', 'ann');
  await city.pass(0);
  expect(await city.viewOf(ohMessageId)).toMatchObject({ status: 'SENT' });
});

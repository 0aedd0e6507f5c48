import { expect, test } from 'bun:test';
import { POOL, setup } from './setup.ts';

test("a new patient's history reaches MHV, oldest first, and the session is finished", async () => {
  const city = await setup();
  const { icn } = city.patient(2);
  await city.exchange.store.sessions.request(icn);
  await city.pass(0);
  expect(await city.exchange.store.sessions.find(icn)).toEqual({
    icn,
    status: 'FINISHED',
    syncComplete: true,
    listed: 8,
    delivered: 8,
  });
  const sent = (await city.atMhv()).map((message) => String(message['sentDate']));
  expect(sent).toHaveLength(8);
  expect(sent).toEqual(sent.toSorted());
});

test('what the exchange itself sent to OH is recognised in the history and not carried back', async () => {
  const city = await setup();
  const { icn } = city.patient(2);
  const send = { icn, subject: 'Mine', body: 'Sent by the exchange.', receivingPoolId: POOL };
  await city.send(send);
  await city.pass(0);
  city.clock.now += 60_000;
  await city.exchange.store.sessions.request(icn);
  await city.pass(0);
  expect(await city.exchange.store.sessions.find(icn)).toMatchObject({
    status: 'FINISHED',
    listed: 9,
  });
  expect(await city.atMhv()).toHaveLength(8);
});

test('a patient OH does not know ends the session with its reason', async () => {
  const city = await setup();
  const icn = '9999999999V999999';
  await city.exchange.store.sessions.request(icn);
  await city.pass(0);
  expect(await city.exchange.store.sessions.find(icn)).toMatchObject({
    status: 'ERROR',
    error: expect.stringContaining('fhir:patient-unknown'),
  });
});

test('a push during the load waits for the older history, through a restart, and goes by its date', async () => {
  const city = await setup();
  const { icn, ohPatientId } = city.patient(2);
  const { store } = city.exchange;
  await store.sessions.request(icn);
  const [session] = await store.sessions.claim(1);
  if (!session) throw new Error('nothing claimed');
  await store.sessions.advance(session, { step: 'identified', ohPatientId });
  const letter = { patientId: ohPatientId, subject: 'News', body: 'Hello.' };
  const live = await city.clinicianWrites(letter);
  expect(await city.viewOf(live)).toMatchObject({ status: 'IN_PROGRESS', waitsForHistory: true });
  await city.restart();
  await city.pass(60_000);
  const atMhv = await city.atMhv();
  expect(atMhv).toHaveLength(9);
  expect(atMhv.at(-1)).toMatchObject({ ohMessageId: live });
  const sent = atMhv.map((message) => String(message['sentDate']));
  expect(sent).toEqual(sent.toSorted());
  expect(await city.exchange.store.sessions.find(icn)).toMatchObject({ status: 'FINISHED' });
});

test('a message pushed before the patient is known at OH waits as well', async () => {
  const city = await setup();
  const { icn, ohPatientId } = city.patient(2);
  const live = await city.clinicianWrites({ patientId: ohPatientId, subject: 'Hi', body: 'You.' });
  await city.exchange.store.sessions.request(icn);
  const [session] = await city.exchange.store.sessions.claim(1);
  if (!session) throw new Error('nothing claimed');
  await city.exchange.store.sessions.advance(session, { step: 'identified', ohPatientId });
  expect(await city.exchange.store.claim({ stage: 'inbox', direction: 'oh-to-mhv' }, 9)).toEqual(
    [],
  );
  await city.pass(1000);
  expect((await city.atMhv()).map(({ ohMessageId }) => ohMessageId).at(-1)).toBe(live);
  expect(await city.atMhv()).toHaveLength(9);
});

test('a patient whom FHIR knows twice ends the session with its reason', async () => {
  const city = await setup();
  const icn = city.mocks.world.population.special.ambiguousIcn;
  await city.exchange.store.sessions.request(icn);
  await city.pass(0);
  expect(await city.exchange.store.sessions.find(icn)).toMatchObject({
    status: 'ERROR',
    error: expect.stringContaining('fhir:patient-ambiguous'),
  });
});

test('the history of a combined patient is that of the survivor', async () => {
  const city = await setup();
  const { icn, survivorPatientId } = city.mocks.world.population.special.combined;
  await city.exchange.store.sessions.request(icn);
  await city.pass(0);
  // Four were written, and one of them is deleted.
  expect(await city.exchange.store.sessions.find(icn)).toMatchObject({
    status: 'FINISHED',
    listed: 3,
  });
  const { messages } = await city.exchange.store.list({}, { limit: 10 });
  expect(new Set(messages.map(({ ohPatientId }) => ohPatientId))).toEqual(
    new Set([survivorPatientId]),
  );
});

test('only the stretch that was asked for is listed, and a login later asks for all of it', async () => {
  const city = await setup();
  const { icn } = city.patient(2);
  const year = 365 * 24 * 3600 * 1000;
  await city.exchange.store.sessions.request(icn, { since: city.clock.now - 2 * year });
  await city.pass(0);
  const part = await city.exchange.store.sessions.find(icn);
  expect(part.status).toBe('FINISHED');
  expect(part.listed).toBeLessThan(8);
  await city.exchange.store.sessions.request(icn);
  await city.pass(0);
  expect(await city.exchange.store.sessions.find(icn)).toMatchObject({
    status: 'FINISHED',
    listed: 8,
  });
  expect(await city.atMhv()).toHaveLength(8);
});

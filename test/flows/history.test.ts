import { expect, test } from 'bun:test';
import { POOL, setup } from './setup.ts';

test("a new patient's history reaches MHV, oldest first, and the session is finished", async () => {
  const city = await setup();
  const { icn } = city.patient(2);
  await city.exchange.store.requestSession(icn);
  await city.pass(0);
  expect(await city.exchange.store.findSession(icn)).toEqual({
    icn,
    status: 'FINISHED',
    syncComplete: true,
    listed: 8,
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
  await city.exchange.store.requestSession(icn);
  await city.pass(0);
  expect(await city.exchange.store.findSession(icn)).toMatchObject({
    status: 'FINISHED',
    listed: 9,
  });
  expect(await city.atMhv()).toHaveLength(8);
});

test('a patient OH does not know ends the session with its reason', async () => {
  const city = await setup();
  const icn = '9999999999V999999';
  await city.exchange.store.requestSession(icn);
  await city.pass(0);
  expect(await city.exchange.store.findSession(icn)).toMatchObject({
    status: 'ERROR',
    error: expect.stringContaining('fhir:patient-unknown'),
  });
});

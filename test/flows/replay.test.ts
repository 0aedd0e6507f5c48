import { expect, onTestFinished, test } from 'bun:test';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pino from 'pino';
import { parseConfig } from '../../src/config.ts';
import { createExchange } from '../../src/exchange.ts';
import { type City, POOL, setup } from './setup.ts';

const HOUR_MS = 60 * 60 * 1000;
const message = { subject: 'Refill question', body: 'May I have a refill?', receivingPoolId: POOL };

async function call(city: City, path: string, body: unknown = {}): Promise<unknown> {
  const response = await fetch(city.exchange.url + path, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(body),
  });
  const answer = await response.text();
  if (!response.ok) throw new Error(`${path} answered ${response.status} ${answer}`);
  return JSON.parse(answer);
}

const retry = (city: City, id: string) => call(city, `/messages/${id}/retry`, { actor: 'ann' });

async function eventsOf(city: City, id: string): Promise<string[]> {
  return (await city.view(id)).events.map(({ event }) => event);
}

async function lose(origin: string): Promise<void> {
  await fetch(`${origin}/_mock/reset`, { method: 'POST' });
}

test('a message that MHV refused is delivered once the reason is gone and a person replays it', async () => {
  const city = await setup();
  await city.fault('mhv', { path: '/exchange/message', method: 'POST', errorCode: 106, times: 2 });
  const { ohPatientId } = city.patient(1);
  const ohMessageId = await city.clinicianWrites({
    patientId: ohPatientId,
    subject: 'One',
    body: '1',
  });
  await city.pass(0);
  const { id, status } = await city.viewOf(ohMessageId);
  expect(status).toBe('INVALID');
  await retry(city, id);
  await city.pass(0);
  expect(await city.view(id)).toMatchObject({ status: 'INVALID' });
  await retry(city, id);
  await city.pass(0);
  expect(await city.view(id)).toMatchObject({
    status: 'SENT',
    events: [
      { event: 'replayed', actor: 'ann' },
      { event: 'replayed', actor: 'ann' },
    ],
  });
  expect(await city.atMhv()).toMatchObject([{ ohMessageId, repeats: 0 }]);
});

test('the age of a message that died of it counts anew from its replay', async () => {
  const city = await setup({ MAX_AGE_HOURS: '1' });
  await city.fault('mhv', { path: '/exchange/message', method: 'POST', status: 503, times: 3 });
  const { ohPatientId } = city.patient(1);
  const ohMessageId = await city.clinicianWrites({
    patientId: ohPatientId,
    subject: 'One',
    body: '1',
  });
  await city.pass(0);
  await city.pass(2 * HOUR_MS);
  const { id, status } = await city.viewOf(ohMessageId);
  expect(status).toBe('FAILED');
  city.clock.now += 48 * HOUR_MS;
  await retry(city, id);
  await city.pass(0);
  expect(await city.view(id)).toMatchObject({ status: 'IN_PROGRESS' });
  await city.pass(60_000);
  expect(await city.view(id)).toMatchObject({ status: 'SENT' });
});

test('a message that died in the inbox is translated anew', async () => {
  const city = await setup();
  const { icn } = city.patient(1);
  await city.fault('messaging', { path: '/recipient-access', status: 400, times: 1 });
  const id = await city.send({ ...message, icn });
  await city.pass(0);
  expect(await city.view(id)).toMatchObject({ status: 'INVALID', stage: 'inbox' });
  await retry(city, id);
  await city.pass(0);
  expect(await city.view(id)).toMatchObject({ status: 'SENT', stage: 'outbox' });
});

test('a replay of a message that MHV has sends nothing and settles with the ids found', async () => {
  const city = await setup();
  const { ohPatientId } = city.patient(1);
  const ohMessageId = await city.clinicianWrites({
    patientId: ohPatientId,
    subject: 'One',
    body: '1',
  });
  await city.pass(0);
  const { id, mhvMessageId } = await city.viewOf(ohMessageId);
  await retry(city, id);
  expect(await city.view(id)).toMatchObject({ status: 'IN_PROGRESS' });
  await city.pass(0);
  const view = await city.view(id);
  expect(view).toMatchObject({ status: 'SENT', mhvMessageId });
  expect(view.attempts.at(-1)).toMatchObject({ outcome: 'delivered', found: true });
  expect(await eventsOf(city, id)).toEqual(['replayed', 'asked', 'found']);
  expect(await city.atMhv()).toMatchObject([{ ohMessageId, repeats: 0 }]);
});

test('a replay of a send that OH has finds its own message among equal ones and sends nothing', async () => {
  const city = await setup();
  const { icn } = city.patient(1);
  const ids = [await city.send({ ...message, icn }), await city.send({ ...message, icn })];
  await city.pass(0);
  const before = await Promise.all(ids.map((id) => city.view(id)));
  for (const id of ids) await retry(city, id);
  await city.pass(60_000);
  const after = await Promise.all(ids.map((id) => city.view(id)));
  expect(after.map(({ status }) => status)).toEqual(['SENT', 'SENT']);
  expect(after.map(({ ohMessageId }) => ohMessageId)).toEqual(
    before.map(({ ohMessageId }) => ohMessageId),
  );
  expect(await eventsOf(city, ids[0] ?? '')).toEqual(['replayed', 'asked', 'found']);
  expect(await city.atOh()).toHaveLength(2);
});

test('a delivered message that its destination lost is sent again after a clear no', async () => {
  const city = await setup();
  const { icn, ohPatientId } = city.patient(1);
  const sent = await city.send({ ...message, icn });
  await city.pass(0);
  await lose(city.mocks.origins.messaging);
  await retry(city, sent);
  await city.pass(0);
  expect(await eventsOf(city, sent)).toEqual(['replayed', 'asked', 'not there']);
  expect(await city.atOh()).toMatchObject([{ patientId: ohPatientId, subject: message.subject }]);
});

test('a send that was given up in doubt is found, though a history carried it to MHV meanwhile', async () => {
  const city = await setup({ MAX_ATTEMPTS: '1' });
  const { icn } = city.patient(1);
  await city.fault('messaging', {
    path: '/outbox/messages',
    method: 'POST',
    dropAfter: true,
    times: 1,
  });
  const id = await city.send({ ...message, icn });
  await city.pass(0);
  expect(await city.view(id)).toMatchObject({ status: 'FAILED' });
  await city.exchange.store.sessions.request(icn);
  await city.pass(1000);
  const [stored] = await city.atOh();
  const ohMessageId = String(stored?.['ohMessageId']);
  expect(await city.exchange.store.linkOf(ohMessageId)).toMatchObject({ direction: 'oh-to-mhv' });
  await retry(city, id);
  await city.pass(0);
  expect(await city.view(id)).toMatchObject({ status: 'SENT', ohMessageId });
  expect(await city.atOh()).toHaveLength(1);
});

test('many are replayed by error code, after a dry run and no faster than asked', async () => {
  const city = await setup();
  await city.fault('mhv', { path: '/exchange/message', method: 'POST', errorCode: 106, times: 3 });
  for (const n of [1, 2, 3]) {
    const patientId = city.patient(n).ohPatientId;
    await city.clinicianWrites({ patientId, subject: 'Flu shots', body: 'We have them.' });
  }
  await city.pass(0);
  const filter = { errorCode: 'mhv:106', direction: 'oh-to-mhv' };
  expect(await call(city, '/replay', { filter })).toEqual({
    matching: 3,
    byErrorCode: { 'mhv:106': 3 },
  });
  await city.pass(0);
  expect(await city.atMhv()).toHaveLength(0);
  const run = { filter, dryRun: false, ratePerSecond: 1, actor: 'ann' };
  expect(await call(city, '/replay', run)).toEqual({ replayed: 3 });
  expect(await call(city, '/replay', run)).toEqual({ replayed: 0 });
  for (const delivered of [1, 2, 3]) {
    await city.pass(delivered === 1 ? 0 : 1000);
    expect(await city.atMhv()).toHaveLength(delivered);
  }
});

test('a quarantined document is taken in after a change of configuration and reaches MHV', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'sm-exchange-replay-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const env = { DATABASE_PATH: join(folder, 'exchange.db') };
  const city = await setup(env);
  const { ohPatientId } = city.patient(1);
  const ohMessageId = await city.clinicianWrites({
    patientId: ohPatientId,
    subject: '1',
    body: '1',
  });
  const document = `<entry xmlns="http://www.w3.org/2005/Atom" xmlns:oh="urn:example:oh">
    <id>urn:example:new:${ohMessageId}</id><title>One</title><updated>2025-10-08T14:15:40Z</updated>
    <oh:patient id="${ohPatientId}"/>
  </entry>`;
  const body = {
    method: 'POST',
    body: document,
    headers: { 'Content-Type': 'application/atom+xml' },
  };
  const pushed = await fetch(`${city.exchange.url}/oh/feed`, body);
  expect(await pushed.json()).toMatchObject({ accepted: 0, rejected: 1 });
  await city.exchange.stop();
  const config = parseConfig({
    ...city.mocks.env,
    ...env,
    AUTH: 'none',
    PORT: '0',
    FEED_MESSAGE_ID_PREFIX: 'urn:example:new:',
    FEED_PATIENT_ELEMENT: '{urn:example:oh}patient@id',
  });
  const log = pino({ level: 'silent' });
  city.exchange = await createExchange(config, {
    now: () => city.clock.now,
    random: () => 0.5,
    log,
  });
  const { documents } = await city.exchange.store.operator.listQuarantined({ limit: 10 });
  expect(await call(city, `/quarantine/${documents[0]?.id}/replay`, { actor: 'ann' })).toEqual({
    accepted: 1,
    duplicates: 0,
    rejected: 0,
  });
  await city.pass(0);
  expect(await city.atMhv()).toMatchObject([{ ohMessageId, repeats: 0 }]);
});

test('the files of a message that OH refused are uploaded anew when it is replayed', async () => {
  const city = await setup();
  await city.fault('messaging', {
    path: '/outbox/messages',
    method: 'POST',
    status: 400,
    times: 1,
  });
  const contentBase64 = Buffer.from('Invented readings.\n').toString('base64');
  const attachments = [{ name: 'readings.txt', mimeType: 'text/plain', contentBase64 }];
  const id = await city.send({ ...message, icn: city.patient(1).icn, attachments });
  await city.pass(0);
  expect(await city.view(id)).toMatchObject({ status: 'INVALID' });
  const media = city.mocks.origins.media;
  const keysOfUploads = async () => {
    const logged = await (await fetch(`${media}/_mock/requests`)).json();
    return (logged as { method: string; headers: Record<string, string> }[])
      .filter(({ method }) => method === 'POST')
      .map(({ headers }) => headers['idempotency-key']);
  };
  const before = await keysOfUploads();
  await lose(media);
  city.clock.now += 1000;
  await retry(city, id);
  await city.pass(0);
  expect(await city.view(id)).toMatchObject({ status: 'SENT' });
  const after = await keysOfUploads();
  expect([before.length, after.length]).toEqual([1, 1]);
  expect(after[0]).not.toBe(before[0]);
  expect(await (await fetch(`${media}/_mock/media`)).json()).toHaveLength(1);
});

import { expect, test } from 'bun:test';
import { POOL, setup } from './setup.ts';

test("a clinician's message reaches MHV with the patient, the group, the station and plain text", async () => {
  const city = await setup();
  const { icn, ohPatientId } = city.patient(1);
  const ohMessageId = await city.clinicianWrites({
    patientId: ohPatientId,
    subject: 'Lab follow-up',
    text: "{\\rtf1\\ansi\\ansicpg1252 All in the \\b normal\\b0  range.\\par Caf\\'e9 \\u8364?5\\par}",
  });
  await city.pass(0);
  expect(await city.atMhv()).toMatchObject([
    {
      ohMessageId,
      icn,
      subject: 'Lab follow-up',
      body: 'All in the normal range.\nCafé €5',
      bodyFormat: 'TEXT',
      sender: { ohId: POOL, type: 'POOL' },
      triageGroup: { ohPoolId: POOL, stationNumber: expect.stringMatching(/^\d{3}/) },
    },
  ]);
  expect(await city.viewOf(ohMessageId)).toMatchObject({ status: 'SENT', icn });
});

test("a clinician's reply refers to the patient's message that the exchange carried", async () => {
  const city = await setup();
  const { icn, ohPatientId } = city.patient(1);
  const sent = await city.send({ icn, subject: 'Refill', body: 'May I?', receivingPoolId: POOL });
  await city.pass(0);
  const previousMessageId = (await city.view(sent)).ohMessageId;
  city.clock.now += 60_000;
  const reply = await city.clinicianWrites({
    patientId: ohPatientId,
    subject: 'Re: Refill',
    body: 'Yes.',
    poolSenderId: undefined,
    personnelSenderId: '2100001',
    previousMessageId,
  });
  await city.pass(0);
  expect(await city.atMhv()).toMatchObject([
    {
      ohMessageId: reply,
      sender: { type: 'PERSONNEL', ohId: '2100001', name: expect.stringContaining('ZZTEST') },
      triageGroup: { ohPoolId: POOL },
      inReplyToOhMessageId: previousMessageId,
      conversationRootOhMessageId: previousMessageId,
    },
  ]);
});

test('a clinician who writes under their own name, in no conversation, is a group of their own', async () => {
  const city = await setup();
  const ohMessageId = await city.clinicianWrites({
    patientId: city.patient(1).ohPatientId,
    poolSenderId: undefined,
    personnelSenderId: '2100001',
    subject: 'Out of office',
    body: 'Back on Monday.',
  });
  await city.pass(0);
  expect(await city.atMhv()).toMatchObject([{ ohMessageId, triageGroup: { ohPoolId: '2100001' } }]);
});

test('the same message announced twice, and by another entry, reaches MHV once', async () => {
  const city = await setup();
  const { ohPatientId } = city.patient(1);
  const ohMessageId = await city.clinicianWrites({
    patientId: ohPatientId,
    subject: 'Once',
    body: 'Only once.',
  });
  const push = (entry: Record<string, unknown>) =>
    fetch(`${city.mocks.origins.feed}/_mock/push`, {
      method: 'POST',
      body: JSON.stringify({ url: `${city.exchange.url}/oh/feed`, entries: [entry] }),
      headers: { 'Content-Type': 'application/json' },
    });
  await push({ ohMessageId, ohPatientId, id: 'urn:another' });
  await city.pass(0);
  await push({ ohMessageId, ohPatientId, id: 'urn:yet-another' });
  await city.pass(0);
  expect(await city.atMhv()).toMatchObject([{ ohMessageId, repeats: 0 }]);
});

test('a file travels with its message, byte for byte', async () => {
  const city = await setup();
  const bytes = Buffer.from('Invented note.\n');
  await city.clinicianWrites({
    patientId: city.patient(1).ohPatientId,
    subject: 'Plan',
    body: 'See the file.',
    attachments: [
      { name: 'plan.txt', mimeType: 'text/plain', contentBase64: bytes.toString('base64') },
    ],
  });
  await city.pass(0);
  const sha256 = new Bun.CryptoHasher('sha256').update(bytes).digest('hex');
  expect(await city.atMhv()).toMatchObject([
    { attachments: [{ name: 'plan.txt', size: bytes.length, sha256 }] },
  ]);
});

test('MHV stores the message and the answer is lost: the next attempt finds it and sends nothing', async () => {
  const city = await setup();
  await city.fault('mhv', { path: '/exchange/message', method: 'POST', dropAfter: true, times: 1 });
  const ohMessageId = await city.clinicianWrites({
    patientId: city.patient(1).ohPatientId,
    subject: 'In doubt',
    body: 'Stored, but nobody said so.',
  });
  await city.pass(0);
  expect(await city.viewOf(ohMessageId)).toMatchObject({ status: 'IN_PROGRESS' });
  await city.pass(2000);
  const view = await city.viewOf(ohMessageId);
  expect(view).toMatchObject({ status: 'SENT' });
  expect(view.attempts.map(({ outcome, found }) => [outcome, found])).toEqual([
    ['delivered', undefined],
    ['in-doubt', undefined],
    ['delivered', true],
  ]);
  expect(await city.atMhv()).toMatchObject([{ ohMessageId, repeats: 0 }]);
});

test('what MHV refuses for good is INVALID with its reason and lets the next message go', async () => {
  const city = await setup();
  const { ohPatientId } = city.patient(1);
  await city.fault('mhv', { path: '/exchange/message', method: 'POST', errorCode: 106, times: 1 });
  const refused = await city.clinicianWrites({ patientId: ohPatientId, subject: 'One', body: '1' });
  const next = await city.clinicianWrites({ patientId: ohPatientId, subject: 'Two', body: '2' });
  await city.pass(0);
  expect(await city.viewOf(refused)).toMatchObject({
    status: 'INVALID',
    error: { code: 'mhv:106' },
  });
  expect(await city.atMhv()).toMatchObject([{ ohMessageId: next }]);
});

test('MHV is down for a while: messages wait, in order, and nothing is lost', async () => {
  const city = await setup();
  const { ohPatientId } = city.patient(1);
  await city.fault('mhv', { path: '/exchange/message', status: 503, times: 3 });
  const written: string[] = [];
  for (const subject of ['One', 'Two', 'Three']) {
    written.push(await city.clinicianWrites({ patientId: ohPatientId, subject, body: subject }));
  }
  for (let waits = 0; waits < 4; waits += 1) await city.pass(15_000);
  const stored = await city.atMhv();
  expect(stored.map((message) => message['ohMessageId'])).toEqual(written);
});

test('the log of a whole delivery holds no patient data', async () => {
  const city = await setup();
  const { icn, ohPatientId } = city.patient(1);
  await city.fault('mhv', { path: '/exchange/message', method: 'POST', errorCode: 106, times: 1 });
  await city.clinicianWrites({ patientId: ohPatientId, subject: 'Subjectmark', body: 'Bodymark' });
  await city.pass(0);
  const log = city.log.join('');
  expect(log).toContain('mhv:106');
  for (const mark of [icn, `"${ohPatientId}"`, 'Subjectmark', 'Bodymark', 'ZZTEST']) {
    expect(log).not.toContain(mark);
  }
});

test("a file too large for MHV's gateway goes by its object store, and only once", async () => {
  const city = await setup();
  await city.fault('mhv', { path: '/exchange/message', method: 'POST', status: 503, times: 1 });
  const bytes = Buffer.alloc(7 * 1024 * 1024, 'Invented scan. ');
  await city.clinicianWrites({
    patientId: city.patient(1).ohPatientId,
    subject: 'Scan',
    body: 'See the file.',
    attachments: [
      { name: 'scan.pdf', mimeType: 'application/pdf', contentBase64: bytes.toString('base64') },
    ],
  });
  await city.pass(0);
  await city.pass(2000);
  const sha256 = new Bun.CryptoHasher('sha256').update(bytes).digest('hex');
  expect(await city.atMhv()).toMatchObject([{ attachments: [{ size: bytes.length, sha256 }] }]);
  const requests = (await (await fetch(`${city.mocks.origins.mhv}/_mock/requests`)).json()) as {
    method: string;
  }[];
  expect(requests.filter(({ method }) => method === 'PUT')).toHaveLength(1);
});

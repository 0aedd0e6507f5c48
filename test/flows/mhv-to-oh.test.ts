import { expect, test } from 'bun:test';
import { CLOSED_POOL, POOL, setup } from './setup.ts';

const message = { subject: 'Refill question', body: 'May I have a refill?', receivingPoolId: POOL };

test("a posted message lands in the patient's OH outbox and its ids are known both ways", async () => {
  const city = await setup();
  const { icn, ohPatientId } = city.patient(1);
  const id = await city.send({ ...message, icn, mhvMessageId: 655570 });
  await city.pass(0);
  const [stored] = await city.atOh();
  expect(stored).toMatchObject({
    patientId: ohPatientId,
    subject: 'Refill question',
    formatType: 'XHTML',
    receivers: [{ receiverId: 2000001, type: 'POOL' }],
  });
  expect(await city.view(id)).toMatchObject({
    status: 'SENT',
    mhvMessageId: '655570',
    ohMessageId: stored?.['ohMessageId'] as string,
  });
});

test('four scripts and an emoji survive a store that keeps Windows-1252', async () => {
  const city = await setup();
  const body = 'Thank you — спасибо — شكرا — 谢谢 😀\n\nCafé & <tea>?';
  await city.send({ ...message, icn: city.patient(1).icn, body });
  await city.pass(0);
  const [stored] = await city.atOh();
  const text = String(stored?.['text']);
  expect(text).toMatch(/^[\x20-\x7e]*$/);
  for (const character of 'спасибоشكرا谢😀é') {
    expect(text).toContain(`&#${character.codePointAt(0)};`);
  }
  expect(text).toContain('&#38; &#60;tea&#62;?');
});

test("a patient's reply names the clinician's message it answers", async () => {
  const city = await setup();
  const { icn, ohPatientId } = city.patient(1);
  const asked = await city.clinicianWrites({
    patientId: ohPatientId,
    subject: 'Visit',
    body: 'Ten?',
  });
  await city.pass(0);
  await city.send({ ...message, icn, subject: 'Re: Visit', inReplyToOhMessageId: asked });
  await city.pass(0);
  expect(await city.atOh()).toMatchObject([{ previousMessageId: asked }]);
});

test('a pool that takes no messages makes the send INVALID without being tried again', async () => {
  const city = await setup();
  const id = await city.send({
    ...message,
    icn: city.patient(1).icn,
    receivingPoolId: CLOSED_POOL,
  });
  await city.pass(0);
  expect(await city.view(id)).toMatchObject({
    status: 'INVALID',
    error: { code: 'oh:recipient-denied' },
    attempts: [{ stage: 'inbox', number: 1, outcome: 'rejected' }],
  });
  expect(await city.atOh()).toEqual([]);
});

test('a patient OH does not know is INVALID and says so', async () => {
  const city = await setup();
  const id = await city.send({ ...message, icn: '9999999999V999999' });
  await city.pass(0);
  expect(await city.view(id)).toMatchObject({
    status: 'INVALID',
    error: { code: 'fhir:patient-unknown' },
  });
});

test('OH stores the message and the answer is lost: the next attempt finds it and sends nothing', async () => {
  const city = await setup();
  await city.fault('messaging', {
    path: '/outbox/messages',
    method: 'POST',
    dropAfter: true,
    times: 1,
  });
  const id = await city.send({ ...message, icn: city.patient(1).icn });
  await city.pass(0);
  await city.pass(2000);
  const view = await city.view(id);
  expect(view.attempts.map(({ outcome, found }) => [outcome, found])).toEqual([
    ['delivered', undefined],
    ['in-doubt', undefined],
    ['delivered', true],
  ]);
  const stored = await city.atOh();
  expect(stored).toMatchObject([{ ohMessageId: view.ohMessageId }]);
});

test.each([-1, 1])(
  'a message in doubt is found though the clock of OH is %d hour off',
  async (hours) => {
    const city = await setup();
    city.mocks.world.now = () => city.clock.now + hours * 60 * 60 * 1000;
    await city.fault('messaging', {
      path: '/outbox/messages',
      method: 'POST',
      dropAfter: true,
      times: 1,
    });
    const id = await city.send({ ...message, icn: city.patient(1).icn });
    await city.pass(0);
    await city.pass(2000);
    expect(await city.view(id)).toMatchObject({ status: 'SENT' });
    expect(await city.atOh()).toHaveLength(1);
  },
);

test('OH fails before storing: asked, it says no, and the message is sent once', async () => {
  const city = await setup();
  await city.fault('messaging', {
    path: '/outbox/messages',
    method: 'POST',
    status: 500,
    times: 1,
  });
  await city.send({ ...message, icn: city.patient(1).icn });
  await city.pass(0);
  await city.pass(2000);
  expect(await city.atOh()).toHaveLength(1);
});

test('two equal messages of one patient are both sent, even when the first is in doubt', async () => {
  const city = await setup();
  await city.fault('messaging', {
    path: '/outbox/messages',
    method: 'POST',
    dropAfter: true,
    times: 1,
  });
  const { icn } = city.patient(1);
  const ids = [await city.send({ ...message, icn }), await city.send({ ...message, icn })];
  await city.pass(0);
  await city.pass(2000);
  await city.pass(2000);
  const stored = (await city.atOh()).map((one) => one['ohMessageId']);
  const known = await Promise.all(ids.map(async (id) => (await city.view(id)).ohMessageId));
  expect(stored).toHaveLength(2);
  expect(new Set(stored)).toEqual(new Set(known));
});

test('a file is uploaded once though the send is tried twice', async () => {
  const city = await setup();
  await city.fault('messaging', {
    path: '/outbox/messages',
    method: 'POST',
    status: 503,
    times: 1,
  });
  const contentBase64 = Buffer.from('Invented readings.\n').toString('base64');
  const attachments = [{ name: 'readings.txt', mimeType: 'text/plain', contentBase64 }];
  await city.send({ ...message, icn: city.patient(1).icn, attachments });
  await city.pass(0);
  await city.pass(2000);
  expect(await city.atOh()).toMatchObject([{ attachments: [{ name: 'readings.txt' }] }]);
  const media = await (await fetch(`${city.mocks.origins.media}/_mock/media`)).json();
  expect(media).toHaveLength(1);
});

test('a send in hand at a stop is finished, and a restart goes on with the rest', async () => {
  const city = await setup();
  await city.fault('messaging', {
    path: '/outbox/messages',
    method: 'POST',
    status: 503,
    times: 1,
  });
  const id = await city.send({ ...message, icn: city.patient(1).icn });
  await city.pass(0);
  await city.restart();
  await city.pass(2000);
  expect(await city.view(id)).toMatchObject({ status: 'SENT' });
});

test('a caller who names the OH patient is believed once FHIR confirms the ICN', async () => {
  const city = await setup({ OH_PATIENT_ID_SOURCE: 'mpi-cerner-id' });
  const [ann, bob] = [city.patient(1), city.patient(2)];
  const cernerId = (id: string) => `${id}^PI^200CRNR^USVHA^A`;
  const right = { ...message, icn: ann.icn, cernerId: cernerId(ann.ohPatientId) };
  const wrong = { ...message, icn: ann.icn, cernerId: cernerId(bob.ohPatientId) };
  const ids = [await city.send(right), await city.send(wrong)];
  await city.pass(0);
  const [sent, refused] = await Promise.all(ids.map((id) => city.view(id)));
  expect(sent).toMatchObject({ status: 'SENT', ohPatientId: ann.ohPatientId });
  expect(refused).toMatchObject({ status: 'INVALID', error: { code: 'fhir:patient-mismatch' } });
  expect(await city.atOh()).toMatchObject([{ patientId: ann.ohPatientId }]);
});

test('files that lie at MHV are fetched as the user and reach OH byte for byte', async () => {
  const city = await setup();
  const { icn, mhvCorrelationId } = city.patient(1);
  const bytes = new Uint8Array(Buffer.from('Invented readings.\n'));
  const written = await city.patientWritesAtMhv(mhvCorrelationId, {
    name: 'readings.txt',
    mimeType: 'text/plain',
    bytes,
  });
  await city.send({
    ...message,
    icn,
    mhvCorrelationId,
    mhvMessageId: written.id,
    mhvAttachmentIds: written.attachmentIds,
  });
  await city.pass(0);
  expect(await city.atOh()).toMatchObject([{ attachments: [{ name: 'readings.txt' }] }]);
  const media = await (await fetch(`${city.mocks.origins.media}/_mock/media`)).json();
  const sha256 = new Bun.CryptoHasher('sha256').update(bytes).digest('hex');
  expect(media).toMatchObject([{ name: 'readings.txt', sha256 }]);
});

test('attachment ids without the message and the user they belong to are refused', async () => {
  const city = await setup();
  const response = await fetch(`${city.exchange.url}/messages`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ ...message, icn: city.patient(1).icn, mhvAttachmentIds: [1] }),
  });
  expect(response.status).toBe(422);
  expect(await response.json()).toMatchObject({
    errors: [{ pointer: '/mhvMessageId' }, { pointer: '/mhvCorrelationId' }],
  });
});

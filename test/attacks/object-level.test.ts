/** API1:2023 Broken Object Level Authorization: what belongs to somebody else. */
import { expect, test } from 'bun:test';
import { FEED_TOKEN, fort, letter, NO_ID, POOL, tokenOf } from './setup.ts';

test('an id by itself opens nothing: who may not read learns not even whether it exists', async () => {
  const { ask, send, patient } = await fort();
  const id = await send(1);
  const looks = [`/messages/${id}`, `/messages/${NO_ID}`, `/sessions/${patient(1).icn}`];
  for (const as of [undefined, 'guessed', FEED_TOKEN, tokenOf('send'), tokenOf('operate')]) {
    const answers = await Promise.all(
      looks.map((path) => ask('GET', path, as === undefined ? {} : { as })),
    );
    const [known, unknown] = await Promise.all(answers.map((answer) => answer.json()));
    const statuses = answers.map(({ status }) => status);
    const isCaller = as?.startsWith('zztest-token-to-') ?? false;
    expect(statuses).toEqual(isCaller ? [403, 403, 403] : [401, 401, 401]);
    expect({ ...known, instance: '' }).toEqual({ ...unknown, instance: '' });
  }
});

test.each([
  "' OR '1'='1",
  '%',
  '*',
  '_'.repeat(36),
  `${NO_ID}' UNION SELECT body FROM quarantine --`,
  '..',
  '\u0000',
  'x\r\nSet-Cookie: a=b',
  '١٢٣',
  '-1',
  '9'.repeat(400),
])('the id %p is one that nothing has, wherever an id is taken', async (id) => {
  const { ask, send, exchange } = await fort();
  await send(1);
  const path = encodeURIComponent(id);
  const attempts = [
    ['GET', `/messages/${path}`],
    ['POST', `/messages/${path}/retry`],
    ['GET', `/quarantine/${path}`],
    ['GET', `/quarantine/${path}/body`],
    ['GET', `/sessions/${path}`],
    ['DELETE', `/directory/${path}?name=x`],
    ['POST', `/destinations/${path}/pause`],
  ] as const;
  for (const [method, target] of attempts) {
    const json = method === 'POST' ? { json: { actor: 'ann' } } : {};
    const answer = await ask(method, target, { as: tokenOf('admin'), ...json });
    expect([404, 405, 422]).toContain(answer.status);
    expect(answer.headers.has('set-cookie')).toBe(false);
    expect(await answer.text()).not.toContain('refill');
  }
  expect((await exchange.store.list({}, { limit: 10 })).messages.length).toBe(1);
});

test.each(["' OR 1=1 --", '%', '1012345678V123456%27', '*'])(
  'the filter %p finds nobody else’s messages',
  async (value) => {
    const { ask, send } = await fort();
    await send(1);
    for (const field of ['icn', 'ohMessageId', 'mhvMessageId', 'errorCode']) {
      const query = new URLSearchParams({ [field]: value });
      const answer = await ask('GET', `/messages?${query}`, { as: tokenOf('read') });
      expect([200, 422]).toContain(answer.status);
      const { messages = [] } = (await answer.json()) as { messages?: unknown[] };
      expect([field, messages]).toEqual([field, []]);
    }
  },
);

test('a cursor is a place in a list, not a right: it shows nothing without the scope', async () => {
  const { ask, send } = await fort();
  for (let n = 1; n <= 3; n += 1) await send(1, { mhvMessageId: n });
  const page = await ask('GET', '/messages?limit=1', { as: tokenOf('read') });
  const { next } = (await page.json()) as { next: string };
  const other = await ask('GET', `/messages?limit=1&cursor=${next}`, { as: tokenOf('send') });
  expect(other.status).toBe(403);
});

test('an OH patient id that the caller names is taken only when OH says it is this ICN’s', async () => {
  const { ask, patient, drain } = await fort({ OH_PATIENT_ID_SOURCE: 'mpi-cerner-id' });
  const cernerId = `${patient(2).ohPatientId}^PI^200CRNR^USVHA^A`;
  const json = letter(patient(1).icn, { cernerId });
  const { id } = (await (await ask('POST', '/messages', { as: tokenOf('send'), json })).json()) as {
    id: string;
  };
  await drain();
  const view = await ask('GET', `/messages/${id}`, { as: tokenOf('read') });
  expect(await view.json()).toMatchObject({
    status: 'INVALID',
    error: { code: 'fhir:patient-mismatch' },
  });
});

test('a reply to a message of another patient is not stored in the conversation of either', async () => {
  const { ask, patient, mocks, send, drain } = await fort();
  const inbox = `${mocks.origins.messaging}/_mock/inbox`;
  const letterOfTwo = {
    patientId: patient(2).ohPatientId,
    poolSenderId: POOL,
    subject: 'Results',
    body: 'Come in.',
    announce: false,
  };
  const written = await fetch(inbox, { method: 'POST', body: JSON.stringify(letterOfTwo) });
  const { ohMessageId } = (await written.json()) as { ohMessageId: string };
  const id = await send(1, { inReplyToOhMessageId: ohMessageId });
  await drain();
  const view = await ask('GET', `/messages/${id}`, { as: tokenOf('read') });
  const stored = (await (await fetch(`${mocks.origins.messaging}/_mock/messages`)).json()) as {
    patientId: string;
  }[];
  expect(await view.json()).toMatchObject({ status: 'INVALID' });
  expect(stored.filter(({ patientId }) => patientId === patient(1).ohPatientId).length).toBe(0);
});

/** API3:2023 Broken Object Property Level Authorization: fields that a caller may not set, or not see. */
import { expect, test } from 'bun:test';
import { FEED_TOKEN, fort, letter, NO_ID, tokenOf } from './setup.ts';

/** What a row has and a caller has no business to write. */
const FOREIGN = {
  id: NO_ID,
  status: 'SENT',
  direction: 'oh-to-mhv',
  source: 'feed',
  state: 'done',
  stage: 'outbox',
  attempts: 0,
  ohPatientId: '1000002',
  ohMessageId: '3000000001:-6:0:0',
  acceptedAt: '2020-01-01T00:00:00Z',
  actor: 'admin',
  scopes: ['admin'],
  isAdmin: true,
};

test.each(Object.entries(FOREIGN))(
  'a send that also says %s is refused by name',
  async (name, value) => {
    const { ask, patient, exchange } = await fort();
    const json = letter(patient(1).icn, { [name]: value });
    const answer = await ask('POST', '/messages', { as: tokenOf('send'), json });
    expect(answer.status).toBe(422);
    expect(((await answer.json()) as { detail: string }).detail).toContain(`body/${name}`);
    expect((await exchange.store.list({}, { limit: 1 })).messages).toEqual([]);
  },
);

test.each(['__proto__', 'constructor', 'prototype', 'toString'])(
  'a field %s changes no object of the exchange',
  async (name) => {
    const { ask, patient } = await fort();
    const text = JSON.stringify(letter(patient(1).icn));
    const body = text.replace('{', `{"${name}":{"status":"SENT","scopes":["admin"]},`);
    const headers = { 'Content-Type': 'application/json' };
    const answer = await ask('POST', '/messages', { as: tokenOf('send'), headers, body });
    expect(answer.status).toBe(422);
    expect(Reflect.get({}, 'status')).toBeUndefined();
    expect((await ask('GET', '/audit', { as: tokenOf('send') })).status).toBe(403);
  },
);

test('each route that takes a body refuses a field that it does not name', async () => {
  const { ask } = await fort();
  const json = { actor: 'ann', reason: 'none', sneaked: true };
  for (const [method, path] of [
    ['POST', '/messages'],
    ['POST', '/sessions'],
    ['POST', '/replay'],
    ['POST', `/messages/${NO_ID}/retry`],
    ['POST', `/messages/${NO_ID}/dismiss`],
    ['POST', '/destinations/oh-to-mhv/pause'],
    ['POST', '/destinations/oh-to-mhv/resume'],
    ['PUT', '/directory/2000001'],
  ] as const) {
    const answer = await ask(method, path, { as: tokenOf('admin'), json });
    expect([path, answer.status]).toEqual([path, 422]);
    expect([path, await answer.text()]).toEqual([path, expect.stringContaining('sneaked')]);
  }
});

test('the same fields in the query do nothing beside a body', async () => {
  const { ask, patient, exchange } = await fort();
  const path = `/messages?status=SENT&id=${NO_ID}&icn=${patient(2).icn}`;
  const json = letter(patient(1).icn);
  const answer = await ask('POST', path, { as: tokenOf('send'), json });
  expect(answer.status).toBe(202);
  const { messages } = await exchange.store.list({}, { limit: 10 });
  expect(messages.map(({ icn, status }) => [icn, status])).toEqual([
    [patient(1).icn, 'IN_PROGRESS'],
  ]);
});

test('who may read sees ids, states and reasons, and nothing that a person wrote', async () => {
  const { ask, send, drain } = await fort();
  const marked = { subject: 'ZZSUBJECT', body: 'ZZBODY' };
  const id = await send(1, { ...marked, receivingPoolId: '2000003' });
  const broken = '<feed xmlns="http://www.w3.org/2005/Atom"><title>ZZTITLE</title><entry></feed>';
  const headers = { 'Content-Type': 'application/atom+xml' };
  expect((await ask('POST', '/oh/feed', { as: FEED_TOKEN, headers, body: broken })).status).toBe(
    400,
  );
  await drain();
  const as = tokenOf('read');
  const { documents } = (await (await ask('GET', '/quarantine', { as })).json()) as {
    documents: { id: string }[];
  };
  const [document] = documents;
  for (const path of [
    '/messages',
    `/messages/${id}`,
    '/quarantine',
    `/quarantine/${document?.id}`,
    '/destinations',
    '/directory',
    '/metrics',
  ]) {
    const answer = await ask('GET', path, { as });
    expect([path, answer.status]).toEqual([path, 200]);
    expect(await answer.text()).not.toMatch(/ZZSUBJECT|ZZBODY|ZZTITLE/);
  }
  const body = await ask('GET', `/quarantine/${document?.id}/body`, { as });
  expect(body.status).toBe(403);
  const shown = await ask('GET', `/quarantine/${document?.id}/body`, { as: tokenOf('operate') });
  expect(await shown.text()).toContain('ZZTITLE');
});

test('a field cannot be asked for that an answer does not have', async () => {
  const { ask, send } = await fort();
  const id = await send(1, { body: 'ZZBODY' });
  for (const query of ['fields=body', 'expand=payload', 'include=*', '$select=payload', 'raw=1']) {
    const answer = await ask('GET', `/messages/${id}?${query}`, { as: tokenOf('admin') });
    expect(await answer.text()).not.toContain('ZZBODY');
  }
});

test('what a caller calls itself stands behind who they are', async () => {
  const { ask, exchange, send } = await fort();
  const id = await send(1);
  const json = { actor: 'token:portal' };
  await ask('POST', '/destinations/oh-to-mhv/pause', { as: tokenOf('operate'), json });
  await ask('POST', `/messages/${id}/retry`, { as: tokenOf('operate'), json });
  const trail = await (await ask('GET', '/audit', { as: tokenOf('admin') })).text();
  expect(trail).toContain('environment:3 (token:portal)');
  expect(trail).not.toContain('"actor":"token:portal"');
  expect((await exchange.store.find(id))?.status).toBe('IN_PROGRESS');
});

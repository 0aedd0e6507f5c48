import { afterAll, beforeAll, expect, test } from 'bun:test';
import { createHmac } from 'node:crypto';
import iconv from 'iconv-lite';
import { type Setup, setup } from './setup.ts';

let mocks: Setup;
let bearer: string;
beforeAll(async () => {
  mocks = await setup();
  bearer = await mocks.bearer();
});
afterAll(() => mocks.stop());

const patient = '1000001';
const pool = { receiverId: 2_000_001, type: 'POOL' };

interface FullMessage {
  id: string;
  texts?: { text: string }[];
  text?: string;
  subject: string;
  referenceId: string;
  referenceIds?: string[];
  attachments?: unknown[];
  encounterId?: number;
  patientId?: number;
  createDate: string;
}

async function call(path: string, init: RequestInit = {}): Promise<Response> {
  const headers = { authorization: bearer, ...(init.headers as Record<string, string>) };
  const url = `${mocks.variable('OH_MESSAGING_BASE_URL')}${path}`;
  return fetch(url, { redirect: 'manual', ...init, headers });
}

async function post(body: unknown, contentType = 'application/json', to = patient) {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const headers = { 'content-type': contentType };
  return call(`/demo/patients/${to}/outbox/messages`, { method: 'POST', body: text, headers });
}

const message = (changes: object = {}): object => ({
  patientId: Number(patient),
  subject: 'ZZTEST question',
  receivers: [pool],
  ...changes,
});

async function list(box: string, query = ''): Promise<FullMessage[]> {
  const answer = await call(`/demo/patients/${patient}/${box}/messages${query}`);
  expect(answer.status).toBe(200);
  return ((await answer.json()) as { messages: FullMessage[] }).messages;
}

async function byIds(box: string, ids: string[], query = '?loadReferences=true') {
  const path = `/demo/patients/${patient}/${box}/messages/${ids.map(encodeURIComponent).join(',')}`;
  const answer = await call(path + query);
  expect(answer.status).toBe(200);
  return ((await answer.json()) as { messagesById: Record<string, FullMessage> }).messagesById;
}

const idIn = (answer: Response): string =>
  decodeURIComponent(answer.headers.get('location')?.split('/').at(-1) ?? '');

test('without a good token it is 401, and 403 for another authority', async () => {
  const path = `/demo/patients/${patient}/inbox/messages`;
  for (const authorization of ['', 'Bearer nope', 'Basic eDp5']) {
    expect((await call(path, { headers: { authorization } })).status).toBe(401);
  }
  expect((await call(`/other/patients/${patient}/inbox/messages`)).status).toBe(403);
});

const atPatient = (id: string, rest: string) => call(`/demo/patients/${id}/${rest}`);

test('unknown and inactive patients are 404, combined ones 301 with the printed Locations', async () => {
  const { combined, inactive, cyclePatientIds } = mocks.world.population.special;
  expect((await atPatient('77', 'inbox/messages')).status).toBe(404);
  expect((await atPatient(inactive.ohPatientId, 'inbox/messages')).status).toBe(404);
  expect((await atPatient(cyclePatientIds[0] ?? '', 'inbox/messages')).status).toBe(404);
  const ids = '3000000001%3A-6%3A0%3A0';
  const survivor = `/demo/patients/${combined.survivorPatientId}`;
  for (const [rest, location] of [
    ['inbox/messages', 'inbox/messages'],
    ['outbox/messages', 'inbox/messages'],
    [`inbox/messages/${ids}`, 'inbox/messages'],
    [`outbox/messages/${ids}`, `outbox/messages/${ids}`],
  ] as const) {
    const answer = await atPatient(combined.oldPatientId, rest);
    expect([answer.status, answer.headers.get('location')]).toEqual([
      301,
      `${survivor}/${location}`,
    ]);
  }
  const old = combined.oldPatientId;
  expect((await post(message({ patientId: Number(old) }), 'application/json', old)).status).toBe(
    404,
  );
});

test('a list covers 90 days unless a window is given, and has light messages only', async () => {
  const all = await list('inbox', '?beginDate=2019-01-01T00:00:00Z');
  const recent = await list('inbox');
  expect(all.length).toBeGreaterThan(recent.length);
  expect(recent.every((one) => one.createDate >= '2025-03-17T12:00:00Z')).toBe(true);
  for (const one of all) {
    expect(one).not.toHaveProperty('text');
    expect(one).not.toHaveProperty('patientId');
    expect(one).not.toHaveProperty('referenceIds');
    expect(one.id).toMatch(/^\d+:-6:0:0$/);
    expect(one.createDate).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
  }
});

test('a window that is wrong is 400', async () => {
  for (const query of [
    '?beginDate=2025-01-02T00:00:00.000Z',
    '?beginDate=2025-01-02',
    '?beginDate=2025-02-30T00:00:00Z',
    '?beginDate=2025-06-01T00:00:00Z&endDate=2025-05-01T00:00:00Z',
    '?statuses=OPENED',
    '?types=LETTER',
  ]) {
    expect((await call(`/demo/patients/${patient}/inbox/messages${query}`)).status).toBe(400);
  }
  expect((await call(`/demo/patients/${patient}/outbox/messages?types=REMINDER`)).status).toBe(400);
});

test('reminders can be left out and deleted messages asked for', async () => {
  const { survivorPatientId } = mocks.world.population.special.combined;
  const count = async (query: string): Promise<number> => {
    const answer = await call(`/demo/patients/${survivorPatientId}/inbox/messages${query}`);
    return ((await answer.json()) as { messages: unknown[] }).messages.length;
  };
  expect(await count('')).toBe(2);
  expect(await count('?types=MESSAGE')).toBe(1);
  expect(await count('?statuses=UNREAD,%20OPEN,%20ONHOLD,%20DELETED')).toBe(3);
});

test('reading gives a map, unknown ids absent, references only when asked for', async () => {
  const first = idIn(await post(message()));
  const second = idIn(await post(message({ previousMessageId: first })));
  const third = idIn(await post(message({ previousMessageId: second })));
  const found = await byIds('outbox', [first, second, third, '1:-4:0:0']);
  expect(Object.keys(found)).toEqual([first, second, third]);
  const references = [found[first]?.referenceId, found[second]?.referenceId];
  expect(found[third]?.referenceIds).toEqual(references as string[]);
  expect((await byIds('outbox', [third], ''))[third]).not.toHaveProperty('referenceIds');
  expect(await byIds('inbox', [third])).toEqual({});
  const bad = `/demo/patients/${patient}/outbox/messages/${encodeURIComponent(first)}?loadReferences=1`;
  expect((await call(bad)).status).toBe(400);
});

test('what cannot be accepted is 406, and the charset wanted is the charset answered', async () => {
  const path = `/demo/patients/${patient}/inbox/messages?beginDate=2019-01-01T00:00:00Z`;
  expect((await call(path, { headers: { accept: 'application/xml' } })).status).toBe(406);
  expect((await call(path, { headers: { 'accept-charset': 'iso-8859-1' } })).status).toBe(406);
  const wide = await call(path, { headers: { 'accept-charset': 'UTF-16BE' } });
  expect(wide.headers.get('content-type')).toBe('application/json;charset=UTF-16BE');
  const text = iconv.decode(Buffer.from(await wide.arrayBuffer()), 'utf-16be');
  expect(JSON.parse(text)).toHaveProperty('messages');
});

test('a send is 201 with a Location and no body, and is kept exactly as received', async () => {
  const text =
    '<html xmlns="http://www.w3.org/1999/xhtml"><body><p>\u4F60 &#233;</p></body></html>';
  const body = message({ subject: 'ZZTEST \u4F60', text, formatType: 'XHTML' });
  const answer = await post(body, 'application/json;charset=UTF-8');
  expect(answer.status).toBe(201);
  expect(await answer.text()).toBe('');
  expect(answer.headers.get('location')).toMatch(
    /^\/demo\/patients\/1000001\/outbox\/messages\/\d+%3A-4%3A0%3A0$/,
  );
  const sent = await mocks.control<Record<string, unknown>[]>(
    mocks.origins.messaging,
    'GET',
    'messages',
  );
  expect(sent.at(-1)).toMatchObject({
    ohMessageId: idIn(answer),
    patientId: patient,
    subject: 'ZZTEST \u4F60',
    text,
    receivers: [pool],
    wellFormed: true,
  });
  const id = idIn(answer);
  const kept = (await byIds('outbox', [id]))[id];
  expect(kept?.subject).toBe('ZZTEST ?');
  expect(kept?.texts?.[0]?.text).toContain('<p>? &#233;</p>');
});

test('every rule of a send that is broken is 400', async () => {
  const email = { type: 'EMAIL', email: { address: 'zztest@example.test' } };
  const attachment = { name: 'a.txt', mediaIdentifier: '{x}', mediaVersion: 1 };
  const wrong: [string, unknown][] = [
    ['no JSON', '{'],
    ['patientId of another', message({ patientId: 1_000_002 })],
    ['patientId as text', message({ patientId })],
    ['no receiver', message({ receivers: [] })],
    ['an unknown pool', message({ receivers: [{ receiverId: 5, type: 'POOL' }] })],
    ['a denied pool', message({ receivers: [{ receiverId: 2_000_003, type: 'POOL' }] })],
    ['receiver 0', message({ receivers: [{ receiverId: 0, type: 'POOL' }] })],
    ['a person', message({ receivers: [{ receiverId: 1_000_001, type: 'PERSON' }] })],
    ['e-mail and a pool', message({ receivers: [email], ccReceivers: [pool] })],
    ['two e-mails', message({ receivers: [email, email] })],
    ['XHTML by e-mail', message({ receivers: [email], text: '<p/>', formatType: 'XHTML' })],
    ['a previous message nobody knows', message({ previousMessageId: '1:-6:0:0' })],
    ['a format without text', message({ formatType: 'RTF' })],
    ['an unknown format', message({ text: 'x', formatType: 'UNKNOWN' })],
    ['a blank subject', message({ subject: '  ' })],
    ['a long subject', message({ subject: 'x'.repeat(256) })],
    ['texts', message({ texts: [{ text: 'x' }] })],
    ['version 0', message({ attachments: [{ ...attachment, mediaVersion: 0 }] })],
    ['a long name', message({ attachments: [{ ...attachment, name: 'x'.repeat(256) }] })],
  ];
  for (const [name, body] of wrong) expect([name, (await post(body)).status]).toEqual([name, 400]);
  const previousMessageId = idIn(await post(message()));
  const reply = message({ previousMessageId, responsiblePersonnelId: 2_100_001 });
  expect((await post(reply)).status).toBe(400);
  expect((await post(message({ receivers: [email] }))).status).toBe(201);
});

const patientId = patient;

test('a media type or charset that is not supported is 415', async () => {
  for (const contentType of ['text/plain', 'application/json;charset=iso-8859-1']) {
    expect((await post(message(), contentType)).status).toBe(415);
  }
  const wide = await call(`/demo/patients/${patient}/outbox/messages`, {
    method: 'POST',
    headers: { 'content-type': 'application/json; charset=UTF-16LE' },
    body: new Uint8Array(iconv.encode(JSON.stringify(message()), 'utf-16le')),
  });
  expect(wide.status).toBe(201);
});

const put = (id: string, status: string) =>
  call(`/demo/patients/${patient}/inbox/messages/${encodeURIComponent(id)}/status/${status}`, {
    method: 'PUT',
  });

test('a status change gives a new version, and the old id is then 409', async () => {
  const { ohMessageId } = await mocks.control<{ ohMessageId: string }>(
    mocks.origins.messaging,
    'POST',
    'inbox',
    { patientId, subject: 'ZZTEST status', body: 'x', announce: false },
  );
  expect((await put(ohMessageId, 'NONSENSE')).status).toBe(400);
  expect((await put(ohMessageId, 'OPEN')).status).toBe(200);
  expect((await put(ohMessageId, 'UNREAD')).status).toBe(409);
  expect(await byIds('inbox', [ohMessageId])).toEqual({});
});

test('a clinician can write, with a file, and a reply carries the conversation', async () => {
  const asked = idIn(await post(message()));
  const letter = {
    patientId,
    personnelSenderId: 2_100_001,
    subject: 'ZZTEST answer',
    body: 'Caf\u00E9 {ok}\n\u4F60',
    previousMessageId: asked,
    attachments: [{ name: 'a.txt', mimeType: 'text/plain', contentBase64: btoa('hello') }],
  };
  const { ohMessageId } = await mocks.control<{ ohMessageId: string }>(
    mocks.origins.messaging,
    'POST',
    'inbox',
    letter,
  );
  const question = (await byIds('outbox', [asked]))[asked];
  const answer = (await byIds('inbox', [ohMessageId]))[ohMessageId];
  expect(answer).toMatchObject({ personnelSenderId: 2_100_001, patientId: 1_000_001 });
  expect(answer?.referenceIds).toEqual([question?.referenceId ?? '']);
  expect(answer?.text).toContain('Caf\\u233? \\{ok\\}\\par\n\\u20320?');
  expect(answer?.attachments).toHaveLength(1);
});

test('somebody out of office answers automatically', async () => {
  await mocks.control(mocks.origins.messaging, 'POST', 'pools/2000002', { outOfOffice: true });
  const before = (await list('inbox')).length;
  await post(message({ receivers: [{ receiverId: 2_000_002, type: 'POOL' }] }));
  const inbox = await list('inbox');
  expect(inbox).toHaveLength(before + 1);
  expect(inbox.map((one) => one.subject)).toContain('Automatic reply: out of office');
});

test('pools are found by start of name and by id, and say who may be written to', async () => {
  const read = async (path: string): Promise<unknown> => (await call(path)).json();
  expect(await read('/demo/pools?name=zztest%20p')).toMatchObject({
    poolsByName: { 'ZZTEST Pharmacy': { id: 2_000_002 } },
  });
  expect(await read('/demo/pools/2000001,5')).toMatchObject({
    poolsById: { '2000001': { name: 'ZZTEST Primary Care East' } },
  });
  expect((await call('/demo/pools/5')).status).toBe(404);
  expect(await read('/demo/pools/2000001,2000003/recipient-access')).toEqual({
    recipientAccessStatusByPoolId: { '2000001': 'GRANTED', '2000003': 'DENIED_CONFIGURATION' },
  });
  expect((await call('/demo/pools/x/recipient-access')).status).toBe(404);
  expect(await read('/demo/personnel/2100001,9/recipient-access')).toEqual({
    recipientAccessStatusByPersonnelId: { '2100001': 'GRANTED' },
  });
});

test('an alias leads to the box of its patient', async () => {
  const query = '?patientAlias=11000001&aliasTypeCd=10&aliasPoolCd=683996';
  const answer = await call(`/demo/inbox/messages${query}`);
  expect(answer.status).toBe(303);
  expect(answer.headers.get('location')).toBe(`/demo/patients/${patient}/inbox/messages`);
  expect((await call('/demo/outbox/messages?patientAlias=11000001')).status).toBe(400);
});

test('OAuth 1.0a signatures are verified, and a nonce is good once', async () => {
  const key = mocks.variable('OH_AUTH_CLIENT_ID');
  const secret = mocks.variable('OH_AUTH_CLIENT_SECRET');
  const path = `/demo/patients/${patient}/inbox/messages`;
  const plaintext = `OAuth realm="demo", oauth_consumer_key="${key}", oauth_signature_method="PLAINTEXT", oauth_signature="${secret}%26"`;
  const status = async (authorization: string): Promise<number> =>
    (await call(`${path}?types=MESSAGE`, { headers: { authorization } })).status;
  expect(await status(plaintext)).toBe(200);
  expect(await status(plaintext.replace(secret, 'wrong'))).toBe(401);
  expect(await status(plaintext.replace('realm="demo"', 'realm="other"'))).toBe(403);
  const timestamp = Math.floor(mocks.clock.now / 1000);
  const uri = mocks.variable('OH_MESSAGING_BASE_URL') + path;
  const parameters = `oauth_consumer_key=${key}&oauth_nonce=n1&oauth_signature_method=HMAC-SHA1&oauth_timestamp=${timestamp}&types=MESSAGE`;
  const base = ['GET', uri, parameters].map(encodeURIComponent).join('&');
  const signature = createHmac('sha1', `${secret}&`).update(base).digest('base64');
  const signed = `OAuth oauth_consumer_key="${key}",oauth_nonce="n1",oauth_signature_method="HMAC-SHA1",oauth_timestamp="${timestamp}",oauth_signature="${encodeURIComponent(signature)}"`;
  expect(await status(signed.replace('n1', 'n2'))).toBe(401);
  expect(await status(signed)).toBe(200);
  expect(await status(signed)).toBe(401);
});

import { afterAll, beforeAll, beforeEach, expect, test } from 'bun:test';
import { createHash } from 'node:crypto';
import { type Setup, setup } from './setup.ts';

let mocks: Setup;
beforeAll(async () => {
  mocks = await setup();
});
beforeEach(async () => {
  await mocks.control(mocks.origins.mhv, 'POST', 'reset');
});
afterAll(() => mocks.stop());

const person = (index: number) => {
  const found = mocks.world.population.ordinary[index];
  if (found === undefined) throw new Error('No such patient.');
  return found;
};

async function call(path: string, init: RequestInit = {}): Promise<Response> {
  const headers = {
    'x-api-key': mocks.variable('MHV_API_KEY'),
    ...(init.headers as Record<string, string>),
  };
  return fetch(mocks.variable('MHV_BASE_URL') + path, { ...init, headers });
}

async function session(index = 0): Promise<Record<string, string>> {
  const answer = await call('/session', {
    headers: {
      apptoken: mocks.variable('MHV_APP_TOKEN'),
      mhvcorrelationid: person(index).mhvCorrelationId,
    },
  });
  expect(answer.status).toBe(200);
  expect(await answer.text()).toBe('');
  return { token: answer.headers.get('token') ?? '' };
}

async function refused(answer: Response): Promise<unknown[]> {
  const text = await answer.text();
  return [answer.status, Number(/"?errorCode(?:"?:|>)(\d+)/.exec(text)?.[1])];
}

const asApp = (): Record<string, string> => ({
  apptoken: mocks.variable('MHV_APP_TOKEN'),
  'content-type': 'application/json',
});

const insertion = (changes: object = {}): Record<string, unknown> => ({
  ohMessageId: '3000000001:-6:0:0',
  icn: person(0).icn,
  sender: { ohId: '2000001', type: 'POOL', name: 'ZZTEST Primary Care East' },
  triageGroup: { ohPoolId: '2000001', name: 'ZZTEST Primary Care East', stationNumber: '668' },
  subject: 'ZZTEST answer',
  category: 'OTHER',
  body: 'Hello <you> & "me"',
  bodyFormat: 'TEXT',
  sentDate: '2025-06-01T10:00:00Z',
  ...changes,
});

const insert = (changes: object = {}, headers = asApp()): Promise<Response> =>
  call('/exchange/message', { method: 'POST', headers, body: JSON.stringify(insertion(changes)) });

interface Inserted {
  id: number;
  threadId: number;
  ohMessageId: string;
}

const inserted = async (changes: object = {}): Promise<Inserted> => {
  const answer = await insert(changes);
  expect(answer.status).toBe(200);
  return (await answer.json()) as Inserted;
};

const stored = (): Promise<Record<string, unknown>[]> =>
  mocks.control(mocks.origins.mhv, 'GET', 'messages');

const openSession = (headers: Record<string, string>) => call('/session', { headers });

test('a session needs the gateway key, the application token and a known user', async () => {
  const id = person(0).mhvCorrelationId;
  const app = mocks.variable('MHV_APP_TOKEN');
  expect((await openSession({ 'x-api-key': '', apptoken: app, mhvcorrelationid: id })).status).toBe(
    403,
  );
  expect(await refused(await openSession({ mhvcorrelationid: id }))).toEqual([400, 132]);
  expect(await refused(await openSession({ apptoken: 'no', mhvcorrelationid: id }))).toEqual([
    400, 101,
  ]);
  expect(await refused(await openSession({ apptoken: app }))).toEqual([400, 104]);
  expect(await refused(await openSession({ apptoken: app, mhvcorrelationid: 'x' }))).toEqual([
    400, 103,
  ]);
  expect(await refused(await openSession({ apptoken: app, mhvcorrelationid: '1' }))).toEqual([
    400, 105,
  ]);
  const good = await openSession({ apptoken: app, mhvcorrelationid: id });
  expect(good.headers.get('expires')).toBe('Sun, 15 Jun 2025 13:00:00 GMT');
});

test('session tokens are 108 when missing, 109 when unknown, 110 (in XML) when expired', async () => {
  expect(await refused(await call('/triageteam'))).toEqual([400, 108]);
  const unknown = await call('/triageteam', { headers: { token: 'x' } });
  expect(await refused(unknown)).toEqual([400, 109]);
  const headers = await session();
  expect((await call('/triageteam', { headers })).status).toBe(200);
  await mocks.control(mocks.origins.mhv, 'POST', 'expire');
  const expired = await call('/triageteam', { headers });
  expect(expired.headers.get('content-type')).toBe('application/xml');
  expect(await refused(expired)).toEqual([400, 110]);
});

test('a patient writes, is answered by reply, and reads the thread', async () => {
  const headers = { ...(await session()), 'content-type': 'application/json' };
  const letter = { subject: 'ZZTEST', category: 'OTHER', recipientId: '613586', body: 'a < b' };
  const post = (path: string, body: object) =>
    call(path, { method: 'POST', headers, body: JSON.stringify(body) });
  const answer = await post('/message', letter);
  expect(answer.status).toBe(200);
  const first = (await answer.json()) as { id: number };
  expect(first).toMatchObject({ body: 'a < b', isOhMessage: true, attachment: false });
  const reply = (await (await post(`/message/${first.id}/reply`, letter)).json()) as { id: number };
  expect(reply.id).not.toBe(first.id);
  const read = await call(`/message/${first.id}/read`, { headers });
  expect(await read.json()).toMatchObject({ body: 'a &lt; b', readReceipt: 'READ' });
  const thread = await call(`/message/${reply.id}/messagesforthread?requiresOHMessages=1`, {
    headers,
  });
  expect(await thread.json()).toHaveLength(2);
  const hidden = await call(`/message/${reply.id}/messagesforthread`, { headers });
  expect(await hidden.json()).toEqual([]);
  const status = await call(`/message/${first.id}/status`, { headers });
  expect(await status.json()).toMatchObject({ status: 'IN_PROGRESS', isOhMessage: true });
  const missing = await call('/message/5/status', { headers });
  expect([missing.status, await missing.json()]).toEqual([404, { error: 'Not Found' }]);
  const other = { headers: await session(1) };
  expect(await refused(await call(`/message/${first.id}/read`, other))).toEqual([400, 112]);
});

test('a message that does not fit is refused by code', async () => {
  const headers = { ...(await session()), 'content-type': 'application/json' };
  const letter = { subject: 'ZZTEST', category: 'OTHER', recipientId: 613_586, body: 'x' };
  const post = async (changes: object, path = '/message') => {
    const body = JSON.stringify({ ...letter, ...changes });
    return refused(await call(path, { method: 'POST', headers, body }));
  };
  expect(await post({ recipientId: 1 })).toEqual([400, 119]);
  expect(await post({ recipientId: 613_588 })).toEqual([400, 129]);
  expect(await post({ body: ' ' })).toEqual([400, 100]);
  expect(await post({ category: 'X' })).toEqual([400, 99]);
  expect(await post({ subject: undefined })).toEqual([400, 99]);
  expect(await post({}, '/message/5/reply')).toEqual([400, 904]);
});

test('files come as parts or by way of the object store', async () => {
  const headers = await session();
  const letter = { subject: 'ZZTEST', category: 'OTHER', recipientId: 613_586, body: 'x' };
  const part = new Blob([JSON.stringify(letter)], { type: 'application/json' });
  const attach = async (fill: (form: FormData) => void): Promise<Response> => {
    const body = new FormData();
    body.append('message', part, 'message');
    fill(body);
    return call('/message/attach', { method: 'POST', headers, body });
  };
  const small = await attach((form) => form.append('uploads[]', new Blob(['hello']), 'a.txt'));
  expect(await small.json()).toMatchObject({
    attachments: { attachment: [{ name: 'a.txt', attachmentSize: 5 }] },
  });
  const program = await attach((form) => form.append('uploads[]', new Blob(['x']), 'a.exe'));
  expect(await refused(program)).toEqual([400, 122]);
  const query = 'attachmentName=big&fileExtension=pdf';
  const where = await call(`/attachment/presigned-url?${query}`, { headers });
  const url = (await where.json()) as string;
  const lgAttachmentId = new URL(url).pathname.split('/').at(-1) ?? '';
  const item = { attachmentName: 'big.pdf', mimeType: 'application/pdf', size: 3, lgAttachmentId };
  const byObject = () =>
    attach((form) => form.append('lgAttachments[]', new Blob([JSON.stringify([item])]), 'l'));
  expect(await refused(await byObject())).toEqual([400, 113]);
  const type = { 'content-type': 'application/pdf' };
  expect((await fetch(`${url}x`, { method: 'PUT', body: 'pdf', headers: type })).status).toBe(403);
  expect((await fetch(url, { method: 'PUT', body: 'pdf', headers: type })).status).toBe(200);
  const large = (await (await byObject()).json()) as {
    id: number;
    attachments: { attachment: { id: number }[] };
  };
  const fileId = large.attachments.attachment[0]?.id;
  const link = await call(`/message/${large.id}/attachment/${fileId}`, { headers });
  const { url: fileUrl } = (await link.json()) as { url: string };
  expect(await (await fetch(fileUrl)).text()).toBe('pdf');
});

const find = () =>
  call('/exchange/message?ohMessageId=3000000001%3A-6%3A0%3A0', { headers: asApp() });

test('an exchange inserts a message once, however often it asks', async () => {
  expect(await refused(await find())).toEqual([404, 115]);
  const first = await inserted();
  expect(await inserted()).toEqual(first);
  expect(await (await find()).json()).toEqual({
    id: first.id,
    threadId: first.threadId,
    ohMessageId: '3000000001:-6:0:0',
  });
  expect(await stored()).toMatchObject([{ id: first.id, repeats: 1, icn: person(0).icn }]);
  expect(await refused(await insert({ icn: person(1).icn }))).toEqual([400, 117]);
});

test('a thread is found by the message answered, then by the root, else it is new', async () => {
  const a = await inserted();
  const b = await inserted({ ohMessageId: 'b', inReplyToOhMessageId: a.ohMessageId });
  const c = await inserted({
    ohMessageId: 'c',
    inReplyToOhMessageId: 'unknown',
    conversationRootOhMessageId: a.ohMessageId,
  });
  const d = await inserted({ ohMessageId: 'd', inReplyToOhMessageId: 'unknown' });
  expect([b.threadId, c.threadId]).toEqual([a.threadId, a.threadId]);
  expect(d.threadId).not.toBe(a.threadId);
});

test('an insertion that does not fit is refused by code', async () => {
  expect(await refused(await insert({}, { 'content-type': 'application/json' }))).toEqual([
    400, 132,
  ]);
  expect((await insert({}, { ...asApp(), 'content-type': 'text/plain' })).status).toBe(415);
  const wrong: [object, number][] = [
    [{ body: '' }, 100],
    [{ subject: '' }, 99],
    [{ subject: 'x'.repeat(256) }, 99],
    [{ category: 'NONE' }, 99],
    [{ bodyFormat: 'HTML' }, 99],
    [{ sentDate: '2025-06-01' }, 99],
    [{ icn: '123' }, 99],
    [{ icn: mocks.world.population.special.unknownIcn }, 105],
    [{ sender: undefined }, 99],
    [{ triageGroup: { ohPoolId: '5', name: 'x', stationNumber: '668' } }, 119],
    [{ triageGroup: { ohPoolId: '2000001', name: 'x', stationNumber: '6' } }, 99],
    [{ attachments: [{ name: 'a.txt', mimeType: 'text/plain' }] }, 99],
    [{ attachments: [{ name: 'a.txt', mimeType: 'text/plain', contentBase64: '?' }] }, 113],
    [{ attachments: [{ name: 'a.txt', mimeType: 'text/plain', lgAttachmentId: 'no' }] }, 113],
    [{ attachments: [{ name: 'a.exe', mimeType: 'x/y', contentBase64: 'aGk=' }] }, 122],
  ];
  for (const [changes, code] of wrong) {
    expect([changes, ...(await refused(await insert(changes)))]).toEqual([changes, 400, code]);
  }
  expect(await stored()).toEqual([]);
  const large = 'x'.repeat(10 * 1024 * 1024);
  expect((await insert({ body: large })).status).toBe(413);
});

test('the door lists files with their digests', async () => {
  const attachments = [{ name: 'a.txt', mimeType: 'text/plain', contentBase64: btoa('hello') }];
  await inserted({ attachments });
  const sha256 = createHash('sha256').update('hello').digest('hex');
  expect(await stored()).toMatchObject([{ attachments: [{ name: 'a.txt', size: 5, sha256 }] }]);
});

const insertUnder = async (fault: object): Promise<Response> => {
  const body = { path: '/exchange/message', method: 'POST', times: 1, ...fault };
  await mocks.control(mocks.origins.mhv, 'POST', 'faults', body);
  return insert();
};

test('a fault can be any error of the table, in any form', async () => {
  expect(await refused(await insertUnder({ errorCode: 903 }))).toEqual([400, 903]);
  const xml = await insertUnder({ errorCode: 99, format: 'xml' });
  expect(xml.headers.get('content-type')).toBe('application/xml');
  expect(await refused(xml)).toEqual([500, 99]);
  const html = await insertUnder({ status: 502, format: 'html' });
  expect([html.status, html.headers.get('content-type')]).toEqual([502, 'text/html']);
  expect(await (await insertUnder({ status: 503, format: 'empty' })).text()).toBe('');
});

test('teams and the state of the first import are shown', async () => {
  const headers = await session();
  const teams = (await (await call('/triageteam', { headers })).json()) as {
    triageTeam: unknown[];
  };
  expect(teams.triageTeam).toHaveLength(3);
  const all = await call('/alltriageteams?requiresOHTriageGroup=1', { headers });
  expect(await all.json()).toMatchObject([
    { associatedTriageGroups: 4, associatedBlockedTriageGroups: 1 },
    { triageTeam: [{ ohTriageGroup: false }, {}, {}, { blockedStatus: true }] },
  ]);
  const mhvcorrelationid = person(0).mhvCorrelationId;
  const sync = async (): Promise<unknown> =>
    (await call('/exchange/ohsyncstatus', { headers: { ...headers, mhvcorrelationid } })).json();
  expect(await sync()).toEqual({ status: 'NOT_STARTED', syncComplete: true });
  const running = { icn: person(0).icn, status: 'IN_PROGRESS' };
  await mocks.control(mocks.origins.mhv, 'POST', 'sync', running);
  expect(await sync()).toEqual({ status: 'IN_PROGRESS', syncComplete: false });
});

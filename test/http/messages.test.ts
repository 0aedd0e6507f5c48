import { expect, test } from 'bun:test';
import { closeSync, openSync, writeSync } from 'node:fs';
import Database from 'better-sqlite3';
import { entryXml, START, setup, token } from './setup.ts';

const message = {
  icn: '1012345678V123456',
  subject: 'Refill question',
  body: 'May I have a refill?',
  receivingPoolId: '2000001',
};

async function faultsOf(response: Response): Promise<string[]> {
  const problem = (await response.json()) as { errors: { pointer: string }[] };
  return problem.errors.map(({ pointer }) => pointer);
}

test('a message is accepted with the place to look for it', async () => {
  const site = setup();
  const response = await site.send(message);
  expect(response.status).toBe(202);
  const { id, status } = (await response.json()) as { id: string; status: string };
  expect(status).toBe('IN_PROGRESS');
  expect(response.headers.get('location')).toBe(`/messages/${id}`);
  const view = await (await fetch(`${site.url}/messages/${id}`)).json();
  expect(view).toEqual({
    id,
    direction: 'mhv-to-oh',
    status: 'IN_PROGRESS',
    stage: 'inbox',
    icn: message.icn,
    acceptedAt: new Date(START).toISOString(),
    dueAt: new Date(START).toISOString(),
    attempts: [],
    events: [],
  });
});

test('every field that is wrong is named, and no value is repeated', async () => {
  const site = setup();
  const response = await site.send({
    icn: 'not-an-icn',
    subject: ' ',
    body: '',
    receivingPoolId: 'pool',
    surprise: 1,
    attachments: [{ name: 'a.txt' }],
  });
  expect(response.status).toBe(422);
  const text = await response.clone().text();
  expect(text).not.toContain('not-an-icn');
  expect((await faultsOf(response)).toSorted()).toEqual([
    '/attachments/0/contentBase64',
    '/attachments/0/mimeType',
    '/body',
    '/icn',
    '/receivingPoolId',
    '/subject',
    '/surprise',
  ]);
});

test('a body that is no JSON is malformed', async () => {
  const site = setup();
  expect((await site.send('{"icn"')).status).toBe(400);
});

test('ids may be JSON integers, as MHV writes them', async () => {
  const site = setup();
  await site.send({ ...message, receivingPoolId: 2000001, mhvMessageId: 655570 });
  expect(site.query('SELECT mhv_message_id FROM inbox')).toEqual([{ mhv_message_id: '655570' }]);
});

test('the same Idempotency-Key and request get the same answer and one message', async () => {
  const site = setup();
  const key = { 'Idempotency-Key': 'k-1' };
  const first = await site.send(message, key);
  const again = await site.send(JSON.stringify(message, null, 2), key);
  expect(again.status).toBe(202);
  expect(again.headers.get('location')).toBe(first.headers.get('location'));
  expect(await again.json()).toEqual(await first.json());
  expect(site.query('SELECT id FROM inbox')).toHaveLength(1);
});

test('the same Idempotency-Key with another request is refused', async () => {
  const site = setup();
  const key = { 'Idempotency-Key': 'k-1' };
  await site.send(message, key);
  const other = await site.send({ ...message, body: 'Something else' }, key);
  expect(other.status).toBe(422);
  expect(await other.json()).toMatchObject({
    type: 'urn:sm-exchange:problem:idempotency-key-reused',
  });
});

test('a key that is too long is refused', async () => {
  const site = setup();
  expect((await site.send(message, { 'Idempotency-Key': 'k'.repeat(256) })).status).toBe(422);
});

test('lists filter and page', async () => {
  const site = setup();
  for (let n = 1; n <= 3; n += 1) await site.send({ ...message, mhvMessageId: n });
  const page = async (query: string) =>
    (await (await fetch(`${site.url}/messages?${query}`)).json()) as {
      messages: { mhvMessageId: string }[];
      next?: string;
    };
  const first = await page('limit=2');
  expect(first.messages.map(({ mhvMessageId }) => mhvMessageId)).toEqual(['3', '2']);
  const second = await page(`limit=2&cursor=${first.next}`);
  expect(second).toMatchObject({ messages: [{ mhvMessageId: '1' }] });
  expect(second.next).toBeUndefined();
  expect((await page('mhvMessageId=2')).messages).toHaveLength(1);
  expect((await page('status=SENT')).messages).toEqual([]);
  const until = new Date(START).toISOString();
  expect((await page(`until=${encodeURIComponent(until)}`)).messages).toEqual([]);
});

test.each(['limit=0', 'limit=201', 'status=LOST', 'since=yesterday', 'colour=red', 'icn=1'])(
  'a list asked for with %s is refused, naming the parameter',
  async (query) => {
    const site = setup();
    const response = await fetch(`${site.url}/messages?${query}`);
    expect(response.status).toBe(422);
    expect(await faultsOf(response)).toEqual([`/${query.split('=')[0]}`]);
  },
);

test('what is not there is a problem document too', async () => {
  const site = setup();
  for (const path of ['/messages/nope', '/nowhere']) {
    const response = await fetch(site.url + path);
    expect(response.status).toBe(404);
    expect(response.headers.get('content-type')).toBe('application/problem+json');
  }
});

test('the API wants a bearer token where it is required', async () => {
  const site = setup({ mode: 'required', apiTokens: [token('api-1')] });
  const refused = await site.send(message);
  expect(refused.status).toBe(401);
  expect(refused.headers.get('www-authenticate')).toBe('Bearer realm="sm-exchange"');
  expect((await fetch(`${site.url}/messages`)).status).toBe(401);
  expect((await fetch(`${site.url}/sessions/1012345678V123456`)).status).toBe(401);
  expect((await site.send(message, { Authorization: 'Bearer api-1' })).status).toBe(202);
  expect((await fetch(`${site.url}/health/live`)).status).toBe(200);
});

test('a session is accepted, asked for, and named in the words of MHV', async () => {
  const site = setup();
  const icn = '1012345678V123456';
  const ask = async () => (await fetch(`${site.url}/sessions/${icn}`)).json();
  const nothing = { authority: 'demo', listed: 0, delivered: 0 };
  expect(await ask()).toEqual({
    ...nothing,
    status: 'NOT_STARTED',
    syncComplete: true,
    events: [],
  });
  const response = await fetch(`${site.url}/sessions`, {
    method: 'POST',
    body: JSON.stringify({ icn }),
    headers: { 'Content-Type': 'application/json' },
  });
  expect(response.status).toBe(202);
  const underWay = { ...nothing, status: 'IN_PROGRESS', syncComplete: false };
  expect(await response.json()).toEqual(underWay);
  expect(await ask()).toEqual({
    ...underWay,
    events: [{ at: new Date(START).toISOString(), event: 'asked', detail: 'the patient is new' }],
  });
});

test('readiness turns red when the database is gone, liveness does not', async () => {
  const site = setup();
  expect((await fetch(`${site.url}/health/ready`)).status).toBe(200);
  site.store.close();
  const ready = await fetch(`${site.url}/health/ready`);
  expect(ready.status).toBe(503);
  expect(ready.headers.get('retry-after')).toBe('5');
  expect((await fetch(`${site.url}/health/live`)).status).toBe(200);
});

test('an unexpected error says nothing outside and leaves no data in the log', async () => {
  const site = setup();
  site.store.close();
  const response = await site.send(message);
  expect(response.status).toBe(500);
  expect(await response.json()).toMatchObject({ detail: 'Internal error.' });
  expect(site.log.join('')).not.toContain('Refill');
});

test('OpenAPI describes every route', async () => {
  const site = setup();
  const { paths } = (await (await fetch(`${site.url}/openapi/json`)).json()) as {
    paths: Record<string, object>;
  };
  expect(Object.keys(paths).toSorted()).toEqual([
    '/.well-known/jwks.json',
    '/audit',
    '/destinations',
    '/destinations/{destination}/pause',
    '/destinations/{destination}/resume',
    '/directory',
    '/directory/{ohPoolId}',
    '/health/live',
    '/health/ready',
    '/messages',
    '/messages/{id}',
    '/messages/{id}/dismiss',
    '/messages/{id}/retry',
    '/metrics',
    '/oh/feed',
    '/quarantine',
    '/quarantine/{id}',
    '/quarantine/{id}/body',
    '/quarantine/{id}/replay',
    '/replay',
    '/sessions',
    '/sessions/{icn}',
  ]);
});

test('a full backlog answers 503 with Retry-After before anything is stored, and is not ready', async () => {
  const site = setup({}, 0);
  for (const response of [await site.send(message), await site.push(entryXml(1))]) {
    expect(response.status).toBe(503);
    expect(response.headers.get('retry-after')).toBe('5');
  }
  expect((await fetch(`${site.url}/health/ready`)).status).toBe(503);
  expect(site.query('SELECT id FROM inbox')).toEqual([]);
});

test('a reading from a damaged file answers 503 with Retry-After, and the log names the fault', async () => {
  const site = setup();
  await site.send(message);
  const [{ file } = { file: '' }] = site.query<{ file: string }>('PRAGMA database_list');
  const other = new Database(file);
  other.pragma('wal_checkpoint(TRUNCATE)');
  const [page] = site.query<{ root: number; size: number }>(
    "SELECT rootpage AS root, page_size AS size FROM sqlite_schema, pragma_page_size WHERE name = 'inbox'",
  );
  const { root = 0, size = 0 } = page ?? {};
  const handle = openSync(file, 'r+');
  writeSync(handle, Buffer.alloc(size, 0xa5), 0, size, (root - 1) * size);
  closeSync(handle);
  // What others wrote makes the exchange forget the pages it had read.
  other.exec("INSERT INTO tombstones VALUES ('urn:example:gone', 0, 0)");
  other.close();
  const response = await fetch(`${site.url}/messages`);
  expect(response.status).toBe(503);
  expect(response.headers.get('retry-after')).toBe('5');
  expect(site.log.join('')).toContain('"event":"database","code":"SQLITE_CORRUPT"');
});

/** Requests that no route can take, as problem documents (RFC 9457). */
import { expect, test } from 'bun:test';
import { connect } from 'node:net';
import pino from 'pino';
import { setup, token } from './setup.ts';

interface Problem {
  type: string;
  status: number;
  detail: string;
  instance: string;
}

async function problemOf(response: Response): Promise<Problem> {
  expect(response.headers.get('content-type')).toBe('application/problem+json');
  return (await response.json()) as Problem;
}

test('a path with other methods is 405 and names them', async () => {
  const { url } = setup();
  for (const [method, path, allow] of [
    ['PATCH', '/messages', 'GET, POST'],
    ['DELETE', '/messages/01a2055c-e698-74c2-b1d2-52e04040871f', 'GET'],
    ['PUT', '/oh/feed', 'GET, POST'],
    ['POST', '/health/live', 'GET'],
  ] as const) {
    const response = await fetch(url + path, { method });
    expect(response.status).toBe(405);
    expect(response.headers.get('allow')).toBe(allow);
    expect(await problemOf(response)).toMatchObject({
      type: 'urn:sm-exchange:problem:method-not-allowed',
      detail: `${method} is none of ${allow}.`,
    });
  }
});

test('a path that nothing has is 404, whatever the method', async () => {
  const { url } = setup();
  for (const [method, path] of [
    ['GET', '/nowhere'],
    ['PATCH', '/messages/a/b/c'],
  ] as const) {
    const response = await fetch(url + path, { method });
    expect(response.status).toBe(404);
    expect(await problemOf(response)).toMatchObject({ type: 'urn:sm-exchange:problem:not-found' });
  }
});

test('a body that is no JSON is 400 on every route that takes JSON', async () => {
  const { url } = setup();
  for (const path of ['/messages', '/sessions', '/replay', '/destinations/oh-to-mhv/pause']) {
    const response = await fetch(url + path, {
      method: 'POST',
      body: '{"icn":',
      headers: { 'Content-Type': 'application/json' },
    });
    expect(response.status).toBe(400);
    expect((await problemOf(response)).type).toBe('urn:sm-exchange:problem:malformed');
  }
});

test('a problem names the request as the log and X-Request-Id do', async () => {
  const { url, log } = setup();
  const response = await fetch(`${url}/messages/none`, { headers: { 'X-Request-Id': 'mine-1' } });
  expect(response.headers.get('x-request-id')).toBe('mine-1');
  expect((await problemOf(response)).instance).toBe('urn:sm-exchange:request:mine-1');
  // The line is written after the answer, and before that of the next request.
  await fetch(`${url}/health/live`);
  expect(log.join('')).toContain('"requestId":"mine-1"');
});

test('a request id that is too long, strange or an ICN is replaced', async () => {
  const { url } = setup();
  for (const id of ['x'.repeat(129), 'a b', '<script>', 'for-1012345678V123456']) {
    const response = await fetch(`${url}/health/live`, { headers: { 'X-Request-Id': id } });
    expect(response.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/);
  }
});

test('a request that says it is too large is 413 before its body is sent', async () => {
  const { direct } = setup();
  const answer = await new Promise<string>((resolve, reject) => {
    const { hostname, port } = new URL(direct);
    const socket = connect(Number(port), hostname, () => {
      socket.write(
        `POST /messages HTTP/1.1\r\nHost: ${hostname}\r\nContent-Type: application/json\r\nContent-Length: ${37 * 1024 * 1024}\r\n\r\n`,
      );
    });
    socket.once('data', (data) => {
      resolve(data.toString());
      socket.destroy();
    });
    socket.once('error', reject);
  });
  expect(answer).toStartWith('HTTP/1.1 413');
  expect(answer).toContain('urn:sm-exchange:problem:too-large');
});

test('who asks too often is told when to come back, and nobody else is', async () => {
  const clock = { now: Date.UTC(2025, 9, 8) };
  const apiTokens = [token('one', 'read'), token('other', 'read')];
  const { url } = setup({
    mode: 'required',
    apiTokens,
    requestsPerMinute: 2,
    now: () => clock.now,
  });
  const ask = (secret: string) =>
    fetch(`${url}/messages`, { headers: { Authorization: `Bearer ${secret}` } });
  const first = await ask('one');
  expect(first.headers.get('ratelimit-policy')).toBe('"client";q=2;w=60');
  expect(first.headers.get('ratelimit')).toBe('"client";r=1;t=60');
  clock.now += 20_500;
  expect((await ask('one')).headers.get('ratelimit')).toBe('"client";r=0;t=40');
  const refused = await ask('one');
  expect(refused.status).toBe(429);
  expect(refused.headers.get('retry-after')).toBe('40');
  expect(refused.headers.get('ratelimit')).toBe('"client";r=0;t=40');
  expect((await problemOf(refused)).type).toBe('urn:sm-exchange:problem:too-many-requests');
  expect((await ask('other')).status).toBe(200);
  clock.now += 39_500;
  expect((await ask('one')).headers.get('ratelimit')).toBe('"client";r=1;t=60');
});

test('what is malformed, or not allowed to its caller, counts as well', async () => {
  const { url } = setup({
    mode: 'required',
    apiTokens: [token('one', 'send')],
    requestsPerMinute: 2,
  });
  const post = (path: string, body: string) =>
    fetch(url + path, {
      method: 'POST',
      headers: { Authorization: 'Bearer one', 'Content-Type': 'application/json' },
      body,
    });
  const malformed = await post('/messages', '{');
  expect(malformed.status).toBe(400);
  expect(malformed.headers.get('ratelimit')).toStartWith('"client";r=1;');
  const forbidden = await post('/replay', '{}');
  expect(forbidden.status).toBe(403);
  expect(forbidden.headers.get('ratelimit')).toStartWith('"client";r=0;');
  const refused = await post('/messages', '{');
  expect(refused.status).toBe(429);
  expect(refused.headers.has('retry-after')).toBe(true);
});

test('without credentials, and at the feed, nobody is counted', async () => {
  const { url, push } = setup({ requestsPerMinute: 1 });
  for (let n = 0; n < 3; n += 1) {
    const response = await fetch(`${url}/messages`);
    expect(response.status).toBe(200);
    expect(response.headers.has('ratelimit')).toBe(false);
    expect((await push('<feed')).status).toBe(400);
  }
});

test('the next page of a list is a link, with the filter kept', async () => {
  const { url, store } = setup();
  const sent = { subject: 'Refill', body: 'May I?', receivingPoolId: '2000001' };
  for (const icn of ['1012345678V123456', '1012345678V123456', '1000104729V004321']) {
    await store.acceptSend({ ...sent, icn });
  }
  const list = (target: string) => fetch(url + target);
  const first = await list('/messages?limit=1&icn=1012345678V123456');
  const link = /^<(\/messages\?[^>]+)>; rel="next"$/.exec(first.headers.get('link') ?? '')?.[1];
  const second = await list(link ?? '');
  const [one, other] = await Promise.all(
    [first, second].map(async (page) => (await page.json()) as { messages: { id: string }[] }),
  );
  expect(one?.messages).toHaveLength(1);
  expect(other?.messages).toHaveLength(1);
  expect(one?.messages[0]?.id).not.toBe(other?.messages[0]?.id ?? '');
  expect(second.headers.has('link')).toBe(false);
});

test('when telling of a fault fails too, the answer is still a problem document, and tells nothing', async () => {
  const broken = () => {
    throw new TypeError('ZZSECRET at /src/somewhere.ts');
  };
  const { direct } = setup({}, 1000, (store) => ({
    store: { ...store, list: broken },
    log: Object.assign(pino({ level: 'silent' }), { error: broken }),
  }));
  const response = await fetch(`${direct}/messages`);
  expect(response.status).toBe(500);
  expect(response.headers.get('x-content-type-options')).toBe('nosniff');
  const text = await response.text();
  expect(JSON.parse(text)).toMatchObject({ status: 500, detail: 'Internal error.' });
  expect(text).not.toContain('ZZSECRET');
});

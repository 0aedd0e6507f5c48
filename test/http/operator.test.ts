import { expect, test } from 'bun:test';
import { type Site, setup, token } from './setup.ts';

const message = {
  icn: '1012345678V123456',
  subject: 'Refill question',
  body: 'May I have a refill?',
  receivingPoolId: '2000001',
};
const denied = { kind: 'rejected', code: 'oh:recipient-denied', reason: 'No.' } as const;

function post(site: Site, path: string, body?: unknown, headers: Record<string, string> = {}) {
  return fetch(site.url + path, {
    method: 'POST',
    headers: { ...(body === undefined ? {} : { 'Content-Type': 'application/json' }), ...headers },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
}

async function deadSend(site: Site, changes: object = {}): Promise<string> {
  const { id } = (await (await site.send({ ...message, ...changes })).json()) as { id: string };
  const lane = { stage: 'inbox', direction: 'mhv-to-oh' } as const;
  for (const claimed of await site.store.claim(lane, 1)) {
    await site.store.settle(claimed, { state: 'dead', outcome: denied });
  }
  return id;
}

async function problemOf(response: Response) {
  const {
    status,
    type,
    errors = [],
  } = (await response.json()) as {
    status: number;
    type: string;
    errors?: { pointer: string }[];
  };
  return { status, code: type.split(':').at(-1), pointers: errors.map(({ pointer }) => pointer) };
}

test.each([
  ['who asks', { actor: 'ann' }, 'ann'],
  ['an empty object', {}, 'api'],
  ['no body', undefined, 'api'],
])(
  'a retry with %s is accepted, with the message and the place to look for it',
  async (_, body, actor) => {
    const site = setup();
    const id = await deadSend(site);
    const response = await post(site, `/messages/${id}/retry`, body);
    expect(response.status).toBe(202);
    expect(response.headers.get('location')).toBe(`/messages/${id}`);
    expect(await response.json()).toMatchObject({
      id,
      status: 'IN_PROGRESS',
      stage: 'inbox',
      events: [{ event: 'replayed', actor, stage: 'inbox' }],
    });
  },
);

test('a retry of nothing is 404, of a message in hand 409, and a surprise in its body 422', async () => {
  const site = setup();
  expect((await post(site, '/messages/nope/retry', {})).status).toBe(404);
  const id = await deadSend(site);
  expect(await problemOf(await post(site, `/messages/${id}/retry`, { who: 'ann' }))).toEqual({
    status: 422,
    code: 'invalid',
    pointers: ['/who'],
  });
  await post(site, `/messages/${id}/retry`);
  await site.store.claim({ stage: 'inbox', direction: 'mhv-to-oh' }, 1);
  expect(await problemOf(await post(site, `/messages/${id}/retry`))).toMatchObject({
    status: 409,
    code: 'conflict',
  });
});

test('a dead message is dismissed with a name and a reason, and stays INVALID', async () => {
  const site = setup();
  const id = await deadSend(site);
  const path = `/messages/${id}/dismiss`;
  expect((await problemOf(await post(site, path, { actor: ' ' }))).pointers.toSorted()).toEqual([
    '/actor',
    '/reason',
  ]);
  const response = await post(site, path, { actor: 'ann', reason: 'Told by phone.' });
  expect(response.status).toBe(200);
  expect(await response.json()).toMatchObject({
    status: 'INVALID',
    events: [{ event: 'dismissed', actor: 'ann', detail: 'Told by phone.' }],
  });
  expect(site.query('SELECT * FROM stuck')).toEqual([]);
  expect((await post(site, path, { actor: 'ann', reason: 'Again.' })).status).toBe(409);
});

test('a replay only counts unless it is told to run', async () => {
  const site = setup();
  await deadSend(site);
  await deadSend(site, { receivingPoolId: '2000002' });
  const filter = { errorCode: 'oh:recipient-denied', receivingPoolId: 2000002 };
  const dryRun = await post(site, '/replay', { filter });
  expect(dryRun.status).toBe(200);
  expect(await dryRun.json()).toEqual({ matching: 1, byErrorCode: { 'oh:recipient-denied': 1 } });
  expect(site.query("SELECT id FROM inbox WHERE state = 'pending'")).toEqual([]);
  const replay = await post(site, '/replay', { filter, dryRun: false, actor: 'ann' });
  expect(replay.status).toBe(202);
  expect(await replay.json()).toEqual({ replayed: 1 });
  expect(site.query('SELECT actor FROM events')).toEqual([{ actor: 'ann' }]);
});

test('everything that was given up is replayed only when all is said', async () => {
  const site = setup();
  await deadSend(site);
  for (const body of [{}, { filter: {} }, { filter: {}, all: false }]) {
    expect(await problemOf(await post(site, '/replay', body))).toMatchObject({
      status: 422,
      pointers: ['/filter'],
    });
  }
  const all = await post(site, '/replay', { all: true, dryRun: false });
  expect(await all.json()).toEqual({ replayed: 1 });
});

test.each([
  ['/filter/colour', { filter: { colour: 'red' } }],
  ['/surprise', { all: true, surprise: 1 }],
  ['/filter/status', { filter: { status: 'LOST' } }],
  ['/filter/since', { filter: { status: 'SENT' } }],
  ['/filter/since', { filter: { since: 'yesterday' } }],
  ['/filter/until', { filter: { until: '2025-13-41T00:00:00Z' } }],
  ['/filter/httpStatusClass', { filter: { httpStatusClass: '3xx' } }],
  ['/limit', { all: true, limit: 5001 }],
  ['/ratePerSecond', { all: true, ratePerSecond: 0 }],
  ['/dryRun', { all: true, dryRun: 'no' }],
])('a replay with a bad %s is refused, naming it', async (pointer, body) => {
  const site = setup();
  expect(await problemOf(await post(site, '/replay', body))).toEqual({
    status: 422,
    code: 'invalid',
    pointers: [pointer],
  });
});

test('every route of the operator wants a bearer token where it is required', async () => {
  const site = setup({ mode: 'required', apiTokens: [token('api-1')] });
  const dismissal = { actor: 'ann', reason: 'x' };
  for (const response of [
    await post(site, '/messages/m/retry', {}),
    await post(site, '/messages/m/dismiss', dismissal),
    await post(site, '/replay', { all: true }),
    await post(site, '/quarantine/q/replay', {}),
    await fetch(`${site.url}/quarantine`),
    await fetch(`${site.url}/quarantine/q`),
    await fetch(`${site.url}/quarantine/q/body`),
  ]) {
    expect(response.status).toBe(401);
  }
  const bearer = { Authorization: 'Bearer api-1' };
  expect((await post(site, '/messages/m/retry', {}, bearer)).status).toBe(404);
});

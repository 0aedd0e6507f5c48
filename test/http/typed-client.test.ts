/** The API by the client that Eden derives from its types: a shape that changes breaks these by type. */
import { expect, test } from 'bun:test';
import { treaty } from '@elysiajs/eden';
import type { createApp } from '../../src/http/app.ts';
import { setup, token } from './setup.ts';

type App = ReturnType<typeof createApp>;

const ICN = '1012345678V123456';
const message = { icn: ICN, subject: 'Refill', body: 'May I?', receivingPoolId: '2000001' };

function site() {
  const made = setup({
    mode: 'required',
    apiTokens: [token('all', 'admin')],
    feedTokens: ['feed'],
  });
  const client = treaty<App>(made.url, { headers: { authorization: 'Bearer all' } });
  return { ...made, client };
}

test('a message is sent, found, and listed', async () => {
  const { client } = site();
  const sent = await client.messages.post({ ...message, mhvMessageId: 655570 });
  expect(sent.status).toBe(202);
  const id = sent.data?.id ?? '';
  const found = await client.messages({ id }).get();
  expect(found.data).toMatchObject({ id, status: 'IN_PROGRESS', mhvMessageId: '655570' });
  const listed = await client.messages.get({ query: { icn: ICN, status: 'IN_PROGRESS' } });
  expect(listed.data?.messages.map((one) => one.id)).toEqual([id]);
});

test('the same key for another message is refused in words', async () => {
  const { client } = site();
  const headers = { 'idempotency-key': 'k-1' };
  await client.messages.post(message, { headers });
  const again = await client.messages.post({ ...message, subject: 'Other' }, { headers });
  expect(again.error?.status).toBe(422);
  expect(again.error?.value).toMatchObject({
    type: 'urn:sm-exchange:problem:idempotency-key-reused',
  });
});

test('a message that was given up is dismissed, and then it cannot be again', async () => {
  const { client, store } = site();
  const { data } = await client.messages.post(message);
  const [claimed] = await store.claim({ stage: 'inbox', direction: 'mhv-to-oh' }, 1);
  if (!claimed || !data) throw new Error('nothing to claim');
  const outcome = { kind: 'rejected', code: 'oh:recipient-denied', reason: 'No.' } as const;
  await store.settle(claimed, { state: 'dead', outcome });
  const dismissal = { actor: 'ann', reason: 'By telephone.' };
  const dismissed = await client.messages({ id: data.id }).dismiss.post(dismissal);
  expect(dismissed.data?.events.map(({ event, actor }) => [event, actor])).toEqual([
    ['dismissed', 'environment:1 (ann)'],
  ]);
  const again = await client.messages({ id: data.id }).dismiss.post(dismissal);
  expect(again.status).toBe(409);
});

test('a replay counts before it runs', async () => {
  const { client } = site();
  const counted = await client.replay.post({ filter: { errorCode: 'mhv:503' } });
  expect(counted.data).toEqual({ matching: 0, byErrorCode: {} });
});

test('a session is asked for and looked at', async () => {
  const { client } = site();
  expect((await client.sessions.post({ icn: ICN })).data).toMatchObject({
    status: 'IN_PROGRESS',
    syncComplete: false,
  });
  const session = await client.sessions({ icn: ICN }).get();
  expect(session.data?.events.map(({ event }) => event)).toEqual(['asked']);
});

test('a pool is named, and its name is found on a page', async () => {
  const { client } = site();
  const names = [{ name: 'ZZTEST Eye', stationNumber: '668', preferred: true }];
  expect((await client.directory({ ohPoolId: '2000010' }).put({ names })).status).toBe(200);
  const page = await client.directory.get({ query: { limit: '1' } });
  expect(page.data?.groups).toMatchObject([{ ohPoolId: '2000010', name: 'ZZTEST Eye' }]);
});

test('a document that was broken is listed and seen', async () => {
  const { client, push } = site();
  await push('<feed xmlns="http://www.w3.org/2005/Atom"><entry></feed>', {
    Authorization: 'Bearer feed',
  });
  const { data } = await client.quarantine.get({ query: {} });
  const [document] = data?.documents ?? [];
  expect(document?.scope).toBe('document');
  const seen = await client.quarantine({ id: document?.id ?? '' }).get();
  expect(seen.data?.faults).toMatchObject([{ line: 1 }]);
});

test('a destination is paused and resumed', async () => {
  const { client } = setupWithDestination();
  const paused = await client.destinations({ destination: 'oh-to-mhv' }).pause.post(BY);
  expect(paused.data).toMatchObject({ destination: 'oh-to-mhv', state: 'closed' });
  expect((await client.destinations({ destination: 'nowhere' }).pause.post(BY)).status).toBe(404);
});

const BY = { actor: 'on-call@example.test' };

function setupWithDestination() {
  const well = { state: 'closed', failuresInARow: 0, inHand: 0 } as const;
  const { url } = setup({}, 1000, {
    destinations: {
      list: async () => [{ destination: 'oh-to-mhv', ...well, translation: well }],
      pause: async () => {},
      resume: async () => {},
    },
  });
  return { client: treaty<App>(url) };
}

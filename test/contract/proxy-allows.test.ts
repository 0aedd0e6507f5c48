/** What a contract allows, the proxy lets pass without a word. */
import { expect, test } from 'bun:test';
import { createMhvSessions } from '../../src/mhv/session.ts';
import { context } from '../oh/loopback.ts';
import { NOW } from './setup.ts';
import { before, violationsOf } from './stub.ts';

const MHV = '/v1/sm/patient';
const INBOX = '/messaging/demo/service/demo/patients/1000001/inbox/messages';
const list = () => Response.json({ messages: [] });

test('lists with a blank after each comma, as their published default is written', async () => {
  const query = '?statuses=UNREAD,%20OPEN,%20ONHOLD&types=MESSAGE,%20REMINDER';
  expect(await violationsOf('messaging', list, INBOX + query)).toEqual([]);
});

test('a list of ids with encoded colons in one segment', async () => {
  const answer = () => Response.json({ messagesById: {} });
  const path = `${INBOX}/3000000005%3A-6%3A0%3A0,3000000006%3A-6%3A0%3A0?loadReferences=true`;
  expect(await violationsOf('messaging', answer, path)).toEqual([]);
});

test('an error with any body where none is described, and with none where one is', async () => {
  const html = { status: 400, headers: { 'Content-Type': 'text/html' } };
  expect(await violationsOf('messaging', () => new Response('<p>', html), INBOX)).toEqual([]);
  const empty = () => new Response(null, { status: 400 });
  expect(await violationsOf('mhv', empty, `${MHV}/message/1/status`)).toEqual([]);
});

test('a status that the test injects', async () => {
  await using run = await before('messaging', () => new Response('busy', { status: 429 }));
  run.proxy.inject(429);
  await fetch(run.proxy.origin + INBOX, { headers: { Authorization: 'Bearer zztest' } });
  expect(run.proxy.violations).toEqual([]);
  expect(
    run.proxy.exchanges.map(({ operation, response }) => [operation, response?.status]),
  ).toEqual([['listInboxMessages', 429]]);
});

test('ids beyond 2^53, digit by digit from the client to the server and back', async () => {
  const large = '9007199254740993';
  const session = { Token: 'zztest', Expires: 'Sun, 15 Jun 2025 13:00:00 GMT' };
  const inJson = { headers: { 'Content-Type': 'application/json' } };
  await using run = await before('mhv', ({ path }) =>
    path.endsWith('/session')
      ? new Response(null, { headers: session })
      : new Response(`{"id":${large},"isOhMessage":true}`, inJson),
  );
  const { proxy, server } = run;
  const options = { appToken: 'a', apiKey: 'k', timeoutMs: 2000, now: () => NOW };
  const sessionOf = createMhvSessions({ ...options, baseUrl: proxy.origin + MHV });
  const message = { subject: 'ZZTEST', category: 'OTHER', recipientId: large, body: 'b' };
  expect((await sessionOf('1').create(message, context)).id).toBe(large);
  expect(server.seen.at(-1)?.body).toContain(`"recipientId":${large}`);
  expect(proxy.violations).toEqual([]);
});

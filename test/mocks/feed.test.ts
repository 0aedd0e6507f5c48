import { afterEach, beforeEach, expect, test } from 'bun:test';
import { createHmac } from 'node:crypto';
import { XMLParser, XMLValidator } from 'fast-xml-parser';
import { type Setup, setup } from './setup.ts';

interface Received {
  body: string;
  headers: Headers;
}

let mocks: Setup;
let webhook: ReturnType<typeof Bun.serve>;
let received: Received[];
let answers: number[];
let arrived: { resolve: () => void; atLeast: number } | undefined;

beforeEach(async () => {
  received = [];
  answers = [];
  mocks = await setup({ feedWaitsMs: [5, 10, 20] });
  webhook = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    async fetch(request) {
      const challenge = new URL(request.url).searchParams.get('hub.challenge');
      if (request.method === 'GET') return new Response(challenge);
      received.push({ body: await request.text(), headers: request.headers });
      if (arrived !== undefined && received.length >= arrived.atLeast) arrived.resolve();
      return new Response('seen', { status: answers.shift() ?? 202 });
    },
  });
  const body = { url: `http://127.0.0.1:${webhook.port}/oh/feed`, verify: true };
  await mocks.control(mocks.origins.feed, 'POST', 'subscribe', body);
});

afterEach(async () => {
  await mocks.stop();
  await webhook.stop(true);
});

async function pushes(atLeast: number): Promise<void> {
  if (received.length >= atLeast) return;
  await new Promise<void>((resolve) => {
    arrived = { resolve, atLeast };
  });
}

async function write(letter: object = {}): Promise<string> {
  const body = { patientId: '1000001', subject: 'ZZTEST <&"\u0001> news', body: 'x', ...letter };
  const { ohMessageId } = await mocks.control<{ ohMessageId: string }>(
    mocks.origins.messaging,
    'POST',
    'inbox',
    body,
  );
  return ohMessageId;
}

test('a new message is pushed as a signed, well-formed Atom document', async () => {
  const first = await write();
  const second = await write({ previousMessageId: first });
  await pushes(2);
  const push = received.find((one) => one.body.includes(`message:${second}<`));
  const body = push?.body ?? '';
  expect(XMLValidator.validate(body)).toBe(true);
  expect(push?.headers.get('content-type')).toBe('application/atom+xml');
  const hex = createHmac('sha256', mocks.variable('FEED_SECRET')).update(body).digest('hex');
  expect(push?.headers.get('x-hub-signature')).toBe(`sha256=${hex}`);
  const parser = new XMLParser({ ignoreAttributes: false, attributeNamePrefix: '' });
  const { feed } = parser.parse(body) as { feed: { entry: Record<string, unknown> } };
  expect(feed.entry).toMatchObject({
    id: `urn:example:oh:message:${second}`,
    title: 'ZZTEST <&"> news',
    'thr:in-reply-to': { ref: `urn:example:oh:message:${first}` },
    'oh:patient': { id: '1000001' },
    link: {
      rel: 'alternate',
      href: `${mocks.variable('OH_MESSAGING_BASE_URL')}/demo/patients/1000001/inbox/messages/${encodeURIComponent(second)}`,
    },
  });
});

test('a push that is not taken is tried again with growing waits, then given up', async () => {
  answers = [503, 302, 202];
  await write();
  await pushes(3);
  expect(new Set(received.map((one) => one.body)).size).toBe(1);
  answers = [500, 500, 500, 500, 500];
  received = [];
  await write();
  await pushes(4);
  type Pushes = { delivered: boolean; tries: { status: number }[] }[];
  const listed = await mocks.control<Pushes>(mocks.origins.feed, 'GET', 'pushes');
  expect(listed[0]?.tries.map((one) => one.status)).toEqual([503, 302, 202]);
  expect(listed[0]?.delivered).toBe(true);
  expect(listed[1]?.delivered).toBe(false);
});

test('410 ends the subscription, and an unannounced message is not pushed', async () => {
  await write({ announce: false });
  answers = [410];
  await write();
  await pushes(1);
  type Pushes = { tries: { status: number }[] }[];
  let listed: Pushes = [];
  while (listed[0]?.tries[0]?.status !== 410) {
    listed = await mocks.control<Pushes>(mocks.origins.feed, 'GET', 'pushes');
  }
  await write();
  const answer = await mocks.control(mocks.origins.feed, 'POST', 'push', { body: '<x/>' });
  expect(answer).toEqual({ status: 0, body: '' });
  expect(received).toHaveLength(1);
});

test('the door pushes anything once and gives the answer', async () => {
  answers = [400];
  const raw = { body: '<broken', contentType: 'text/xml', headers: { 'x-a': 'b' }, sign: false };
  expect(await mocks.control(mocks.origins.feed, 'POST', 'push', raw)).toEqual({
    status: 400,
    body: 'seen',
  });
  expect(received[0]?.body).toBe('<broken');
  expect(received[0]?.headers.get('x-a')).toBe('b');
  expect(received[0]?.headers.get('x-hub-signature')).toBeNull();
  const known = await write({ announce: false });
  const entries = [
    known,
    { ohMessageId: '9:-6:0:0', ohPatientId: '1000002', title: 'made up' },
    known,
  ];
  await mocks.control(mocks.origins.feed, 'POST', 'push', { entries, batch: 2 });
  expect(received.slice(1).map((one) => one.body.split('<entry>').length - 1)).toEqual([2, 1]);
  await mocks.control(mocks.origins.feed, 'POST', 'repush', { ohMessageId: known });
  expect(received.at(-1)?.body).toContain(known);
});

test('archives go back from the current feed to the oldest page', async () => {
  await mocks.control(mocks.origins.feed, 'POST', 'seed', { patients: 5, messagesPerPatient: 60 });
  const announced = mocks.world.mailbox.announced.length;
  let url: string | undefined = `${mocks.origins.feed}/feeds/messages`;
  let pages = 0;
  let entries = 0;
  while (url !== undefined) {
    const text: string = await (await fetch(url)).text();
    expect(text.includes('<fh:archive/>')).toBe(pages > 0);
    entries += text.split('<entry>').length - 1;
    pages++;
    url = /rel="prev-archive" href="([^"]+)"/.exec(text)?.[1];
  }
  expect(entries).toBe(announced);
  expect(pages).toBe(Math.floor(announced / 50) + 1);
  expect((await fetch(`${mocks.origins.feed}/feeds/messages/archive/0`)).status).toBe(404);
});

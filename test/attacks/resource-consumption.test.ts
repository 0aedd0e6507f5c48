/** API4:2023 Unrestricted Resource Consumption: what is large, deep, slow or endless. */
import { expect, test } from 'bun:test';
import { connect } from 'node:net';
import { FEED_TOKEN, type Fort, fort, letter, NO_ID, START, tokenOf } from './setup.ts';

const MIB = 1024 * 1024;
const ATOM = { 'Content-Type': 'application/atom+xml' };
/** Far more than any answer takes, far less than backtracking would. */
const SOON_MS = 5000;

const push = ({ ask }: Fort, body: RequestInit['body'], headers: Record<string, string> = {}) =>
  ask('POST', '/oh/feed', { as: FEED_TOKEN, headers: { ...ATOM, ...headers }, body });

const feed = (inside: string) =>
  `<feed xmlns="http://www.w3.org/2005/Atom"><id>urn:zztest</id><title>t</title><updated>2025-10-08T14:15:40Z</updated>${inside}</feed>`;

/** Whoever else asks is answered meanwhile. */
async function isWell({ ask }: Fort): Promise<boolean> {
  return (await ask('GET', '/health/ready')).ok;
}

test.each([
  [
    'a gzip bomb',
    () => Bun.gzipSync(new Uint8Array(200 * MIB)),
    { 'Content-Encoding': 'gzip' },
    413,
  ],
  [
    'a bomb in a bomb',
    () => Bun.gzipSync(Bun.gzipSync(new Uint8Array(200 * MIB))),
    { 'Content-Encoding': 'gzip' },
    400,
  ],
  ['a document of 6 MiB', () => new Uint8Array(6 * MIB).fill(32), {}, 413],
  ['100,000 elements within each other', () => feed('<a>'.repeat(100_000)), {}, 413],
  ['200,000 elements', () => feed('<a/>'.repeat(200_000)), {}, 413],
  ['2,000 entries', () => feed('<entry/>'.repeat(2000)), {}, 413],
  [
    '1,000 attributes',
    () => feed(`<a ${Array.from({ length: 1000 }, (_, n) => `x${n}="1"`).join(' ')}/>`),
    {},
    413,
  ],
  ['an attribute of 4 MiB', () => feed(`<a x="${'y'.repeat(4 * MIB)}"/>`), {}, 202],
  [
    'a billion laughs',
    () =>
      `<!DOCTYPE feed [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]>${feed('<summary>&b;</summary>')}`,
    {},
    400,
  ],
  [
    'an entity that names a file',
    () =>
      `<!DOCTYPE feed [<!ENTITY f SYSTEM "file:///etc/passwd">]>${feed('<summary>&f;</summary>')}`,
    {},
    400,
  ],
  ['600,000 references', () => feed(`<summary>${'&amp;'.repeat(600_000)}</summary>`), {}, 413],
  ['an end that never comes', () => feed('<![CDATA['.repeat(200_000)), {}, 400],
  ['a comment that never ends', () => feed(`<!--${'-'.repeat(4 * MIB)}`), {}, 400],
  ['a name of 4 MiB', () => feed(`<${'a'.repeat(4 * MIB)}/>`), {}, 202],
  ['blanks in a tag', () => feed(`<a${' '.repeat(4 * MIB)}`), {}, 400],
  ['a coding that nobody named', () => 'x', { 'Content-Encoding': 'br' }, 415],
] as [string, () => string | Uint8Array<ArrayBuffer>, Record<string, string>, number][])(
  'the feed refuses, or reads, %s at once',
  async (_what, body, headers, status) => {
    const site = await fort();
    const made = body();
    const began = performance.now();
    const answer = await push(site, made, headers);
    expect(performance.now() - began).toBeLessThan(SOON_MS);
    expect(answer.status).toBe(status);
    expect(await isWell(site)).toBe(true);
    expect(await answer.text()).not.toContain('root:');
  },
);

test.each([
  ['37 MiB', () => new Uint8Array(37 * MIB).fill(32), 413],
  ['five million brackets', () => '['.repeat(5_000_000), 400],
  ['100,000 arrays within each other', () => `{"icn":${'['.repeat(1e5)}${']'.repeat(1e5)}}`, 400],
  ['33 objects within each other', () => `${'{"a":'.repeat(33)}1${'}'.repeat(33)}`, 400],
  ['200,000 fields', () => `{${Array.from({ length: 2e5 }, (_, n) => `"k${n}":1`).join()}}`, 422],
  ['a number of 5 MiB', () => `{"icn":${'9'.repeat(5 * MIB)}}`, 422],
  ['an ICN of 5 MiB', () => JSON.stringify(letter('1'.repeat(5 * MIB))), 422],
  ['a subject of 5 MiB', () => JSON.stringify(letter('', { subject: ' '.repeat(5 * MIB) })), 422],
  [
    'a body of 100,001 characters',
    () => JSON.stringify(letter('', { body: 'x'.repeat(100_001) })),
    422,
  ],
  [
    '1,000 files',
    () =>
      JSON.stringify(
        letter('', { attachments: Array.from({ length: 1000 }, () => ({ name: 'a', x: 1 })) }),
      ),
    422,
  ],
  ['no JSON at all', () => '{"icn": "1012345678V123456", ', 400],
] as [string, () => string | Uint8Array<ArrayBuffer>, number][])(
  'a send of %s is refused at once',
  async (_what, body, status) => {
    const site = await fort();
    const made = body();
    const began = performance.now();
    const headers = { 'Content-Type': 'application/json' };
    const answer = await site.ask('POST', '/messages', {
      as: tokenOf('send'),
      headers,
      body: made,
    });
    expect(performance.now() - began).toBeLessThan(SOON_MS);
    expect(answer.status).toBe(status);
    expect(answer.headers.get('content-type')).toBe('application/problem+json');
    // However much is wrong, the answer is short.
    expect((await answer.text()).length).toBeLessThan(50_000);
    expect(await isWell(site)).toBe(true);
  },
);

/** Strings for which a careless pattern tries every way of taking them apart. */
const TANGLED = [
  'a'.repeat(50_000),
  `${'a'.repeat(50_000)}!`,
  `${' '.repeat(50_000)}x`,
  `${'1'.repeat(50_000)}V`,
  `${'=='.repeat(25_000)}-`,
  `${'\t'.repeat(50_000)}\u0000`,
  `${'<'.repeat(25_000)}${'>'.repeat(25_000)}`,
];

test.each(TANGLED)('a pattern takes a tangled string apart in no time', async (tangled) => {
  const site = await fort();
  const { ask, patient } = site;
  const began = performance.now();
  const changes = { body: tangled, cernerId: tangled, inReplyToOhMessageId: tangled };
  await ask('POST', '/messages', { as: tokenOf('send'), json: letter(tangled, changes) });
  await ask('POST', '/messages', {
    as: tokenOf('send'),
    json: letter(patient(1).icn, { body: tangled }),
  });
  await ask('POST', '/replay', {
    as: tokenOf('operate'),
    json: { filter: { errorCode: tangled } },
  });
  const safe = encodeURIComponent(tangled.slice(0, 4000));
  await ask('GET', `/messages/${safe}`, { as: tokenOf('read') });
  await ask('GET', `/console/login?next=${safe}`);
  await push(site, feed(`<entry><id>${safe}</id><updated>${safe}</updated></entry>`));
  await ask('GET', '/messages', { headers: { Authorization: `Bearer ${safe}`, Cookie: safe } });
  await site.drain();
  expect(performance.now() - began).toBeLessThan(SOON_MS);
  expect(await isWell(site)).toBe(true);
});

test('a page of a list has a bound that nobody can lift', async () => {
  const { ask } = await fort();
  const as = tokenOf('admin');
  for (const list of ['messages', 'quarantine', 'directory']) {
    for (const limit of ['0', '-1', '201', '1e9', '99999999999999999999', 'all', '%00']) {
      const { status } = await ask('GET', `/${list}?limit=${limit}`, { as });
      expect([list, limit, status]).toEqual([list, limit, 422]);
    }
  }
  const json = { all: true, dryRun: false, limit: 1_000_000 };
  expect((await ask('POST', '/replay', { as, json })).status).toBe(422);
});

test('a hundred clients that send their requests a byte now and then keep nobody out', async () => {
  const site = await fort();
  const { hostname, port } = new URL(site.url);
  const sockets = await Promise.all(
    Array.from({ length: 100 }, async (_, n) => {
      const socket = connect(Number(port), hostname);
      await new Promise((resolve) => socket.once('connect', resolve));
      socket.on('error', () => {});
      const head = `POST /messages HTTP/1.1\r\nHost: zztest\r\nAuthorization: Bearer ${tokenOf('send')}\r\n`;
      socket.write(
        n % 2 === 0 ? 'GET / HTTP/1.1\r\nX-Slow: ' : `${head}Content-Length: 100\r\n\r\n{`,
      );
      return socket;
    }),
  );
  for (let n = 0; n < 20; n += 1) {
    for (const socket of sockets) socket.write('a');
    expect(await isWell(site)).toBe(true);
    expect((await site.ask('GET', '/messages', { as: tokenOf('read') })).status).toBe(200);
  }
  for (const socket of sockets) socket.destroy();
  expect((await site.exchange.store.list({}, { limit: 1 })).messages).toEqual([]);
});

test('one caller has so many requests a minute, and the next caller has theirs', async () => {
  const site = await fort({ API_REQUESTS_PER_MINUTE: '20' });
  const statuses: number[] = [];
  for (let n = 0; n < 25; n += 1) {
    statuses.push((await site.ask('GET', '/messages', { as: tokenOf('read') })).status);
  }
  expect(statuses.filter((status) => status === 200).length).toBe(20);
  const refused = await site.ask('GET', '/messages', { as: tokenOf('read') });
  expect([refused.status, refused.headers.get('retry-after')]).toEqual([429, '60']);
  expect((await site.ask('GET', '/messages', { as: tokenOf('admin') })).status).toBe(200);
  site.clock.now = START + 60_000;
  expect((await site.ask('GET', '/messages', { as: tokenOf('read') })).status).toBe(200);
});

test('a full backlog is answered 503 and when to come again, and nothing is lost of what was taken', async () => {
  const site = await fort({ MAX_BACKLOG: '3' });
  const statuses: number[] = [];
  for (let n = 0; n < 6; n += 1) {
    const json = letter(site.patient(1).icn);
    const answer = await site.ask('POST', '/messages', { as: tokenOf('send'), json });
    site.clock.now += 1000;
    statuses.push(answer.status);
    if (answer.status === 503) expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
  }
  expect(new Set(statuses)).toEqual(new Set([202, 503]));
  const taken = statuses.filter((status) => status === 202).length;
  expect((await site.exchange.store.list({}, { limit: 10 })).messages.length).toBe(taken);
});

/** A body that goes on until nobody reads it, and how much of it was read. */
function endless() {
  const block = new Uint8Array(64 * 1024).fill(32);
  const read = { bytes: 0 };
  const body = new ReadableStream({
    async pull(controller) {
      await Bun.sleep(0);
      read.bytes += block.length;
      controller.enqueue(block);
    },
  });
  return { body, read };
}

test('a push that never says how long it is is read no further than a document may be long', async () => {
  const site = await fort();
  const { body, read } = endless();
  const answer = await push(site, body);
  expect(answer.status).toBe(413);
  expect(read.bytes).toBeLessThan(40 * MIB);
  expect(await isWell(site)).toBe(true);
});

test.each([
  ['/messages', 'send', 'application/json'],
  ['/replay', 'operate', 'text/plain'],
  [`/messages/${NO_ID}/retry`, 'operate', 'application/json'],
  [`/quarantine/${NO_ID}/replay`, 'operate', 'application/atom+xml'],
] as const)('nor is a request to %s', async (path, scope, type) => {
  const site = await fort();
  const { body, read } = endless();
  const headers = { 'Content-Type': type };
  const answer = await site.ask('POST', path, { as: tokenOf(scope), headers, body });
  expect(answer.status).toBe(413);
  expect(answer.headers.get('content-type')).toBe('application/problem+json');
  expect(read.bytes).toBeLessThan(60 * MIB);
  expect(await isWell(site)).toBe(true);
});

test('a send that does not say how long it is is taken like any other, and so is what is wrong with it', async () => {
  const site = await fort();
  const headers = { 'Content-Type': 'application/json' };
  const chunked = (text: string) =>
    site.ask('POST', '/messages', {
      as: tokenOf('send'),
      headers,
      body: new Blob([text]).stream().pipeThrough(new TransformStream()),
    });
  expect((await chunked(JSON.stringify(letter(site.patient(1).icn)))).status).toBe(202);
  expect((await chunked(JSON.stringify(letter('1')))).status).toBe(422);
  expect((await chunked(JSON.stringify([letter('1')]))).status).toBe(422);
  expect((await chunked('{"icn":')).status).toBe(400);
  expect((await chunked('')).status).toBe(400);
});

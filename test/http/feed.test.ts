import { expect, test } from 'bun:test';
import { createHmac } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { entryXml, feedXml, setup } from './setup.ts';

async function problemOf(response: Response) {
  expect(response.headers.get('content-type')).toBe('application/problem+json');
  return (await response.json()) as Record<string, unknown>;
}

test('a feed is accepted after it is on disk, each entry once', async () => {
  const site = setup();
  const response = await site.push(feedXml(entryXml(1), entryXml(2)));
  expect(response.status).toBe(202);
  expect(await response.json()).toEqual({ accepted: 2, duplicates: 0, rejected: 0 });
  expect(site.query('SELECT oh_message_id FROM inbox ORDER BY seq')).toEqual([
    { oh_message_id: '3000000001:-6:0:0' },
    { oh_message_id: '3000000002:-6:0:0' },
  ]);
});

test('a single entry is a document too, and the same entry again is a duplicate', async () => {
  const site = setup();
  await site.push(entryXml(1));
  const again = await site.push(entryXml(1, { updated: '2025-10-08T16:15:40.000+02:00' }));
  expect(await again.json()).toEqual({ accepted: 0, duplicates: 1, rejected: 0 });
});

test('one bad entry goes to quarantine with its document and does not sink the others', async () => {
  const site = setup();
  const bad = entryXml(2).replace(/<updated>.*<\/updated>/, '');
  const elsewhere = entryXml(3, { href: 'http://other.invalid/messages/1' });
  const response = await site.push(feedXml(entryXml(1), bad, elsewhere));
  expect(response.status).toBe(202);
  expect(await response.json()).toEqual({ accepted: 1, duplicates: 0, rejected: 2 });
  const [row] = site.query<{ scope: string; faults: string }>(
    'SELECT scope, faults FROM quarantine',
  );
  expect(row?.scope).toBe('entries');
  expect(JSON.parse(row?.faults ?? '')).toMatchObject([
    { element: 'feed/entry[2]', line: expect.any(Number) },
    { element: 'feed/entry[3]' },
  ]);
});

test('a malformed document is refused with the line, and kept', async () => {
  const site = setup();
  const document = `<feed xmlns="http://www.w3.org/2005/Atom">\n<entry>\n</feed>`;
  const response = await site.push(document);
  expect(response.status).toBe(400);
  expect(await problemOf(response)).toMatchObject({
    type: 'urn:sm-exchange:problem:malformed',
    status: 400,
    line: 3,
  });
  const [row] = site.query<{ body: Buffer }>('SELECT body FROM quarantine');
  expect(row?.body.toString()).toBe(document);
});

test('the same malformed document pushed again and again is kept once', async () => {
  const site = setup();
  for (let pushes = 0; pushes < 3; pushes += 1) await site.push('<rss/>');
  expect(site.query('SELECT pushes FROM quarantine')).toEqual([{ pushes: 3 }]);
});

test('gzip is understood, bounded after unpacking, and refused when broken', async () => {
  const site = setup();
  const gzip = { 'Content-Encoding': 'gzip' };
  const good = await site.push(new Uint8Array(gzipSync(feedXml(entryXml(1)))), gzip);
  expect(good.status).toBe(202);
  const bomb = await site.push(new Uint8Array(gzipSync(Buffer.alloc(6 * 1024 * 1024))), gzip);
  expect(bomb.status).toBe(413);
  const broken = await site.push(new Uint8Array([0x1f, 0x8b, 1, 2, 3]), gzip);
  expect(broken.status).toBe(400);
});

test('what is too large or of another media type is refused', async () => {
  const site = setup();
  expect((await site.push('x'.repeat(5 * 1024 * 1024 + 1))).status).toBe(413);
  expect((await site.push('{}', { 'Content-Type': 'application/json' })).status).toBe(415);
  expect((await site.push('x', { 'Content-Encoding': 'br' })).status).toBe(415);
  expect((await site.push(entryXml(1), { 'Content-Type': 'text/xml' })).status).toBe(202);
});

test('with a secret only a right signature is accepted, whatever AUTH says', async () => {
  const site = setup({ feedSecret: 'zztest', mode: 'none' });
  const body = entryXml(1);
  const sign = (method: string, secret: string) => ({
    'X-Hub-Signature': `${method}=${createHmac(method, secret).update(body).digest('hex')}`,
  });
  expect((await site.push(body)).status).toBe(401);
  expect((await site.push(body, sign('sha256', 'wrong'))).status).toBe(401);
  expect((await site.push(body, sign('sha1', 'zztest'))).status).toBe(401);
  expect((await site.push(`${body} `, sign('sha256', 'zztest'))).status).toBe(401);
  expect(site.query('SELECT id FROM inbox')).toEqual([]);
  for (const method of ['sha256', 'sha384', 'sha512']) {
    expect((await site.push(body, sign(method, 'zztest'))).status).toBe(202);
  }
});

test('a bearer token is asked for where it is required', async () => {
  const site = setup({ mode: 'required', feedTokens: ['feed-1', 'feed-2'], apiTokens: ['api'] });
  expect((await site.push(entryXml(1))).status).toBe(401);
  expect((await site.push(entryXml(1), { Authorization: 'Bearer api' })).status).toBe(401);
  expect((await site.push(entryXml(1), { Authorization: 'Bearer feed-2' })).status).toBe(202);
});

test('a subscription is verified by echoing the challenge', async () => {
  const site = setup();
  const query = 'hub.mode=subscribe&hub.topic=urn%3Aexample&hub.challenge=a%20b%26c';
  const response = await fetch(`${site.url}/oh/feed?${query}`);
  expect(response.status).toBe(200);
  expect(await response.text()).toBe('a b&c');
});

import { expect, test } from 'bun:test';
import { createHmac, generateKeyPairSync } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { publicKeySet } from '../../src/oh/oauth2.ts';
import { entryXml, feedXml, START, setup, token } from './setup.ts';

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
  const site = setup({ feedSecrets: ['zztest'], mode: 'none' });
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
  const site = setup({
    mode: 'required',
    feedTokens: ['feed-1', 'feed-2'],
    apiTokens: [token('api')],
  });
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

test('Standard Webhooks: either of two keys will do, in time, over the bytes as sent', async () => {
  const old = `whsec_${Buffer.from('old key of the feed').toString('base64')}`;
  const site = setup({ feedSecrets: ['new-raw-key', old] });
  const body = new Uint8Array(gzipSync(entryXml(1)));
  const sign = (key: string | Buffer, at: number, id = 'msg_1') => {
    const timestamp = String(Math.floor(at / 1000));
    const mac = createHmac('sha256', key).update(`${id}.${timestamp}.`).update(body);
    return {
      'Content-Encoding': 'gzip',
      'webhook-id': id,
      'webhook-timestamp': timestamp,
      'webhook-signature': `v1a,AAAA v1,${mac.digest('base64')}`,
    };
  };
  expect((await site.push(body, sign('another key', START))).status).toBe(401);
  expect((await site.push(body, sign('new-raw-key', START - 6 * 60_000))).status).toBe(401);
  const moved = { ...sign('new-raw-key', START), 'webhook-id': 'msg_2' };
  expect((await site.push(body, moved)).status).toBe(401);
  expect((await site.push(body, sign('new-raw-key', START))).status).toBe(202);
  expect((await site.push(body, sign(Buffer.from('old key of the feed'), START))).status).toBe(202);
});

test('Basic credentials are accepted where they are configured', async () => {
  const site = setup({ mode: 'required', feedPasswords: ['oracle:health:1'] });
  const basic = (pair: string) => ({
    Authorization: `Basic ${Buffer.from(pair).toString('base64')}`,
  });
  expect((await site.push(entryXml(1), basic('oracle:health'))).status).toBe(401);
  expect((await site.push(entryXml(1), basic('oracle:health:1'))).status).toBe(202);
});

test("only our topic's subscription is confirmed when a topic is configured", async () => {
  const site = setup({}, 1000, { feedTopic: 'urn:ours' });
  const ask = (topic: string) =>
    fetch(`${site.url}/oh/feed?hub.mode=subscribe&hub.challenge=c&hub.topic=${topic}`);
  expect((await ask('urn:ours')).status).toBe(200);
  expect((await ask('urn:theirs')).status).toBe(404);
});

test('a tombstone is recorded and deletes nothing', async () => {
  const site = setup();
  const tombstone = `<at:deleted-entry xmlns:at="http://purl.org/atompub/tombstones/1.0"
    ref="urn:example:oh:message:3000000001:-6:0:0" when="2025-10-09T00:00:00Z"/>`;
  const response = await site.push(feedXml(entryXml(1), tombstone));
  expect(await response.json()).toEqual({ accepted: 1, duplicates: 0, rejected: 0 });
  expect(site.query('SELECT ref, deleted_at FROM tombstones')).toEqual([
    { ref: 'urn:example:oh:message:3000000001:-6:0:0', deleted_at: Date.UTC(2025, 9, 9) },
  ]);
  expect(site.query('SELECT state FROM inbox')).toEqual([{ state: 'pending' }]);
});

test('the public half of our signing key is served, and nothing more', async () => {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-384' });
  const privateKeyPem = privateKey.export({ type: 'pkcs8', format: 'pem' });
  const keySet = publicKeySet([{ privateKeyPem, keyId: 'k1' }]);
  const site = setup({}, 1000, { keySet });
  const served = (await (await fetch(`${site.url}/.well-known/jwks.json`)).json()) as {
    keys: Record<string, string>[];
  };
  expect(served.keys).toMatchObject([{ kid: 'k1', kty: 'EC', alg: 'ES384' }]);
  expect(served.keys[0]).not.toHaveProperty('d');
});

/** The one way to call another system: whom it calls, and whom it believes. */
import { expect, test } from 'bun:test';
import { type ClientTls, call, type Peer, peerAt, type UpstreamRequest } from '../src/upstream.ts';
import { authority, issued, serveTls } from './certificates.ts';
import { context, serve, verdictOf } from './oh/loopback.ts';

function ask(url: string, peer: Peer, changes: Partial<UpstreamRequest> = {}) {
  const request = { system: 'mhv', method: 'GET', timeoutMs: 1500, effect: 'write' } as const;
  return call({ ...request, url, peer, context, ...changes });
}

const askTls = (url: string, tls?: ClientTls) => ask(url, peerAt(url, tls));

test('nothing is sent to an origin that is not the peer’s, whoever named the URL', async () => {
  using other = serve(() => new Response('hello'));
  using own = serve(() => new Response('hello'));
  const headers = { Authorization: 'Bearer zztest' };
  for (const url of [
    `${other.url}/v1`,
    own.url.replace('127.0.0.1', 'localhost'),
    own.url.replace('http:', 'https:'),
    `${own.url.replace('127.0.0.1', '127.0.0.1@localhost')}/`,
    `${own.url}.example.test/`,
    'http://169.254.169.254/latest/meta-data/',
    'file:///etc/passwd',
    'data:text/plain,hello',
    '//127.0.0.1/',
    '',
  ]) {
    expect(await verdictOf(ask(url, peerAt(own.url), { headers }))).toMatchObject({
      kind: 'retry',
      code: 'mhv:origin-not-configured',
    });
  }
  expect([...other.seen, ...own.seen]).toEqual([]);
  expect((await ask(`${own.url}/v1`, peerAt(own.url))).text()).toBe('hello');
});

test('a path that an id leads out of is not asked for', async () => {
  using server = serve(() => new Response('hello'));
  const peer = peerAt(server.url);
  for (const path of ['/a/../b', '/a/..', '/a/%2e%2E/b', '/a/.%2e?x=1', '/./a', '/..']) {
    const verdict = await verdictOf(ask(server.url + path, peer));
    expect([path, verdict.kind, verdict.code]).toEqual([path, 'rejected', 'mhv:invalid-id']);
  }
  expect(server.seen).toEqual([]);
  for (const path of ['/a/..b', '/a/b..', '/a/...', '/a?next=/../b', '/a/%252e%252e/b']) {
    expect((await ask(server.url + path, peer)).status).toBe(200);
  }
});

test.each([301, 302, 303, 307, 308])('%p is an answer, and leads nowhere', async (status) => {
  using elsewhere = serve(() => new Response('hello'));
  for (const to of ['/other', `${elsewhere.url}/x`, 'http://169.254.169.254/']) {
    using server = serve(() => new Response(null, { status, headers: { Location: to } }));
    expect((await ask(server.url, peerAt(server.url))).status).toBe(status);
    expect(server.seen.length).toBe(1);
  }
  expect(elsewhere.seen).toEqual([]);
});

test('a server whose CA nobody knows is not spoken to, and the verdict says why', async () => {
  const ca = await authority();
  const { url } = serveTls(await issued(ca, 'server'), () => new Response('hello'));
  const verdict = await verdictOf(askTls(url));
  expect(verdict).toMatchObject({
    kind: 'retry',
    code: 'mhv:tls',
    reason: expect.stringMatching(/^The certificate of mhv is not trusted \([A-Z_]+\)\.$/),
  });
  const another = await authority('ZZTEST other CA');
  expect(await verdictOf(askTls(url, { ca: another.cert }))).toMatchObject({ code: 'mhv:tls' });
  expect((await askTls(url, { ca: ca.cert })).text()).toBe('hello');
});

test.each([
  ['that has ended', 'server', new Date(Date.now() - 60_000), '127.0.0.1'],
  ['of another host', 'server', undefined, 'localhost'],
])('a certificate %s is not trusted', async (_what, name, until, host) => {
  const ca = await authority();
  const { url } = serveTls(await issued(ca, name, until), () => new Response('hello'));
  const verdict = await verdictOf(askTls(url.replace('127.0.0.1', host), { ca: ca.cert }));
  expect(verdict).toMatchObject({ kind: 'retry', code: 'mhv:tls' });
});

test('a server that wants a certificate of the client is shown it', async () => {
  const ca = await authority();
  const ours = await issued(ca, 'sm-exchange');
  const { url } = serveTls(await issued(ca, 'server'), () => new Response('come in'), ca.cert);
  const answer = await askTls(url, { ...ours, ca: ca.cert });
  expect(answer.text()).toBe('come in');
  expect(await verdictOf(askTls(url, { ca: ca.cert }))).toMatchObject({
    kind: 'in-doubt',
    code: expect.stringMatching(/^mhv:(tls|connection-lost)$/),
  });
  const strange = await issued(await authority('ZZTEST other CA'), 'sm-exchange');
  const refused = await verdictOf(askTls(url, { ...strange, ca: ca.cert }));
  expect(refused.code).toMatch(/^mhv:(tls|connection-lost)$/);
});

test('the environment can not switch the check of certificates off', async () => {
  const { url } = serveTls(await issued(await authority(), 'server'), () => new Response('hello'));
  process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = '0';
  try {
    expect(await verdictOf(askTls(url))).toMatchObject({ code: 'mhv:tls' });
  } finally {
    delete process.env['NODE_TLS_REJECT_UNAUTHORIZED'];
  }
});

test('an answer that unpacks to more than is read is let go of early', async () => {
  const bomb = Bun.gzipSync(new Uint8Array(64 * 1024 * 1024));
  const headers = { 'Content-Encoding': 'gzip' };
  using server = serve(() => new Response(bomb, { headers }));
  const asked = ask(server.url, peerAt(server.url), { effect: 'read' });
  expect(await verdictOf(asked)).toMatchObject({ kind: 'rejected', code: 'mhv:answer-too-large' });
});

test('an answer that comes a byte at a time ends with the time-out', async () => {
  using server = serve(() => {
    const drip = new ReadableStream({
      async pull(controller) {
        await Bun.sleep(50);
        controller.enqueue(new Uint8Array(1));
      },
    });
    return new Response(drip);
  });
  const asked = ask(server.url, peerAt(server.url), { effect: 'read', timeoutMs: 300 });
  expect(await verdictOf(asked)).toMatchObject({ kind: 'retry', code: 'mhv:timeout' });
});

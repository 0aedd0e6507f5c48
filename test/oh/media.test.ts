import { describe, expect, test } from 'bun:test';
import { createHash } from 'node:crypto';
import { createOhMedia, type OhMediaOptions } from '../../src/oh/media.ts';
import { context, NOW, refusedUrl, serve, serveCut, serveNothing, verdictOf } from './loopback.ts';

const bytes = new Uint8Array([0, 1, 2, 254, 255]);
const file = {
  name: 'Lab & plan é.pdf',
  mimeType: 'application/pdf',
  bytes,
  idempotencyKey: 'k-1',
};
const reference = { name: 'plan.pdf', mediaIdentifier: '{0000/1}', mediaVersion: 2 };
const sha256 = createHash('sha256').update(bytes).digest('base64');
const sha512 = createHash('sha512').update(bytes).digest('base64');

function setup(
  url: string,
  options: Partial<OhMediaOptions> = {},
): ReturnType<typeof createOhMedia> {
  return createOhMedia({ baseUrl: url, timeoutMs: 1500, now: () => NOW, ...options });
}

function serveFile(headers: Record<string, string>): ReturnType<typeof serve> {
  return serve(() => new Response(bytes, { headers }));
}

describe('upload', () => {
  test('sends the bytes with type, digest and key, and gives the reference', async () => {
    using server = serve(() =>
      Response.json({ mediaIdentifier: '{1}', mediaVersion: 1 }, { status: 201 }),
    );
    expect(await setup(server.url).upload(file, context)).toEqual({
      name: file.name,
      mediaIdentifier: '{1}',
      mediaVersion: 1,
    });
    const [seen] = server.seen;
    expect(seen?.path).toBe('/media?name=Lab%20%26%20plan%20%C3%A9.pdf');
    expect(seen?.bytes).toEqual(bytes);
    expect(seen?.headers.get('content-type')).toBe('application/pdf');
    expect(seen?.headers.get('content-digest')).toBe(`sha-256=:${sha256}:`);
    expect(seen?.headers.get('idempotency-key')).toBe('k-1');
    expect(seen?.headers.get('cerner-correlation-id')).toBe('attempt-1');
  });

  test('refuses a file over the bound before anything is sent', async () => {
    using server = serve(() => new Response());
    const verdict = await verdictOf(setup(server.url, { maxBytes: 4 }).upload(file, context));
    expect(verdict).toMatchObject({ kind: 'rejected', code: 'media:too-large' });
    const large = new Uint8Array(25 * 1024 * 1024 + 1);
    const over = await verdictOf(setup(server.url).upload({ ...file, bytes: large }, context));
    expect(over.code).toBe('media:too-large');
    expect(server.seen).toHaveLength(0);
  });

  test.each([
    [400, 'rejected'],
    [401, 'retry'],
    [403, 'retry'],
    [413, 'rejected'],
    [415, 'rejected'],
    [429, 'retry'],
    [500, 'retry'],
    [503, 'retry'],
  ] as const)('status %p is %s: with its key an upload is never in doubt', async (status, kind) => {
    using server = serve(() => new Response(null, { status }));
    const verdict = await verdictOf(setup(server.url).upload(file, context));
    expect(verdict).toMatchObject({ kind, httpStatus: status });
  });

  test('silence, a cut, a refused connection and an unreadable answer are retry', async () => {
    using silent = serveNothing();
    using cut = serveCut();
    using odd = serve(() => new Response('<html>', { status: 201 }));
    const verdicts = await Promise.all(
      [silent.url, cut.url, refusedUrl(), odd.url].map((url) =>
        verdictOf(setup(url, { timeoutMs: 50 }).upload(file, context)),
      ),
    );
    expect(verdicts.map(({ kind, code }) => [kind, code])).toEqual([
      ['retry', 'media:timeout'],
      ['retry', 'media:connection-lost'],
      ['retry', 'media:no-connection'],
      ['retry', 'media:unreadable'],
    ]);
  });
});

describe('download', () => {
  test.each([`sha-256=:${sha256}:`, `sha-512=:${sha512}:, sha-256=:${sha256}:`, 'md5=:AAAA:'])(
    'gives bytes that fit the digest %p',
    async (digest) => {
      using server = serveFile({ 'Content-Type': 'image/png; x=1', 'Content-Digest': digest });
      const found = await setup(server.url).download(reference, context);
      expect(found).toEqual({ bytes, mimeType: 'image/png' });
      expect(server.seen[0]?.path).toBe('/media/%7B0000%2F1%7D/versions/2');
    },
  );

  test('does without digest and type', async () => {
    using server = serveFile({});
    const found = await setup(server.url).download(reference, context);
    expect(found).toEqual({ bytes, mimeType: 'application/octet-stream' });
  });

  test.each([`sha-256=:${sha512}:`, `sha-256=:${sha256}:, sha-512=:${sha256}:`])(
    'with bytes that do not fit %p is retry',
    async (digest) => {
      using server = serveFile({ 'Content-Digest': digest });
      const verdict = await verdictOf(setup(server.url).download(reference, context));
      expect(verdict).toMatchObject({ kind: 'retry', code: 'media:digest-mismatch' });
    },
  );

  test('of an unknown or too large file is rejected', async () => {
    using missing = serve(() => new Response(null, { status: 404 }));
    using large = serveFile({});
    const unknown = await verdictOf(setup(missing.url).download(reference, context));
    expect(unknown).toMatchObject({ kind: 'rejected', code: 'media:not-found' });
    const over = await verdictOf(setup(large.url, { maxBytes: 4 }).download(reference, context));
    expect(over).toMatchObject({ kind: 'rejected', code: 'media:answer-too-large' });
  });
});

import { afterAll, beforeAll, expect, test } from 'bun:test';
import { createHash } from 'node:crypto';
import { type Setup, setup } from './setup.ts';

let mocks: Setup;
let bearer: string;
beforeAll(async () => {
  mocks = await setup();
  bearer = await mocks.bearer();
});
afterAll(() => mocks.stop());

const digestOf = (bytes: Uint8Array): string =>
  `sha-256=:${createHash('sha256').update(bytes).digest('base64')}:`;

async function upload(
  bytes: Uint8Array<ArrayBuffer>,
  headers: Record<string, string> = {},
  query = '?name=a%20b.txt',
) {
  return fetch(`${mocks.variable('OH_MEDIA_BASE_URL')}/media${query}`, {
    method: 'POST',
    headers: {
      authorization: bearer,
      'content-type': 'text/plain',
      'content-digest': digestOf(bytes),
      ...headers,
    },
    body: bytes,
  });
}

const hello = new TextEncoder().encode('hello');

test('what is uploaded comes back with its digest, type and name', async () => {
  const answer = await upload(hello);
  expect(answer.status).toBe(201);
  const { mediaIdentifier, mediaVersion } = (await answer.json()) as Record<string, string>;
  expect(mediaIdentifier).toMatch(/^\{[0-9a-f-]{36}\}$/);
  const path = `/media/${encodeURIComponent(mediaIdentifier ?? '')}/versions/${mediaVersion}`;
  const url = mocks.variable('OH_MEDIA_BASE_URL') + path;
  const read = await fetch(url, { headers: { authorization: bearer } });
  expect(await read.text()).toBe('hello');
  expect(read.headers.get('content-type')).toBe('text/plain');
  expect(read.headers.get('content-digest')).toBe(digestOf(hello));
  expect(read.headers.get('content-disposition')).toContain('filename="a b.txt"');
  expect((await fetch(url)).status).toBe(401);
  const unknown = await fetch(url.replace('versions/1', 'versions/2'), {
    headers: { authorization: bearer },
  });
  expect(unknown.status).toBe(404);
});

test('an upload without token, name, digest or content is refused', async () => {
  expect((await upload(hello, { authorization: 'Bearer no' })).status).toBe(401);
  expect((await upload(hello, {}, '')).status).toBe(400);
  expect((await upload(hello, { 'content-digest': '' })).status).toBe(400);
  const other = digestOf(new TextEncoder().encode('other'));
  expect((await upload(hello, { 'content-digest': other })).status).toBe(400);
  expect((await upload(new Uint8Array())).status).toBe(400);
});

test('a file above 25 MB is 413', async () => {
  expect((await upload(new Uint8Array(25 * 1024 * 1024 + 1))).status).toBe(413);
});

test('the same Idempotency-Key gives the same answer and stores nothing twice', async () => {
  const key = { 'idempotency-key': 'k1' };
  const answers = [await upload(hello, key), await upload(hello, key)];
  const [first, second] = await Promise.all(answers.map((one) => one.text()));
  expect(second).toBe(first ?? '');
  const listed = await mocks.control<{ mediaIdentifier: string; uploads: number }[]>(
    mocks.origins.media,
    'GET',
    'media',
  );
  expect(listed.filter((one) => first?.includes(one.mediaIdentifier))).toMatchObject([
    { uploads: 2, size: 5 },
  ]);
  expect((await upload(new TextEncoder().encode('else'), key)).status).toBe(422);
});

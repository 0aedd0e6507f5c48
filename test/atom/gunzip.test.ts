import { expect, test } from 'bun:test';
import { gunzipBounded } from '../../src/atom/gunzip.ts';

const zeros = (size: number) => Bun.gzipSync(new Uint8Array(size));

test('a gzip body within the bound is unpacked', async () => {
  expect(await gunzipBounded(zeros(1000), 1000)).toHaveLength(1000);
  const text = new TextEncoder().encode('<feed/>');
  expect(new TextDecoder().decode(await gunzipBounded(Bun.gzipSync(text), 100))).toBe('<feed/>');
});

test('a body that unpacks to more than the bound is refused as too large', async () => {
  const refusal = { code: 'too-large', message: 'The body is larger than 1000 bytes unpacked.' };
  await expect(gunzipBounded(zeros(1001), 1000)).rejects.toMatchObject(refusal);
  await expect(gunzipBounded(zeros(20_000_000), 1000)).rejects.toMatchObject(refusal);
});

test('bytes that are not gzip, or only a part of it, are malformed', async () => {
  const damaged = zeros(1000);
  damaged[damaged.length - 6] = 0xff;
  for (const bytes of [
    new Uint8Array(0),
    new Uint8Array([1, 2, 3]),
    zeros(1000).slice(0, 15),
    damaged,
  ]) {
    await expect(gunzipBounded(bytes, 1000)).rejects.toMatchObject({ code: 'malformed' });
  }
});

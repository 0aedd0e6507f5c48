import { expect, test } from 'bun:test';
import { join } from 'node:path';
import { Glob } from 'bun';
import { codeLabel, methodLabel, urlTemplate } from '../../src/telemetry/labels.ts';

const SRC = join(import.meta.dir, '..', '..', 'src');

/** Codes that the source writes out, as far as a pattern can tell. */
async function codesInSource(): Promise<string[]> {
  const codes: string[] = [];
  for (const room of ['oh', 'mhv', 'flows', 'translate', 'queue', 'store']) {
    for await (const file of new Glob('**/*.ts').scan({ cwd: join(SRC, room) })) {
      const source = await Bun.file(join(SRC, room, file)).text();
      const whole = source.matchAll(/'((?:oh|fhir|media|mhv|mhv-file|auth|directory):[a-z-]+)'/g);
      codes.push(...[...whole].map(([, code = '']) => code));
      const rejected = source.matchAll(/\b(rejection|rejected)\(\s*'([a-z-]+)'/g);
      const prefix = { rejection: 'translate', rejected: 'fhir' };
      codes.push(
        ...[...rejected].map(([, by, code]) => `${prefix[by as keyof typeof prefix]}:${code}`),
      );
    }
  }
  return [...new Set(codes)];
}

test('every code of ours has a label of its own', async () => {
  const codes = await codesInSource();
  expect(codes.length).toBeGreaterThan(25);
  expect(codes.filter((code) => codeLabel(code) === 'other')).toEqual([]);
});

test('a code that somebody else made up is other, so that labels stay few', () => {
  expect(['mhv:503', 'mhv:119', 'oh:timeout'].map(codeLabel)).toEqual([
    'mhv:503',
    'mhv:119',
    'oh:timeout',
  ]);
  const foreign = ['mhv:1000104729', 'mhv:ZZTEST', 'oh:1012345678V123456', '', 'somewhere:503'];
  expect(foreign.map(codeLabel)).toEqual(foreign.map(() => 'other'));
  expect([methodLabel('POST'), methodLabel('ZZTEST')]).toEqual(['POST', '_OTHER']);
});

test.each([
  [
    'https://oh.test/messaging/demo/service/demo/patients/1000001/inbox/messages/3000000001%3A-6%3A0%3A0?loadReferences=true',
    '/patients/{id}/inbox/messages/{id}',
  ],
  ['https://fhir.test/r4/tenant/Patient/ABCdef', '/Patient/{id}'],
  ['https://fhir.test/r4/tenant/Patient?identifier=x%7C1012345678V123456', '/Patient'],
  ['https://mhv.test/mhv-sm-api/v1/exchange/message?ohMessageId=3', '/exchange/message'],
  ['https://bucket.test/ZZTEST/1012345678V123456.pdf?X-Amz-Signature=1', '/{path}'],
  ['no URL, ZZTEST', '/{path}'],
])('of %s a span shows %s', (url, template) => {
  expect(urlTemplate(url)).toBe(template);
});

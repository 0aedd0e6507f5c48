/** What the console and the log say of contents in the clear. */
import { expect, test } from 'bun:test';
import { createClientOf } from '../../src/http/client.ts';
import { createVisitorOf } from '../../src/http/console/visitor.ts';
import { roleScopes } from '../../src/principal.ts';
import { setup as city } from '../flows/setup.ts';
import { setup } from '../http/setup.ts';

const DATA_KEYS = `k2:${btoa('2'.repeat(32))},k1:${btoa('1'.repeat(32))}`;

test('where others reach the exchange, contents in the clear need a person', async () => {
  const { url } = setup({ mode: 'required' }, 1000, (store) => ({
    console: {
      visitorOf: createVisitorOf({
        store,
        mode: 'required',
        proxy: {
          header: 'x-role',
          verify: async () => ({ name: 'jwt:ann', kind: 'jwt', scopes: roleScopes.viewer }),
        },
        formKey: new Uint8Array(32),
        clientOf: createClientOf(0),
      }),
      login: async () => undefined,
      clientOf: () => ({ address: '192.0.2.1', isSecure: false }),
    },
  }));
  const page = async (path: string) =>
    (await fetch(url + path, { headers: { 'X-Role': 'viewer' } })).text();
  expect(await page('/console')).toContain('Contents lie in the clear');
  expect(await page('/console/system')).toContain('Set DATA_KEYS, then run rekey.');
});

test('on a machine that nobody else reaches it is said and no more', async () => {
  const { exchange, log } = await city();
  expect(await (await fetch(`${exchange.url}/console`)).text()).not.toContain('in the clear');
  const system = await (await fetch(`${exchange.url}/console/system`)).text();
  expect(system).toContain('lies in the file in the clear');
  const lines = log.filter((line) => line.includes('"event":"sealing"'));
  expect(lines.map((line) => JSON.parse(line) as object)).toMatchObject([
    { level: 30, state: 'off', set: 'DATA_KEYS' },
  ]);
});

test('which keys there are is on the system page, and which is sealed under on the log', async () => {
  const { exchange, log } = await city({ DATA_KEYS, AUTH: 'none' });
  const system = await (await fetch(`${exchange.url}/console/system`)).text();
  const sealing = /<section id="sealing".*?<\/section>/s.exec(system)?.[0] ?? '';
  expect(sealing.replaceAll(/<[^>]+>/g, ' ')).toMatch(/On\s+Seals\s+k2\s+Open too\s+k1/);
  const lines = log.filter((line) => line.includes('"event":"sealing"'));
  expect(lines.map((line) => JSON.parse(line) as object)).toMatchObject([
    { state: 'on', key: 'k2' },
  ]);
  expect(log.join('')).not.toContain(btoa('2'.repeat(32)));
});

test('a process that others reach warns of contents in the clear', async () => {
  const open = { AUTH: 'required', API_TOKENS: 'zztest', FEED_TOKENS: 'zztest' };
  const { log } = await city(open);
  const lines = log.filter((line) => line.includes('"event":"sealing"'));
  expect(lines.map((line) => JSON.parse(line) as object)).toMatchObject([
    { level: 40, state: 'off' },
  ]);
});

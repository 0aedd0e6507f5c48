/** API9:2023 Improper Inventory Management: nothing is served that nobody knows of. */
import { expect, test } from 'bun:test';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fort, loggedIn, tokenOf } from './setup.ts';

const readme = readFileSync(join(import.meta.dir, '../../README.md'), 'utf8');

test.each([
  '/_mock/requests',
  '/_mock/faults',
  '/_mock/reset',
  '/oh/_mock/requests',
  '/debug',
  '/debug/pprof',
  '/admin',
  '/actuator/env',
  '/api',
  '/v1/messages',
  '/v2/messages',
  '/internal/messages',
  '/graphql',
  '/swagger',
  '/swagger.json',
  '/docs',
  '/.env',
  '/.git/config',
  '/package.json',
  '/src/main.ts',
  '/data/exchange.db',
  '/exchange.db',
  '/console/assets/../../src/main.ts',
  '/console/assets/%2e%2e/%2e%2e/package.json',
  '/openapi/assets/..%2f..%2fpackage.json',
  '/server-status',
  '/metrics/prometheus',
  '/health',
  '/phpinfo.php',
  '/reset',
  '/test',
])('%s is not here, for an admin neither', async (path) => {
  const site = await fort();
  const cookie = await loggedIn(site, 'ann', 'admin');
  for (const method of ['GET', 'POST', 'DELETE']) {
    const headers = { Cookie: cookie };
    const { status } = await site.ask(method, path, { as: tokenOf('admin'), headers });
    expect([method, status]).toEqual([method, 404]);
  }
});

test('the mocks are no part of the exchange', async () => {
  const site = await fort();
  const imports = new Bun.Transpiler({ loader: 'ts' });
  const root = join(import.meta.dir, '../../src');
  const files = [...new Bun.Glob('**/*.{ts,tsx}').scanSync(root)].filter(
    (file) => !file.startsWith('mocks/'),
  );
  for (const file of files) {
    const source = readFileSync(join(root, file), 'utf8').replaceAll('<', ' <');
    const from = file.endsWith('x') ? [] : imports.scanImports(source).map(({ path }) => path);
    expect([file, from.filter((path) => path.includes('mocks/'))]).toEqual([file, []]);
    expect([file, source.includes('_mock')]).toEqual([file, false]);
  }
  expect(
    (await site.ask('POST', '/_mock/faults', { json: { path: '/', status: 500 } })).status,
  ).toBe(404);
});

test('each path of the API is in its description, and the rest in the README', async () => {
  const site = await fort();
  const document = (await (await site.ask('GET', '/openapi/json')).json()) as { paths: object };
  const described = new Set(Object.keys(document.paths));
  for (const path of described) expect(readme).toContain(` ${path}\``);
  for (const path of ['/openapi', '/openapi/json', '/console'])
    expect(readme).toContain(`\`${path}\``);
  // The links of the pages lead to what is known, and nowhere out of the house.
  const headers = { Cookie: await loggedIn(site, 'ann', 'admin') };
  const seen = new Set<string>();
  const waiting = ['/console', '/openapi'];
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    if (seen.has(path)) continue;
    seen.add(path);
    const answer = await site.ask('GET', path, { headers });
    expect([path, answer.status]).toEqual([path, 200]);
    if (!answer.headers.get('content-type')?.startsWith('text/html')) continue;
    const html = await answer.text();
    for (const [, name, to = ''] of html.matchAll(/(href|src|action)="([^"#]*)/g)) {
      const target = to.replaceAll('&amp;', '&');
      // A place of the same page, and no icon.
      if (target === '' || target === 'data:,') continue;
      expect([path, target]).toEqual([
        path,
        expect.stringMatching(/^\/(?:console|openapi)(?:[/?]|$)/),
      ]);
      const isPage = name !== 'action' && !/\/(?:live|events)/.test(target);
      if (isPage && seen.size < 60) waiting.push(target.split('?', 1)[0] ?? '');
    }
  }
  expect(seen.size).toBeGreaterThan(8);
});

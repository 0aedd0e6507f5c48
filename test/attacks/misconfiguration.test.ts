/** API8:2023 Security Misconfiguration: headers, methods, errors that say too much, doors left open. */
import { expect, test } from 'bun:test';
import { readdirSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { ConfigError, parseConfig } from '../../src/config.ts';
import { town } from '../scripts/setup.ts';
import { FEED_TOKEN, type Fort, fort, loggedIn, NO_ID, tokenOf } from './setup.ts';

const ROOT = join(import.meta.dir, '../..');
const EVIL = 'https://evil.example.test';

/** One answer of each kind: well, refused, unknown, malformed, too large, of the console, of a file. */
async function answers(site: Fort): Promise<[string, Response][]> {
  const json = { 'Content-Type': 'application/json' };
  const atom = { 'Content-Type': 'application/atom+xml' };
  const cookie = { Cookie: await loggedIn(site, 'ann', 'viewer') };
  const read = { as: tokenOf('read') };
  const asked: [string, string, string, Parameters<Fort['ask']>[2]?][] = [
    ['well', 'GET', '/messages', read],
    ['live', 'GET', '/health/live'],
    ['metrics', 'GET', '/metrics', read],
    ['description', 'GET', '/openapi'],
    ['document', 'GET', '/openapi/json'],
    ['keys', 'GET', '/.well-known/jwks.json'],
    ['challenge', 'GET', '/oh/feed?hub.mode=subscribe&hub.topic=t&hub.challenge=%3Cscript%3E'],
    ['no token', 'GET', '/messages'],
    ['no scope', 'GET', '/audit', read],
    ['not there', 'GET', `/messages/${NO_ID}`, read],
    ['no route', 'GET', '/nowhere'],
    ['no method', 'PATCH', '/messages', read],
    ['bad query', 'GET', '/messages?limit=0', read],
    ['bad JSON', 'POST', '/messages', { as: tokenOf('send'), headers: json, body: '{' }],
    ['bad field', 'POST', '/messages', { as: tokenOf('send'), json: {} }],
    ['bad XML', 'POST', '/oh/feed', { as: FEED_TOKEN, headers: atom, body: '<' }],
    ['bad type', 'POST', '/oh/feed', { as: FEED_TOKEN, headers: json, body: '{}' }],
    [
      'too large',
      'POST',
      '/messages',
      { as: tokenOf('send'), headers: json, body: ' '.repeat(37 * 2 ** 20) },
    ],
    ['door', 'GET', '/console/login'],
    ['to the door', 'GET', '/console'],
    ['page', 'GET', '/console', { headers: cookie }],
    [
      'page that is not',
      'GET',
      '/console/nowhere',
      { headers: { ...cookie, Accept: 'text/html' } },
    ],
    [
      'forged form',
      'POST',
      '/console/logout',
      { headers: cookie, body: new URLSearchParams({ csrf: 'x' }) },
    ],
  ];
  const found: [string, Response][] = [];
  for (const [name, method, path, options] of asked) {
    found.push([name, await site.ask(method, path, options)]);
  }
  return found;
}

test('every answer, also a refusal, says how a browser is to treat it, and nothing of what runs here', async () => {
  const site = await fort();
  for (const [name, { headers }] of await answers(site)) {
    expect([name, headers.get('x-content-type-options')]).toEqual([name, 'nosniff']);
    expect([name, headers.get('x-frame-options')]).toEqual([name, 'DENY']);
    expect([name, headers.get('referrer-policy')]).toEqual([name, 'no-referrer']);
    expect([name, headers.get('cache-control')]).toEqual([name, 'no-store']);
    const policy = headers.get('content-security-policy') ?? '';
    expect([name, policy]).toEqual([name, expect.stringContaining("default-src 'none'")]);
    expect(policy).not.toMatch(/unsafe|\*|http:|https:/);
    for (const telling of ['server', 'x-powered-by', 'via', 'x-aspnet-version', 'x-runtime']) {
      expect([name, telling, headers.get(telling)]).toEqual([name, telling, null]);
    }
  }
});

test('no answer lets another site’s script read it', async () => {
  const site = await fort();
  for (const method of ['OPTIONS', 'GET', 'POST']) {
    for (const path of ['/messages', '/console', '/oh/feed', '/openapi/json', '/health/ready']) {
      const headers = {
        Origin: EVIL,
        'Access-Control-Request-Method': 'POST',
        'Access-Control-Request-Headers': 'authorization',
        Cookie: 'smx-session=x',
      };
      const answer = await site.ask(method, path, { as: tokenOf('admin'), headers });
      const cors = [...answer.headers.keys()].filter((name) => name.startsWith('access-control-'));
      expect([method, path, cors]).toEqual([method, path, []]);
      expect(answer.headers.get('cross-origin-resource-policy')).toBe('same-origin');
    }
  }
});

test('TRACE and CONNECT are no methods here, and what was sent is not sent back', async () => {
  const site = await fort();
  for (const method of ['TRACE', 'CONNECT', 'PROPFIND', 'PURGE']) {
    for (const path of ['/', '/messages', '/console', '/health/live']) {
      const headers = { 'X-Marked': 'ZZMARK' };
      const answer = await site.ask(method, path, { headers });
      expect([404, 405]).toContain(answer.status);
      expect(await answer.text()).not.toContain('ZZMARK');
    }
  }
});

test('no refusal shows a stack, a path of this machine, SQL, or the value that was wrong', async () => {
  const site = await fort();
  for (const [name, answer] of await answers(site)) {
    if (answer.status < 400) continue;
    expect([name, await answer.text()]).toEqual([
      name,
      expect.not.stringMatching(/\n\s+at |node_modules|\/src\/|\.tsx?:|SELECT |SQLITE|file:\/\//),
    ]);
  }
  const json = { icn: 'ZZSECRET', subject: ['ZZSECRET'], body: 1, receivingPoolId: 'ZZSECRET' };
  const refused = await site.ask('POST', '/messages', { as: tokenOf('send'), json });
  expect(refused.status).toBe(422);
  expect(await refused.text()).not.toContain('ZZSECRET');
  expect(site.log.join('')).not.toContain('ZZSECRET');
});

/** What a server says to bytes that no client library sends. */
function raw(url: string, text: string): Promise<string> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve) => {
    let said = '';
    const socket = connect(Number(port), hostname, () => socket.end(text));
    socket.on('data', (bytes) => {
      said += bytes.toString();
      if (said.includes('\r\n\r\n')) socket.destroy();
    });
    socket.once('close', () => resolve(said));
    socket.on('error', () => {});
  });
}

test.each([
  ['no HTTP', 'GARBAGE\r\n\r\n'],
  ['no Host', 'GET /audit HTTP/1.1\r\n\r\n'],
  ['a Host with markup', 'GET /console HTTP/1.1\r\nHost: a b<script>\r\n\r\n'],
  ['a Host that is none', 'GET /console HTTP/1.1\r\nHost: %%%\r\n\r\n'],
  [
    'a length and chunks, as smugglers send them',
    'POST /messages HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /audit HTTP/1.1\r\nHost: x\r\n\r\n',
  ],
  [
    'two lengths',
    'POST /messages HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nabcd',
  ],
  ['a length below nothing', 'POST /messages HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n'],
  [
    'a header of 100 kB',
    `GET /health/live HTTP/1.1\r\nHost: x\r\nX: ${'a'.repeat(100_000)}\r\n\r\n`,
  ],
])('a request with %s is refused and tells nothing', async (_what, text) => {
  const site = await fort();
  const said = await raw(site.url, text);
  expect(said).toMatch(/^(HTTP\/1\.1 4\d\d .*)?/);
  expect(said).not.toMatch(/^HTTP\/1\.1 [235]/);
  expect(said).not.toMatch(/\n\s+at |Something went wrong|<script>/);
  expect(site.log.join('')).not.toContain('"event":"bug"');
  expect((await site.ask('GET', '/health/ready')).status).toBe(200);
});

test('a Host that somebody else wrote is nowhere in an answer', async () => {
  const site = await fort();
  const paths = ['/console', '/messages?limit=1', '/openapi/json', '/console/login'];
  for (const path of paths) {
    const text = `GET ${path} HTTP/1.1\r\nHost: evil.example.test\r\nX-Forwarded-Host: evil.example.test\r\n\r\n`;
    expect(await raw(site.url, text)).not.toContain('evil.example.test');
  }
});

test('no variable that is a secret has a default', async () => {
  const { env } = await town();
  const secret = /TOKEN|SECRET|PASSWORD|KEY$|API_KEY/;
  const bare = Object.fromEntries(Object.entries(env).filter(([name]) => !secret.test(name)));
  let faults: string[] = [];
  try {
    parseConfig({ ...bare, AUTH: 'required' });
  } catch (error) {
    if (error instanceof ConfigError) faults = error.faults.map(({ variable }) => variable);
  }
  expect(faults.toSorted()).toEqual([
    'API_TOKENS',
    'FEED_SECRET',
    'MHV_APP_TOKEN',
    'OH_AUTH_CLIENT_SECRET',
    'OH_AUTH_TOKEN_URL',
  ]);
});

test('what the manifests have in place of a secret is not taken for one', async () => {
  const { env } = await town();
  const manifest = readFileSync(join(ROOT, 'scripts/operations/kubernetes.yaml'), 'utf8');
  const [, placeholder = ''] = /mhv-app-token: (\S+)/.exec(manifest) ?? [];
  expect(placeholder).not.toBe('');
  const left = {
    MHV_APP_TOKEN: placeholder,
    API_TOKENS: `zztest-good-token,${placeholder}:read`,
    FEED_SECRET: placeholder,
    FEED_PASSWORDS: `oh:${placeholder}`,
  };
  let said = '';
  try {
    parseConfig({ ...env, ...left, AUTH: 'required' });
  } catch (error) {
    said = String(error);
  }
  for (const variable of Object.keys(left)) {
    expect(said).toContain(`${variable}: is still what the manifests have in place of a secret`);
  }
});

test('no secret of a real kind lies in the sources', () => {
  const patterns =
    /-----BEGIN (?:RSA |EC )?PRIVATE KEY-----\s*\n[A-Za-z0-9+/]{40}|AKIA[0-9A-Z]{16}|smx_[\w-]{43}/;
  const files = ['src', 'scripts', 'test'].flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })
      .filter((file) => file.isFile())
      .map((file) => join(file.parentPath, file.name)),
  );
  expect(files.length).toBeGreaterThan(300);
  expect(files.filter((file) => patterns.test(readFileSync(file, 'utf8')))).toEqual([]);
});

/** API2:2023 Broken Authentication: tokens that are forged, guessed, borrowed or over. */
import { expect, test } from 'bun:test';
import { generateKeyPairSync, type KeyObject, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { exportSPKI, type JWTPayload, SignJWT, UnsecuredJWT } from 'jose';
import { digestOf } from '../../src/access/token.ts';
import { FEED_TOKEN, fort, ISSUER, issuer, START, tokenOf } from './setup.ts';

const SECOND = START / 1000;
const ROOT = join(import.meta.dir, '../..');

async function guarded() {
  const signer = await issuer();
  const site = await fort(signer.env);
  const statusOf = async (as: string) => (await site.ask('GET', '/messages', { as })).status;
  return { ...site, ...signer, statusOf };
}

/** Header and payload as somebody else writes them, with this signature. */
function forged(header: object, payload: object, signature = ''): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  return `${part(header)}.${part(payload)}.${signature}`;
}

test('a JWT of the issuer opens what its scope says, so that the refusals below mean something', async () => {
  const { sign, statusOf, ask } = await guarded();
  expect(await statusOf(await sign())).toBe(200);
  const token = await sign();
  expect((await ask('POST', '/replay', { as: token, json: {} })).status).toBe(403);
});

test('no algorithm, a secret made of the public key, and somebody else’s key open nothing', async () => {
  const { claims, statusOf, publicKey, sign, asked } = await guarded();
  const admin = claims({ scope: 'admin' });
  const spki = await exportSPKI(publicKey);
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const header = { alg: 'RS256', kid: 'key-1' };
  const own = (key: KeyObject | Uint8Array, alg: string, more: object = {}) =>
    new SignJWT(admin).setProtectedHeader({ alg, kid: 'key-1', ...more }).sign(key);
  const embedded = { kty: 'oct', k: 'AAAA' };
  const tokens = [
    new UnsecuredJWT(admin).encode(),
    forged({ alg: 'none' }, admin),
    forged({ alg: 'NoNe', kid: 'key-1' }, admin),
    forged({ kid: 'key-1' }, admin),
    forged(header, admin),
    forged(header, admin, 'AAAA'),
    forged({ ...header, crit: ['exp'], exp: 1 }, admin, 'AAAA'),
    await own(new TextEncoder().encode(spki), 'HS256'),
    await own(new TextEncoder().encode(spki.trim()), 'HS512'),
    await own(privateKey, 'RS256'),
    await own(privateKey, 'RS256', { jwk: embedded }),
    await own(privateKey, 'RS256', { jku: 'http://127.0.0.1:9/jwks', x5u: 'http://127.0.0.1:9/x' }),
    await own(privateKey, 'PS256'),
  ];
  for (const token of tokens) expect(await statusOf(token)).toBe(401);
  const [, , signature = ''] = (await sign()).split('.');
  expect(await statusOf(forged(header, admin, signature))).toBe(401);
  expect(new Set(asked)).toEqual(new Set(['/jwks']));
});

test.each([
  ['of another issuer', { iss: `${ISSUER}/` }],
  ['for another audience', { aud: 'portal' }],
  ['for nobody', { aud: [] }],
  ['that is over', { exp: SECOND - 61 }],
  ['without an end', { exp: undefined }],
  ['whose end is no number', { exp: '9999999999' as never }],
  ['of tomorrow', { nbf: SECOND + 86_400 }],
  ['of nobody', { sub: undefined }],
  ['of somebody who passes for two', { sub: 'ann (admin)' }],
  ['of somebody with a line end', { sub: 'ann\r\nX-Admin: 1' }],
] as [string, JWTPayload][])('a JWT %s opens nothing', async (_what, changes) => {
  const { sign, statusOf } = await guarded();
  expect(await statusOf(await sign(changes))).toBe(401);
});

test.each([
  '../../../../dev/null',
  "' UNION SELECT 'key",
  'http://169.254.169.254/key',
  '/etc/passwd',
  '__proto__',
  '\u0000',
  'k'.repeat(5000),
])('the key id %p is looked for among the issuer’s keys and nowhere else', async (kid) => {
  const { sign, statusOf, asked } = await guarded();
  expect(await statusOf(await sign({}, { kid }))).toBe(401);
  expect(new Set(asked)).toEqual(new Set(['/jwks']));
});

test('unknown key ids do not make the exchange ask the issuer again and again', async () => {
  const { sign, statusOf, asked } = await guarded();
  for (let n = 0; n < 20; n += 1)
    expect(await statusOf(await sign({}, { kid: `k${n}` }))).toBe(401);
  expect(asked.length).toBeLessThanOrEqual(2);
});

test('a token of the feed opens no route of the API, and one of the API not the feed', async () => {
  const { ask, exchange } = await fort();
  const described = (await (await ask('GET', '/openapi/json')).json()) as {
    paths: Record<string, Record<string, { security?: Record<string, string[]>[] }>>;
  };
  for (const [path, item] of Object.entries(described.paths)) {
    for (const [method, { security = [] }] of Object.entries(item)) {
      if (!security.some((one) => 'bearer' in one)) continue;
      const { status } = await ask(method.toUpperCase(), path, { as: FEED_TOKEN });
      expect([method, path, status]).toEqual([method, path, 401]);
    }
  }
  const headers = { 'Content-Type': 'application/atom+xml' };
  const body = '<feed xmlns="http://www.w3.org/2005/Atom"/>';
  for (const scope of ['send', 'read', 'operate', 'admin'] as const) {
    const { status } = await ask('POST', '/oh/feed', { as: tokenOf(scope), headers, body });
    expect(status).toBe(401);
  }
  expect((await exchange.store.operator.listQuarantined({ limit: 1 })).documents).toEqual([]);
});

test.each([
  ['in the query', '/messages?access_token=TOKEN', {}],
  ['in a cookie', '/messages', { Cookie: 'access_token=TOKEN; Authorization=Bearer TOKEN' }],
  ['as a password', '/messages', { Authorization: `Basic ${btoa(':TOKEN')}` }],
  ['with another scheme', '/messages', { Authorization: 'Token TOKEN' }],
  ['in another header', '/messages', { 'X-Api-Key': 'TOKEN', 'X-Forwarded-User': 'admin' }],
  ['twice', '/messages', { Authorization: 'Bearer TOKEN, Bearer TOKEN' }],
  ['with its scope', '/messages', { Authorization: 'Bearer TOKEN:admin' }],
  ['in part', '/messages', { Authorization: 'Bearer zztest-token-to-rea' }],
  ['in capitals', '/messages', { Authorization: `Bearer ${tokenOf('read').toUpperCase()}` }],
])('a token %s opens nothing', async (_how, path, headers: Record<string, string>) => {
  const { ask } = await fort();
  const filled = (text: string) => text.replaceAll('TOKEN', tokenOf('read'));
  const sent = Object.entries(headers).map(([name, value]) => [name, filled(value)]);
  const answer = await ask('GET', filled(path), { headers: Object.fromEntries(sent) });
  expect(answer.status).toBe(401);
  expect(await answer.text()).not.toContain('zztest-token');
});

test('guessing is answered 429 after a hundred tries, whatever address the guesser claims', async () => {
  const { ask } = await fort();
  const statuses: number[] = [];
  for (let n = 0; n < 110; n += 1) {
    const headers = { 'X-Forwarded-For': `10.0.0.${n}`, Forwarded: `for=10.0.1.${n}` };
    statuses.push((await ask('GET', '/messages', { as: `guess-${n}`, headers })).status);
  }
  expect(statuses.filter((status) => status === 401).length).toBe(100);
  expect(statuses.slice(100)).toEqual(Array.from({ length: 10 }, () => 429));
  expect((await ask('GET', '/messages', { as: tokenOf('read') })).status).toBe(200);
});

test('behind a proxy the address is what the proxy says, not what the client wrote before it', async () => {
  const { ask } = await fort({ TRUST_PROXY: '1' });
  const guess = async (n: number, client: string) => {
    const headers = { 'X-Forwarded-For': `10.0.0.${n}, ${client}` };
    return (await ask('GET', '/messages', { as: `guess-${n}`, headers })).status;
  };
  for (let n = 0; n < 100; n += 1) await guess(n, '192.0.2.1');
  expect(await guess(100, '192.0.2.1')).toBe(429);
  expect(await guess(101, '192.0.2.2')).toBe(401);
});

test('a guesser with a new IPv6 address for each try is one guesser', async () => {
  const { ask } = await fort({ TRUST_PROXY: '1' });
  const guess = async (client: string) => {
    const headers = { 'X-Forwarded-For': client };
    return (await ask('GET', '/messages', { as: 'guess', headers })).status;
  };
  for (let n = 0; n < 100; n += 1) {
    expect(await guess(`2001:db8:0:1:${n.toString(16)}::1`)).toBe(401);
  }
  expect(await guess('2001:db8:0:1:ffff::1')).toBe(429);
  expect(await guess('2001:db8:0:2::1')).toBe(401);
});

test('a token that was revoked opens nothing from the next request on', async () => {
  const { ask, exchange } = await fort();
  const secret = `smx_${randomBytes(32).toString('base64url')}`;
  const made = { name: 'portal', scopes: ['read' as const], digest: digestOf(secret) };
  const { id } = await exchange.store.access.addToken(made, 'test');
  expect((await ask('GET', '/messages', { as: secret })).status).toBe(200);
  await exchange.store.access.revokeToken(id, 'test');
  expect((await ask('GET', '/messages', { as: secret })).status).toBe(401);
});

test('every secret is compared by timingSafeEqual or looked up by its digest, by construction', () => {
  const files = {
    'src/access/bearer.ts': 1,
    'src/http/auth.ts': 3,
    'src/http/console/visitor.ts': 1,
  };
  for (const [file, least] of Object.entries(files)) {
    const source = readFileSync(join(ROOT, file), 'utf8');
    const uses = source.match(/timingSafeEqual\(/g) ?? [];
    expect([file, uses.length >= least]).toEqual([file, true]);
    expect(source).not.toMatch(/(?:secret|token|password|digest|signature)\w* ===? (?!undefined)/i);
  }
});

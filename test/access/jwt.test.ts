/** JWTs against a real JWKS over loopback; keys are made anew for each run. */
import { afterEach, expect, test } from 'bun:test';
import {
  type CryptoKey,
  exportJWK,
  generateKeyPair,
  type JWTPayload,
  SignJWT,
  UnsecuredJWT,
} from 'jose';
import { createVerifyJwt } from '../../src/access/jwt.ts';

const START = Date.UTC(2025, 9, 8, 14, 0, 0);
const SECOND = START / 1000;
const ISSUER = 'https://id.example.test';
const AUDIENCE = 'sm-exchange';
const cleanups: (() => unknown)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
});

interface Signer {
  alg: string;
  kid: string;
  key: CryptoKey;
}

async function issuer(algorithms = ['RS256'], answer?: () => Response | Promise<Response>) {
  const signers: Signer[] = [];
  const keys: object[] = [];
  let asked = 0;
  const addKey = async (alg: string) => {
    const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true });
    const kid = `${alg}-${keys.length}`;
    keys.push({ ...(await exportJWK(publicKey)), kid, alg });
    const signer = { alg, kid, key: privateKey };
    signers.push(signer);
    return signer;
  };
  for (const alg of algorithms) await addKey(alg);
  const server = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    fetch: () => {
      asked += 1;
      return answer?.() ?? Response.json({ keys });
    },
  });
  cleanups.push(() => server.stop(true));
  const clock = { now: START };
  const verify = createVerifyJwt({
    issuer: ISSUER,
    audience: AUDIENCE,
    jwksUrl: new URL('/jwks', server.url).href,
    clockSkewSeconds: 60,
    timeoutMs: 300,
    now: () => clock.now,
  });
  return { verify, clock, signers, addKey, server, asked: () => asked };
}

const claims = { iss: ISSUER, aud: AUDIENCE, sub: 'portal', exp: SECOND + 300, scope: 'read' };

function sign({ alg, kid, key }: Signer, changes: JWTPayload = {}, header: object = {}) {
  const given = Object.entries({ ...claims, ...changes }).filter(
    ([, value]) => value !== undefined,
  );
  return new SignJWT(Object.fromEntries(given))
    .setProtectedHeader({ alg, kid, ...header })
    .sign(key);
}

function first<T>(some: T[]): T {
  const [one] = some;
  if (one === undefined) throw new Error('none');
  return one;
}

test.each(['RS256', 'PS256', 'ES256', 'EdDSA'])(
  'a JWT signed with %s names its subject',
  async (alg) => {
    const { verify, signers } = await issuer([alg]);
    expect(await verify(await sign(first(signers)))).toEqual({
      name: 'jwt:portal',
      kind: 'jwt',
      scopes: ['read'],
    });
  },
);

test.each([
  [{ scope: 'openid send read:all operate' }, ['send', 'operate']],
  [{ scope: undefined, roles: ['operator'] }, ['read', 'operate']],
  [{ scope: 'send', roles: ['viewer', 'auditor', 'send', 7] }, ['send', 'read']],
  [{ scope: ['admin'], roles: 'admin' }, []],
  [{ scope: undefined, roles: ['constructor'] }, []],
])('the claims %p open %p', async (changes, scopes) => {
  const { verify, signers } = await issuer();
  expect((await verify(await sign(first(signers), changes)))?.scopes).toEqual(scopes as never);
});

test.each([
  [{ iss: 'https://other.example.test' }],
  [{ aud: 'another' }],
  [{ exp: SECOND - 61 }],
  [{ exp: undefined }],
  [{ sub: undefined }],
  [{ sub: 'ann (bob)' }],
  [{ nbf: SECOND + 61 }],
])('a JWT with %p is nobody’s', async (changes) => {
  const { verify, signers } = await issuer();
  expect(await verify(await sign(first(signers), changes as JWTPayload))).toBeUndefined();
});

test('the clocks may differ by the skew and no more', async () => {
  const { verify, clock, signers } = await issuer();
  const token = await sign(first(signers));
  clock.now += (300 + 59) * 1000;
  expect(await verify(token)).toBeDefined();
  clock.now += 2000;
  expect(await verify(token)).toBeUndefined();
});

test('neither no signature, nor another key, nor the public key as a secret will do', async () => {
  const { verify, signers } = await issuer();
  const good = await sign(first(signers));
  expect(await verify(good)).toBeDefined();
  const unsigned = new UnsecuredJWT(claims).encode();
  expect(await verify(unsigned)).toBeUndefined();
  const other = await generateKeyPair('RS256');
  const { kid } = first(signers);
  expect(await verify(await sign({ alg: 'RS256', kid, key: other.privateKey }))).toBeUndefined();
  const secret = new TextEncoder().encode('the public key, which everybody has');
  const confused = await new SignJWT(claims).setProtectedHeader({ alg: 'HS256', kid }).sign(secret);
  expect(await verify(confused)).toBeUndefined();
  const [header = '', , signature = ''] = good.split('.');
  const payload = Buffer.from(JSON.stringify({ ...claims, scope: 'admin' })).toString('base64url');
  expect(await verify(`${header}.${payload}.${signature}`)).toBeUndefined();
  expect(await verify('no.jwt.atall')).toBeUndefined();
  expect(await verify('opaque')).toBeUndefined();
});

test('keys are fetched once, and an unknown key does not have them fetched at every call', async () => {
  const { verify, signers, asked } = await issuer();
  for (let n = 0; n < 5; n += 1) await verify(await sign(first(signers)));
  expect(asked()).toBe(1);
  for (let n = 0; n < 5; n += 1) {
    expect(await verify(await sign(first(signers), {}, { kid: `k-${n}` }))).toBeUndefined();
  }
  expect(asked()).toBeLessThanOrEqual(2);
});

test.each([
  ['answers 500', () => new Response('', { status: 500 })],
  ['sends elsewhere', () => Response.redirect('http://127.0.0.1:9/jwks')],
  ['answers no keys', () => Response.json({ no: 'keys' })],
  ['floods', () => new Response(`{"keys":[${'{},'.repeat(200_000)}{}]}`)],
  ['never answers', () => new Promise<Response>(() => {})],
])('while the issuer %s nothing is said of the token', async (_how, answer) => {
  const { verify, signers } = await issuer(['RS256'], answer);
  expect(verify(await sign(first(signers)))).rejects.toMatchObject({
    code: 'unavailable',
    retryAfterSeconds: 5,
  });
});

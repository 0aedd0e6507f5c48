import { afterAll, beforeAll, expect, test } from 'bun:test';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { type Setup, setup } from './setup.ts';

let mocks: Setup;
beforeAll(async () => {
  mocks = await setup();
});
afterAll(() => mocks.stop());

const TYPE = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';

async function ask(form: Record<string, string>, authorization?: string) {
  const response = await fetch(mocks.variable('OH_AUTH_TOKEN_URL'), {
    method: 'POST',
    headers: authorization === undefined ? {} : { authorization },
    body: new URLSearchParams(form),
  });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

const basic = (secret = mocks.variable('OH_AUTH_CLIENT_SECRET')): string =>
  `Basic ${btoa(`${mocks.variable('OH_AUTH_CLIENT_ID')}:${secret}`)}`;
const grant = { grant_type: 'client_credentials', scope: 'system/Patient.read' };

test('Basic gives a token for 570 seconds', async () => {
  const { status, body } = await ask(grant, basic());
  expect(status).toBe(200);
  expect(body).toMatchObject({ token_type: 'Bearer', expires_in: 570 });
  expect(await mocks.control(mocks.origins.auth, 'GET', 'tokens')).toMatchObject({ issued: 1 });
});

test('a wrong client, scope, grant or form is refused by RFC 6749 names', async () => {
  expect(await ask(grant, basic('wrong'))).toEqual({
    status: 401,
    body: { error: 'invalid_client' },
  });
  expect(await ask(grant)).toEqual({ status: 401, body: { error: 'invalid_client' } });
  const scope = { ...grant, scope: 'system/Patient.write' };
  expect(await ask(scope, basic())).toEqual({ status: 400, body: { error: 'invalid_scope' } });
  const password = { ...grant, grant_type: 'password' };
  expect(await ask(password, basic())).toEqual({
    status: 400,
    body: { error: 'unsupported_grant_type' },
  });
  const json = await fetch(mocks.variable('OH_AUTH_TOKEN_URL'), { method: 'POST', body: '{}' });
  expect(json.status).toBe(400);
  expect(await json.json()).toEqual({ error: 'invalid_request' });
});

const present = (assertion: string) =>
  ask({ ...grant, client_assertion_type: TYPE, client_assertion: assertion });

test('private_key_jwt is verified: key, audience, life and single use', async () => {
  const { privateKey, publicKey } = await generateKeyPair('ES384');
  const jwk = { ...(await exportJWK(publicKey)), kid: 'k1', alg: 'ES384' };
  const client = { clientId: 'zztest-jwt', jwks: { keys: [jwk] } };
  await mocks.control(mocks.origins.auth, 'POST', 'clients', client);
  const now = Math.floor(mocks.clock.now / 1000);
  const signed = (claims: Record<string, unknown> = {}, kid = 'k1') =>
    new SignJWT({
      iss: 'zztest-jwt',
      sub: 'zztest-jwt',
      aud: mocks.variable('OH_AUTH_TOKEN_URL'),
      jti: crypto.randomUUID(),
      exp: now + 240,
      ...claims,
    })
      .setProtectedHeader({ alg: 'ES384', kid })
      .sign(privateKey);
  const good = await signed();
  expect((await present(good)).status).toBe(200);
  const refused = { status: 401, body: { error: 'invalid_client' } };
  expect(await present(good)).toEqual(refused);
  expect(await present(await signed({ aud: 'https://other.test' }))).toEqual(refused);
  expect(await present(await signed({ exp: now + 600 }))).toEqual(refused);
  expect(await present(await signed({ exp: now - 60 }))).toEqual(refused);
  expect(await present(await signed({ sub: 'other' }))).toEqual(refused);
  expect(await present(await signed({}, 'k2'))).toEqual(refused);
  expect(await present('nonsense')).toEqual(refused);
});

test('keys can lie behind a URL', async () => {
  const { privateKey, publicKey } = await generateKeyPair('RS384');
  const jwk = { ...(await exportJWK(publicKey)), kid: 'k9', alg: 'RS384' };
  const server = Bun.serve({ port: 0, fetch: () => Response.json({ keys: [jwk] }) });
  const jwksUri = `http://127.0.0.1:${server.port}/jwks`;
  await mocks.control(mocks.origins.auth, 'POST', 'clients', { clientId: 'zztest-url', jwksUri });
  const assertion = await new SignJWT({ jti: 'once' })
    .setProtectedHeader({ alg: 'RS384', kid: 'k9' })
    .setIssuer('zztest-url')
    .setSubject('zztest-url')
    .setAudience(mocks.variable('OH_AUTH_TOKEN_URL'))
    .setExpirationTime(new Date(mocks.clock.now + 60_000))
    .sign(privateKey);
  const form = { ...grant, client_assertion_type: TYPE, client_assertion: assertion };
  expect((await ask(form)).status).toBe(200);
  await server.stop(true);
});

test('a token ends with its time, and all tokens when told', async () => {
  const url = `${mocks.variable('OH_MESSAGING_BASE_URL')}/demo/pools`;
  const status = async (authorization: string): Promise<number> =>
    (await fetch(url, { headers: { authorization } })).status;
  const first = await mocks.bearer();
  expect(await status(first)).toBe(200);
  mocks.clock.now += 571_000;
  expect(await status(first)).toBe(401);
  const second = await mocks.bearer();
  expect(await status(second)).toBe(200);
  await mocks.control(mocks.origins.auth, 'POST', 'expire');
  expect(await status(second)).toBe(401);
});

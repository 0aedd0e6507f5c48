import { expect, test } from 'bun:test';
import { FailedAttempts, WRONG_TOKENS } from '../../src/access/attempts.ts';
import { createApp } from '../../src/http/app.ts';
import { createClientOf } from '../../src/http/client.ts';
import { RateLimit } from '../../src/http/rate-limit.ts';
import type { Scope } from '../../src/principal.ts';
import { createTelemetry } from '../../src/telemetry/telemetry.ts';
import { START, setup, token } from './setup.ts';

const ICN = '1012345678V123456';
const MESSAGE = { icn: ICN, subject: 'Refill', body: 'May I?', receivingPoolId: '2000001' };
const ID = '01a2055c-e698-74c2-b1d2-52e04040871f';

/** Every route of the API with the scope it needs. */
const routes: [method: string, path: string, scope: Scope, body?: unknown][] = [
  ['GET', '/audit', 'admin'],
  ['POST', '/messages', 'send', MESSAGE],
  ['POST', '/sessions', 'send', { icn: ICN }],
  ['GET', '/messages', 'read'],
  ['GET', `/messages/${ID}`, 'read'],
  ['GET', `/sessions/${ICN}`, 'read'],
  ['GET', '/destinations', 'read'],
  ['GET', '/directory', 'read'],
  ['GET', '/quarantine', 'read'],
  ['GET', `/quarantine/${ID}`, 'read'],
  ['GET', `/quarantine/${ID}/body`, 'operate'],
  ['POST', `/messages/${ID}/retry`, 'operate', {}],
  ['POST', `/messages/${ID}/dismiss`, 'operate', { actor: 'ann', reason: 'no need' }],
  ['POST', '/replay', 'operate', {}],
  ['POST', `/quarantine/${ID}/replay`, 'operate', {}],
  ['POST', '/destinations/nowhere/pause', 'operate', { actor: 'ann' }],
  ['POST', '/destinations/nowhere/resume', 'operate', { actor: 'ann' }],
  ['PUT', '/directory/2000001', 'operate', { names: [{ name: 'Lab', stationNumber: '668' }] }],
  ['DELETE', '/directory/2000001?name=Nobody', 'operate'],
];
/** Bun takes a parameter that a row does not fill for a callback. */
const filled = routes.map(([method, path, scope, body]) => [method, path, scope, body] as const);
const open = [
  '/console/login',
  '/health/live',
  '/health/ready',
  '/oh/feed',
  '/.well-known/jwks.json',
  '/openapi',
];

function site() {
  const apiTokens = (['send', 'read', 'operate', 'admin'] as const).map((scope) =>
    token(`${scope}-token`, scope),
  );
  const { url } = setup({ mode: 'required', apiTokens });
  return (method: string, path: string, authorization?: string, body?: unknown) =>
    fetch(url + path, {
      method,
      headers: {
        ...(authorization ? { Authorization: authorization } : {}),
        ...(body === undefined ? {} : { 'Content-Type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
}

test.each(filled)('%s %s lets in the scope %s and no other', async (method, path, scope, body) => {
  const call = site();
  for (const other of ['send', 'read', 'operate'].filter((one) => one !== scope)) {
    const refused = await call(method, path, `Bearer ${other}-token`, body);
    expect(refused.status).toBe(403);
    expect(refused.headers.get('www-authenticate')).toContain(
      `error="insufficient_scope", scope="${scope}"`,
    );
    expect(refused.headers.get('content-type')).toBe('application/problem+json');
  }
  for (const allowed of [scope, 'admin']) {
    const { status } = await call(method, path, `Bearer ${allowed}-token`, body);
    expect([401, 403, 500]).not.toContain(status);
  }
});

test.each(filled)('%s %s wants to know who calls', async (method, path, _scope, body) => {
  const call = site();
  const anonymous = await call(method, path, undefined, body);
  expect(anonymous.status).toBe(401);
  expect(anonymous.headers.get('www-authenticate')).toBe('Bearer realm="sm-exchange"');
  for (const authorization of [
    'Bearer another',
    'Bearer',
    'Basic cmVhZC10b2tlbg==',
    'read-token',
  ]) {
    const refused = await call(method, path, authorization, body);
    expect(refused.status).toBe(401);
    expect(refused.headers.get('www-authenticate')).toContain('error="invalid_token"');
  }
});

test('no page of the console is open but its door', async () => {
  const { url } = setup({ mode: 'required' });
  for (const path of ['/console', '/console?x=1']) {
    expect((await fetch(url + path, { redirect: 'manual' })).status).toBe(303);
  }
  const headers = { 'Content-Type': 'application/x-www-form-urlencoded' };
  const out = await fetch(`${url}/console/logout`, { method: 'POST', headers, body: 'csrf=x' });
  expect(out.status).toBe(403);
});

test('no route is open but those that are meant to be', () => {
  const app = createApp({
    ...({} as Parameters<typeof createApp>[0]),
    extraction: { messagingBaseUrl: 'http://oh.invalid', authority: 'demo' },
    telemetry: createTelemetry({ now: () => 0 }),
    auth: { mode: 'none', feedTokens: [], feedPasswords: [], feedSecrets: [], now: () => 0 },
    console: {
      visitorOf: async () => undefined,
      login: async () => undefined,
      clientOf: createClientOf(0),
    },
    door: {
      authenticate: () => Promise.reject(new Error('nobody calls')),
      limit: new RateLimit({ max: 0, windowMs: 60_000, maxCallers: 1 }, () => 0),
      failures: new FailedAttempts(WRONG_TOKENS, () => 0),
      clientOf: createClientOf(0),
    },
  });
  const unsaid = app.routes
    .filter(({ hooks }) => hooks.detail?.security === undefined)
    .map(({ path }) => path)
    .filter((path) => !open.some((known) => path === known || path.startsWith('/openapi/')))
    .filter((path) => !path.startsWith('/console/assets/'));
  expect(unsaid).toEqual([]);
});

test('a caller who is nobody is refused before the body is looked at', async () => {
  const call = site();
  expect((await call('POST', '/messages', undefined, { icn: 'not one' })).status).toBe(401);
  expect((await call('POST', '/messages', 'Bearer read-token', { icn: 'not one' })).status).toBe(
    403,
  );
  expect((await call('POST', '/messages', 'Bearer send-token', { icn: 'not one' })).status).toBe(
    422,
  );
});

test('who did it is the caller, whatever name the request gives', async () => {
  const { url, store, send } = setup({
    mode: 'required',
    apiTokens: [token('a-token', 'send', 'operate', 'read')],
  });
  const authorization = { Authorization: 'Bearer a-token' };
  const { id } = (await (await send(MESSAGE, authorization)).json()) as { id: string };
  const lane = { stage: 'inbox', direction: 'mhv-to-oh' } as const;
  const [claimed] = await store.claim(lane, 1);
  if (!claimed) throw new Error('nothing to claim');
  const outcome = { kind: 'rejected', code: 'oh:400', reason: 'No.' } as const;
  await store.settle(claimed, { state: 'dead', outcome });
  for (const body of [{ actor: 'somebody-else' }, {}]) {
    const response = await fetch(`${url}/messages/${id}/retry`, {
      method: 'POST',
      headers: { ...authorization, 'Content-Type': 'application/json' },
      body: JSON.stringify(body),
    });
    expect(response.status).toBe(202);
  }
  const found = await store.find(id);
  expect(found?.events.map(({ actor }) => actor)).toEqual(['environment:1 (somebody-else)']);
});

test('wrong tokens from one address are answered 429 after a hundred, right ones go on', async () => {
  const clock = { now: START };
  const { url } = setup({
    mode: 'required',
    apiTokens: [token('right', 'read')],
    now: () => clock.now,
  });
  const ask = (secret: string) =>
    fetch(`${url}/messages`, { headers: { Authorization: `Bearer ${secret}` } });
  const statuses = new Set<number>();
  for (let n = 0; n < 100; n += 1) statuses.add((await ask(`wrong-${n}`)).status);
  expect([...statuses]).toEqual([401]);
  const refused = await ask('wrong');
  expect(refused.status).toBe(429);
  expect(refused.headers.get('retry-after')).toBe('60');
  expect((await ask('right')).status).toBe(200);
  clock.now += 60_000;
  expect((await ask('wrong')).status).toBe(401);
});

/** API5:2023 Broken Function Level Authorization: every route of the description, with every scope. */
import { expect, test } from 'bun:test';
import { SCOPES, type Scope } from '../../src/principal.ts';
import { FEED_TOKEN, fort, NO_ID, tokenOf } from './setup.ts';

/** Who may enter. A route that is not here fails the test, and so does a line without a route. */
const RULES: Record<string, Scope | 'anybody' | 'the feed'> = {
  'GET /health/live': 'anybody',
  'GET /health/ready': 'anybody',
  'GET /.well-known/jwks.json': 'anybody',
  'GET /oh/feed': 'anybody',
  'POST /oh/feed': 'the feed',
  'POST /messages': 'send',
  'POST /sessions': 'send',
  'GET /metrics': 'read',
  'GET /messages': 'read',
  'GET /messages/{id}': 'read',
  'GET /sessions/{icn}': 'read',
  'GET /destinations': 'read',
  'GET /directory': 'read',
  'GET /quarantine': 'read',
  'GET /quarantine/{id}': 'read',
  'GET /quarantine/{id}/body': 'operate',
  'POST /quarantine/{id}/replay': 'operate',
  'POST /messages/{id}/retry': 'operate',
  'POST /messages/{id}/dismiss': 'operate',
  'POST /replay': 'operate',
  'POST /destinations/{destination}/pause': 'operate',
  'POST /destinations/{destination}/resume': 'operate',
  'PUT /directory/{ohPoolId}': 'operate',
  'DELETE /directory/{ohPoolId}': 'operate',
  'GET /audit': 'admin',
};

interface Description {
  paths: Record<string, Record<string, { requestBody?: unknown }>>;
}

/** Values that a path takes; nothing has these ids. */
const VALUES: Record<string, string> = {
  id: NO_ID,
  icn: '1012345678V123456',
  destination: 'nowhere',
  ohPoolId: '2000001',
};

async function operations() {
  const site = await fort();
  const description = (await (await site.ask('GET', '/openapi/json')).json()) as Description;
  const found = Object.entries(description.paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, { requestBody }]) => ({
      name: `${method.toUpperCase()} ${path}`,
      method: method.toUpperCase(),
      target: path.replaceAll(/\{(\w+)\}/g, (_all, name: string) => VALUES[name] ?? 'missing'),
      takesBody: requestBody !== undefined,
    })),
  );
  return { ...site, found };
}

test('there is a rule for every route, and a route for every rule', async () => {
  const { found } = await operations();
  expect(found.map(({ name }) => name).toSorted()).toEqual(Object.keys(RULES).toSorted());
});

test('every route lets in the scope of its rule, and admin, and nobody else', async () => {
  const { found, ask } = await operations();
  const callers: [string, string | undefined][] = [
    ['nobody', undefined],
    ['a stranger', 'zztest-token-of-nobody'],
    ['the feed', FEED_TOKEN],
    ...SCOPES.map((scope): [string, string] => [scope, tokenOf(scope)]),
  ];
  const wrong: string[] = [];
  for (const { name, method, target, takesBody } of found) {
    const rule = RULES[name];
    for (const [caller, as] of callers) {
      const json = takesBody && rule !== 'the feed' ? { json: {} } : {};
      const { status } = await ask(method, target, {
        ...(as === undefined ? {} : { as }),
        ...json,
      });
      const isIn = status !== 401 && status !== 403;
      const isCaller = SCOPES.some((scope) => scope === caller);
      const may =
        rule === 'anybody' || rule === caller || (caller === 'admin' && rule !== 'the feed');
      if (status >= 500 || isIn !== may) wrong.push(`${name} answers ${caller} ${status}`);
      if (!may && status !== (isCaller && rule !== 'the feed' ? 403 : 401)) {
        wrong.push(`${name} refuses ${caller} with ${status}`);
      }
    }
  }
  expect(wrong).toEqual([]);
});

test.each(['HEAD', 'OPTIONS', 'TRACE', 'PATCH', 'PROPFIND'])(
  'the method %s is no way around a rule',
  async (method) => {
    const { found, ask } = await operations();
    const open = found.filter(({ name }) => RULES[name] === 'anybody').map(({ target }) => target);
    for (const { target } of found.filter((one) => !open.includes(one.target))) {
      expect([401, 403, 404, 405]).toContain((await ask(method, target)).status);
    }
  },
);

test.each([
  '/audit/',
  '//audit',
  '/./audit',
  '/health/live/../../audit',
  '/health/..%2faudit',
  '/%61udit',
  '/AUDIT',
  '/audit;x=1',
  '/audit.json',
  '/audit%00',
  '/audit%20',
  '/console/../audit',
  '/health/live?/../audit',
  '/openapi/../audit',
])('the path %p is no way around a rule', async (path) => {
  const { ask } = await fort();
  for (const headers of [
    {},
    { 'X-Original-URL': '/audit', 'X-Rewrite-URL': '/audit' },
    { 'X-HTTP-Method-Override': 'GET', 'X-Forwarded-Prefix': '/audit' },
    { 'X-Forwarded-For': '127.0.0.1', 'X-Real-IP': '127.0.0.1', 'X-Forwarded-User': 'admin' },
  ]) {
    const answer = await ask('GET', path, { as: tokenOf('read'), headers });
    const text = await answer.text();
    expect(text).not.toContain('prevHash');
    if (answer.status === 200) expect(text).toBe('{"status":"ok"}');
    else expect([401, 403, 404]).toContain(answer.status);
  }
});

test('who may not read learns nothing from how a body is refused', async () => {
  const { ask } = await fort();
  for (const json of [{ icn: 'not one' }, {}, { filter: { icn: 1 } }]) {
    const refused = await ask('POST', '/replay', { as: tokenOf('send'), json });
    expect(refused.status).toBe(403);
    expect(await refused.text()).not.toContain('body/');
  }
});

test('no role of the console opens the API, and no token of the API the console', async () => {
  const { ask } = await fort();
  const page = await ask('GET', '/console', { as: tokenOf('admin') });
  expect(page.status).toBe(303);
  const cookie = { Cookie: `smx-session=${tokenOf('admin')}` };
  expect((await ask('GET', '/console', { headers: cookie })).status).toBe(303);
  expect((await ask('GET', '/messages', { headers: cookie })).status).toBe(401);
});

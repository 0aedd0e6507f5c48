/** The console's door over real HTTP: logging in, staying in, and being kept out. */
import { expect, test } from 'bun:test';
import { hashPassword } from '../../src/access/login.ts';
import { createClientOf } from '../../src/http/client.ts';
import { createVisitorOf } from '../../src/http/console/visitor.ts';
import type { Principal, Role } from '../../src/principal.ts';
import { START, setup } from './setup.ts';

const PASSWORD = 'correct horse battery staple';
const MINUTE = 60_000;
/** Cheap, but for the password: the cost of a hash is not what is tested. */
const hash = await hashPassword(PASSWORD);

async function site(role: Role = 'operator') {
  const clock = { now: START };
  const made = setup({ mode: 'required', now: () => clock.now });
  await made.store.operators.add({ name: 'ann', role, passwordHash: hash }, 'test');
  const post = (path: string, form: Record<string, string>, headers: Record<string, string> = {}) =>
    fetch(made.url + path, {
      method: 'POST',
      redirect: 'manual',
      body: new URLSearchParams(form),
      headers,
    });
  const get = (path: string, cookie?: string) =>
    fetch(made.url + path, { redirect: 'manual', headers: cookie ? { Cookie: cookie } : {} });
  const logIn = async (password = PASSWORD, name = 'ann', headers = {}) => {
    const response = await post('/console/login', { name, password }, headers);
    return { response, cookie: response.headers.get('set-cookie')?.split(';', 1)[0] ?? '' };
  };
  const csrfOf = async (cookie: string) =>
    /name="csrf" value="([\w-]+)"/.exec(await (await get('/console', cookie)).text())?.[1] ?? '';
  return { ...made, clock, post, get, logIn, csrfOf };
}

test('who is not logged in is shown the door, and after it goes on to where they wanted', async () => {
  const { get, post } = await site();
  const sent = await get('/console?filter=dead');
  expect(sent.status).toBe(303);
  expect(sent.headers.get('location')).toBe('/console/login?next=%2Fconsole%3Ffilter%3Ddead');
  const door = await (await get(sent.headers.get('location') ?? '')).text();
  expect(door).toContain('name="next" value="/console?filter=dead"');
  expect(door).not.toMatch(/<script|style=|<style/);
  const next = '/console?filter=dead';
  const response = await post('/console/login', { name: 'ann', password: PASSWORD, next });
  expect(response.headers.get('location')).toBe(next);
});

test('a login is a cookie that no script reads and no other site sends', async () => {
  const { logIn, get, query } = await site();
  const { response, cookie } = await logIn();
  expect(response.status).toBe(303);
  const set = response.headers.get('set-cookie') ?? '';
  expect(set).toMatch(/^smx-session=[\w-]{43}; Path=\/; HttpOnly; SameSite=Strict$/);
  const page = await get('/console', cookie);
  expect(page.headers.get('cache-control')).toBe('no-store');
  expect(await page.text()).toContain('<span class="who">ann</span>');
  const secret = cookie.split('=')[1] ?? '';
  const everything = JSON.stringify(query('SELECT hex(digest), * FROM logins'));
  expect(everything).not.toContain(secret);
  expect(query("SELECT actor, action FROM audit WHERE actor <> 'test'")).toEqual([
    { actor: 'ann', action: 'console.login' },
  ]);
});

test.each([
  ['a wrong password', 'ann', 'wrong'],
  ['a name that nobody has', 'bob', PASSWORD],
  ['no password', 'ann', ''],
])('%s opens nothing, and the answer is the same', async (_what, name, password) => {
  const { logIn } = await site();
  const { response, cookie } = await logIn(password, name);
  expect(response.status).toBe(401);
  expect(cookie).toBe('');
  expect(await response.text()).toContain('Name and password do not belong together.');
});

test('a login ends unused after half an hour, used after twelve hours, and by logging out', async () => {
  const { logIn, get, post, clock, csrfOf } = await site();
  const idle = (await logIn()).cookie;
  clock.now += 31 * MINUTE;
  expect((await get('/console', idle)).status).toBe(303);
  const used = (await logIn()).cookie;
  for (let spent = 0; spent < 12 * 60; spent += 20) {
    expect((await get('/console', used)).status).toBe(200);
    clock.now += 20 * MINUTE;
  }
  clock.now += 1;
  expect((await get('/console', used)).status).toBe(303);
  const { cookie } = await logIn();
  const out = await post('/console/logout', { csrf: await csrfOf(cookie) }, { Cookie: cookie });
  expect(out.headers.get('set-cookie')).toContain('Max-Age=0');
  expect((await get('/console', cookie)).status).toBe(303);
});

test('a new password and being disabled end every login', async () => {
  const { logIn, get, store } = await site();
  const first = (await logIn()).cookie;
  await store.operators.setPassword('ann', hash, 'test');
  expect((await get('/console', first)).status).toBe(303);
  const second = (await logIn()).cookie;
  await store.operators.disable('ann', 'test');
  expect((await get('/console', second)).status).toBe(303);
  expect((await logIn()).response.status).toBe(401);
});

test('logging in again leaves the session from before behind', async () => {
  const { logIn, get } = await site();
  const planted = 'smx-session=planted-by-somebody-else';
  const { cookie } = await logIn(PASSWORD, 'ann', { Cookie: planted });
  expect(cookie).not.toBe(planted);
  const again = await logIn(PASSWORD, 'ann', { Cookie: cookie });
  expect((await get('/console', cookie)).status).toBe(303);
  expect((await get('/console', again.cookie)).status).toBe(200);
});

test.each([
  ['without its token', {}, {}],
  ['with the token of another session', { csrf: 'other' }, {}],
  ['from another site', { csrf: 'right' }, { 'Sec-Fetch-Site': 'cross-site' }],
  ['from another host of the same site', { csrf: 'right' }, { 'Sec-Fetch-Site': 'same-site' }],
  ['from another origin', { csrf: 'right' }, { Origin: 'https://evil.example.test' }],
  ['from an origin that hides', { csrf: 'right' }, { Origin: 'null' }],
])('a form %s does nothing', async (_how, form: { csrf?: string }, headers) => {
  const { logIn, post, get, csrfOf } = await site();
  const { cookie } = await logIn();
  const other = await csrfOf((await logIn()).cookie);
  const tokens: Record<string, string> = { right: await csrfOf(cookie), other };
  const csrf = form.csrf === undefined ? {} : { csrf: tokens[form.csrf] ?? '' };
  const refused = await post('/console/logout', csrf, { ...headers, Cookie: cookie });
  expect([403, 422]).toContain(refused.status);
  expect((await get('/console', cookie)).status).toBe(200);
});

test('a login that another site sends does nothing', async () => {
  const { logIn } = await site();
  const { response } = await logIn(PASSWORD, 'ann', { 'Sec-Fetch-Site': 'cross-site' });
  expect(response.status).toBe(403);
  expect(response.headers.get('set-cookie')).toBeNull();
});

test('a login leads to the console and to no other site', async () => {
  const { post } = await site();
  for (const next of [
    'https://evil.example.test',
    '//evil.example.test',
    '/console/../x\\',
    '/consoles',
  ]) {
    const { status } = await post('/console/login', { name: 'ann', password: PASSWORD, next });
    expect(status).toBe(422);
  }
});

test('what somebody types is text on the page, not markup', async () => {
  const { get } = await site();
  const door = await (
    await get(`/console/login?next=${encodeURIComponent('"><script>x</script>')}`)
  ).text();
  expect(door).not.toContain('<script>');
});

test('ten wrong passwords make a name wait, the right one too, and then it is let in', async () => {
  const { logIn, clock, query } = await site();
  for (let n = 0; n < 10; n += 1) expect((await logIn('wrong')).response.status).toBe(401);
  const { response } = await logIn();
  expect(response.status).toBe(429);
  expect(response.headers.get('retry-after')).toBe('300');
  expect(query("SELECT object_id FROM audit WHERE action = 'console.login-failed'")).toEqual([
    { object_id: 'ann' },
  ]);
  clock.now += 5 * MINUTE;
  expect((await logIn()).response.status).toBe(303);
}, 20_000);

test('a proxy that logs people in vouches for them, and its forms are bound to them', async () => {
  const people: Record<string, Principal> = {
    'jwt-of-ann': { name: 'jwt:ann', kind: 'jwt', scopes: ['read'] },
    'jwt-of-eve': { name: 'jwt:eve', kind: 'jwt', scopes: ['send'] },
  };
  const { url } = setup({ mode: 'required' }, 1000, (store) => ({
    console: {
      visitorOf: createVisitorOf({
        store,
        mode: 'required',
        proxy: { header: 'x-auth-jwt', verify: async (token) => people[token] },
        formKey: new Uint8Array(32),
        clientOf: createClientOf(0),
      }),
      login: async () => undefined,
      clientOf: createClientOf(1),
    },
  }));
  const look = (jwt?: string) =>
    fetch(`${url}/console`, { redirect: 'manual', headers: jwt ? { 'X-Auth-Jwt': jwt } : {} });
  const page = await look('jwt-of-ann');
  expect(await page.text()).toContain('<span class="who">jwt:ann</span>');
  expect((await look('jwt-of-eve')).status).toBe(403);
  expect((await look('forged')).status).toBe(303);
  expect((await look()).status).toBe(303);
});

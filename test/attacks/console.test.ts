/** The console, attacked through a browser and around it. */
import { expect, test } from 'bun:test';
import { clinicianWrites } from './hostile.ts';
import { FEED_TOKEN, type Fort, fort, loggedIn, NO_ID, PASSWORD, tokenOf } from './setup.ts';

const FORM = { 'Content-Type': 'application/x-www-form-urlencoded' };

/** Every form of the console, with fields that fit, and whether a viewer may send it. */
const FORMS: { path: string; fields: Record<string, string>; opens?: 'read' }[] = [
  { path: '/console/destinations/oh-to-mhv/pause', fields: {} },
  { path: '/console/destinations/oh-to-mhv/resume', fields: {} },
  { path: `/console/messages/${NO_ID}/contents`, fields: {} },
  { path: `/console/messages/${NO_ID}/retry`, fields: {} },
  { path: `/console/messages/${NO_ID}/dismiss`, fields: { reason: 'no need' } },
  { path: '/console/replay/dry-run', fields: { status: 'FAILED' } },
  { path: '/console/replay', fields: { status: 'FAILED' } },
  { path: `/console/quarantine/${NO_ID}/text`, fields: {} },
  { path: `/console/quarantine/${NO_ID}/replay`, fields: {} },
  { path: `/console/quarantine/${NO_ID}/edited`, fields: { edited: 'x' } },
  { path: '/console/directory/2000001', fields: { name: 'Evil', stationNumber: '668' } },
  { path: '/console/directory/2000001/remove', fields: { name: 'Evil' } },
  { path: '/console/messages', fields: { icn: '1012345678V123456' }, opens: 'read' },
  { path: '/console/histories', fields: { icn: '1012345678V123456' }, opens: 'read' },
  { path: '/console/logout', fields: {}, opens: 'read' },
];

const login = (
  { ask }: Fort,
  name: string,
  password: string,
  headers: Record<string, string> = {},
) => ask('POST', '/console/login', { headers, body: new URLSearchParams({ name, password }) });

async function csrfOf({ ask }: Fort, cookie: string): Promise<string> {
  const page = await (await ask('GET', '/console', { headers: { Cookie: cookie } })).text();
  return /name="csrf" value="([\w-]+)"/.exec(page)?.[1] ?? '';
}

test('each form on the pages carries the token of its session, and is one of those attacked below', async () => {
  const site = await fort();
  const id = await site.send(1);
  await clinicianWrites(site);
  await site.ask('POST', '/oh/feed', {
    as: FEED_TOKEN,
    headers: { 'Content-Type': 'application/atom+xml' },
    body: '<feed',
  });
  await site.drain();
  const { documents } = await site.exchange.store.operator.listQuarantined({ limit: 1 });
  const headers = { Cookie: await loggedIn(site, 'ann', 'admin') };
  const known = new Set(FORMS.map(({ path }) => patternOf(path)));
  const met = new Set<string>();
  const pages = ['', '/destinations', '/messages', `/messages/${id}`, '/replay', '/directory'];
  const more = ['/histories', '/quarantine', `/quarantine/${documents[0]?.id}`, '/system'];
  for (const page of [...pages, ...more]) {
    const html = await (await site.ask('GET', `/console${page}`, { headers })).text();
    for (const [form] of html.matchAll(/<form[^>]*method="post"[\s\S]*?<\/form>/g)) {
      const action = /action="([^"?#]*)/.exec(form)?.[1] ?? `/console${page}`;
      expect([action, known.has(patternOf(action))]).toEqual([action, true]);
      expect([action, form.includes('name="csrf"')]).toEqual([action, true]);
      met.add(patternOf(action));
    }
  }
  expect(met.size).toBeGreaterThanOrEqual(8);
});

/** The path with every id in it left out. */
function patternOf(path: string): string {
  return path.replaceAll(/[0-9a-f-]{36}|\d{5,}/g, ':id').replace(/oh-to-mhv|mhv-to-oh/, ':to');
}

test('a form from another site changes nothing, whatever of the browser it brings', async () => {
  const site = await fort();
  const cookie = await loggedIn(site, 'ann', 'admin');
  const csrf = await csrfOf(site, cookie);
  const before = JSON.stringify(await site.exchange.store.audit.list({}, { after: 0, limit: 200 }));
  const forgeries: [Record<string, string>, Record<string, string>][] = [
    [{}, {}],
    [{ csrf: '' }, {}],
    [{ csrf: csrf.toUpperCase() }, {}],
    [{ csrf: csrf.slice(0, -1) }, {}],
    [{ csrf }, { Origin: 'https://evil.example.test' }],
    [{ csrf }, { Origin: 'null' }],
    [{ csrf }, { 'Sec-Fetch-Site': 'cross-site' }],
    [{ csrf }, { 'Sec-Fetch-Site': 'same-site' }],
  ];
  for (const { path, fields } of FORMS) {
    for (const [forged, headers] of forgeries) {
      const body = new URLSearchParams({ ...fields, ...forged });
      const answer = await site.ask('POST', path, {
        headers: { ...headers, Cookie: cookie },
        body,
      });
      expect([path, [403, 404, 422].includes(answer.status)]).toEqual([path, true]);
    }
    const get = await site.ask('GET', `${path}?${new URLSearchParams({ ...fields, csrf })}`, {
      headers: { Cookie: cookie },
    });
    expect([path, get.status < 500]).toEqual([path, true]);
    const json = await site.ask('POST', path, { headers: { Cookie: cookie }, json: fields });
    expect([path, json.status >= 400]).toEqual([path, true]);
  }
  expect(JSON.stringify(await site.exchange.store.audit.list({}, { after: 0, limit: 200 }))).toBe(
    before,
  );
  expect((await site.ask('GET', '/console', { headers: { Cookie: cookie } })).status).toBe(200);
});

test('no page can be framed, nor its opener reached', async () => {
  const site = await fort();
  const cookie = await loggedIn(site, 'ann', 'admin');
  for (const path of ['/console', '/console/login', '/console/replay', '/openapi']) {
    const { headers } = await site.ask('GET', path, { headers: { Cookie: cookie } });
    expect(headers.get('x-frame-options')).toBe('DENY');
    expect(headers.get('content-security-policy')).toContain("frame-ancestors 'none'");
    expect(headers.get('cross-origin-opener-policy')).toBe('same-origin');
  }
});

test('a session that somebody planted is not gone on with, and its owner does not get in', async () => {
  const site = await fort();
  await loggedIn(site, 'ann', 'admin');
  for (const planted of ['smx-session=planted', '__Host-smx-session=planted', 'smx-session=']) {
    const answer = await login(site, 'ann', PASSWORD, { Cookie: planted });
    const cookie = answer.headers.get('set-cookie')?.split(';', 1)[0] ?? '';
    expect(cookie).toMatch(/^smx-session=[\w-]{43}$/);
    expect(cookie).not.toContain('planted');
    const back = await site.ask('GET', '/console', { headers: { Cookie: planted } });
    expect(back.status).toBe(303);
  }
});

test('a viewer gets no further than a viewer may, whatever form they write', async () => {
  const site = await fort();
  const cookie = await loggedIn(site, 'eve', 'viewer');
  const csrf = await csrfOf(site, cookie);
  for (const { path, fields } of FORMS.filter(({ opens }) => opens === undefined)) {
    const headers = { Cookie: cookie };
    const fits = await site.ask('POST', path, {
      headers,
      body: new URLSearchParams({ ...fields, csrf }),
    });
    expect([path, fits.status]).toEqual([path, 403]);
    const body = new URLSearchParams({ ...fields, csrf, role: 'admin', scopes: 'admin' });
    const more = await site.ask('POST', path, { headers, body });
    expect([path, [403, 422].includes(more.status)]).toEqual([path, true]);
  }
  expect(await site.exchange.store.pauses()).toEqual([]);
});

test('guessing a password ends after ten tries, and the right one waits too', async () => {
  const site = await fort();
  await loggedIn(site, 'ann', 'operator');
  const statuses: number[] = [];
  for (let n = 0; n < 12; n += 1) {
    const headers = { 'X-Forwarded-For': `10.0.0.${n}` };
    statuses.push((await login(site, 'ann', `guess number ${n}`, headers)).status);
  }
  expect(statuses).toEqual([...Array.from({ length: 10 }, () => 401), 429, 429]);
  expect((await login(site, 'ann', PASSWORD)).status).toBe(429);
  const trail = await (await site.ask('GET', '/audit', { as: tokenOf('admin') })).text();
  expect(trail).toContain('console.login-failed');
}, 20_000);

test.each([
  ['one address', () => '2001:db8::1'],
  ['one network of IPv6', (n: number) => `2001:db8::${n}`],
])(
  '%s that tries a name each is stopped like one that tries a password each',
  async (_what, from) => {
    const site = await fort({ TRUST_PROXY: '1' });
    const statuses: number[] = [];
    for (let n = 0; n < 11; n += 1) {
      const headers = { 'X-Forwarded-For': from(n) };
      statuses.push((await login(site, `user${n}`, 'a guess', headers)).status);
    }
    expect(statuses.at(-1)).toBe(429);
    expect(statuses.slice(0, 10)).toEqual(Array.from({ length: 10 }, () => 401));
  },
  20_000,
);

test.each([
  'https://evil.example.test/console',
  '//evil.example.test/console',
  '///evil.example.test',
  '/\\evil.example.test',
  '/console/..//evil.example.test',
  '/console//evil.example.test',
  '/console@evil.example.test',
  '/console.evil.example.test',
  'javascript:alert(1)',
  'data:text/html,x',
  '/console\r\nLocation: https://evil.example.test',
  '/console\u0000',
  '%2f%2fevil.example.test',
  ' /console',
  '/messages',
])('a login leads to no other site by next=%p', async (next) => {
  const site = await fort();
  await loggedIn(site, 'ann', 'viewer');
  const body = new URLSearchParams({ name: 'ann', password: PASSWORD, next });
  const answer = await site.ask('POST', '/console/login', { body });
  const to = answer.headers.get('location');
  if (answer.status === 303) {
    const { origin, pathname } = new URL(to ?? '', site.url);
    expect([origin, pathname]).toEqual([site.url, expect.stringMatching(/^\/console(?:\/|$)/)]);
  } else {
    expect([answer.status, to]).toEqual([422, null]);
  }
  const door = await site.ask('GET', `/console/login?next=${encodeURIComponent(next)}`);
  expect(await door.text()).not.toMatch(/href="(?:https?:|javascript:|\/\/)/);
});

test('what was typed wrong is not shown, and a name with markup is text', async () => {
  const site = await fort();
  const answer = await login(site, '"><script>alert(1)</script>', 'my secret password');
  const page = await answer.text();
  expect(answer.status).toBe(401);
  expect(page).not.toMatch(/<script>alert|my secret password/);
  expect(site.log.join('')).not.toContain('my secret password');
});

test('a cookie that is forged, cut, or of a session that is over opens nothing', async () => {
  const site = await fort();
  const cookie = await loggedIn(site, 'ann', 'admin');
  const csrf = await csrfOf(site, cookie);
  const forged = [
    cookie.slice(0, -1),
    `${cookie}A`,
    cookie.toUpperCase(),
    `smx-session=${'A'.repeat(43)}`,
    `smx-session=ann`,
    `smx-session=${btoa('{"name":"ann","role":"admin"}')}`,
    `smx-session=' OR '1'='1`,
    `smx-session=${'A'.repeat(8000)}`,
    `name=ann; role=admin; smx-session=`,
  ];
  for (const sent of forged) {
    expect((await site.ask('GET', '/console', { headers: { Cookie: sent } })).status).toBe(303);
  }
  const body = new URLSearchParams({ csrf });
  const out = await site.ask('POST', '/console/logout', {
    headers: { ...FORM, Cookie: cookie },
    body,
  });
  expect(out.status).toBe(303);
  expect((await site.ask('GET', '/console', { headers: { Cookie: cookie } })).status).toBe(303);
});

test('what a patient wrote is seen by nobody before they ask, and the asking is written down', async () => {
  const site = await fort();
  expect((await clinicianWrites(site, { body: 'ZZBODY' })).status).toBe(202);
  await site.drain();
  const { messages } = await site.exchange.store.list({}, { limit: 1 });
  const path = `/console/messages/${messages[0]?.id}`;
  const headers = { Cookie: await loggedIn(site, 'ann', 'operator') };
  expect(await (await site.ask('GET', path, { headers })).text()).not.toContain('ZZBODY');
  const trail = async () =>
    (await (await site.ask('GET', '/audit', { as: tokenOf('admin') })).text()).includes(
      'message.view',
    );
  expect(await trail()).toBe(false);
});

test('who is not logged in has no form read that is larger than a login', async () => {
  const site = await fort();
  const form = `x=${'a'.repeat(1000)}&`.repeat(3000);
  const drip = () => new ReadableStream({ pull: (controller) => controller.enqueue('x=1&') });
  for (const path of ['/console/login', '/console/replay', `/console/quarantine/${NO_ID}/edited`]) {
    const whole = await site.ask('POST', path, { headers: FORM, body: form });
    expect([path, whole.status]).toEqual([path, 413]);
    const endless = await site.ask('POST', path, { headers: FORM, body: drip() });
    expect([path, endless.status]).toEqual([path, 400]);
  }
});

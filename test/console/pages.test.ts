/** The console's pages over HTTP, as a browser without scripts gets them. */
import { expect, test } from 'bun:test';
import type { AppOptions } from '../../src/http/app.ts';
import { createVisitorOf } from '../../src/http/console/visitor.ts';
import type { Role } from '../../src/principal.ts';
import { roleScopes } from '../../src/principal.ts';
import { START, setup } from '../http/setup.ts';
import { entry, send, toMhv, toOh } from '../store/setup.ts';

const HOSTILE = `"><script>alert(1)</script><img src=x onerror='alert(2)'>`;
const ICN = '1012345678V123456';
const BODY = 'May I have a refill?';

/** A site whose visitor has the role; the proxy's header is the role. */
function site(role: Role = 'operator', options: Partial<AppOptions> = {}) {
  const made = setup({ mode: 'none' }, 1000, (store) => ({
    ...options,
    console: {
      visitorOf: createVisitorOf({
        store,
        mode: 'required',
        proxy: {
          header: 'x-role',
          verify: async (name) =>
            name === role
              ? { name: `jwt:${name}`, kind: 'jwt', scopes: roleScopes[role] }
              : undefined,
        },
        formKey: new Uint8Array(32),
      }),
      login: async () => undefined,
      clientOf: () => ({ address: '192.0.2.1', isSecure: false }),
    },
  }));
  const headers = { 'X-Role': role, Accept: 'text/html' };
  const get = (path: string) => fetch(made.url + path, { headers, redirect: 'manual' });
  const page = async (path: string) => (await get(path)).text();
  const csrf = async () =>
    /name="csrf" value="([\w-]+)"/.exec(await page('/console/messages'))?.[1] ?? '';
  const post = async (path: string, form: Record<string, string> = {}) =>
    fetch(made.url + path, {
      method: 'POST',
      redirect: 'manual',
      headers,
      body: new URLSearchParams({ csrf: await csrf(), ...form }),
    });
  return { ...made, get, page, post };
}

type Site = ReturnType<typeof site>;
const fromMhv = { stage: 'inbox', direction: 'mhv-to-oh' } as const;
const toTheOh = { stage: 'outbox', direction: 'mhv-to-oh' } as const;

/** A message that was refused for good at its destination. */
async function refused({ store }: Site, changes: Parameters<typeof send>[0] = {}): Promise<string> {
  const sent = send({ mhvMessageId: '655570', ...changes });
  const { id } = await store.acceptSend(sent);
  const [inbox] = await store.claim(fromMhv, 10);
  if (!inbox) throw new Error('nothing to claim');
  await store.handOver(inbox, toOh(sent));
  const [outbox] = await store.claim(toTheOh, 10);
  if (!outbox) throw new Error('nothing to claim');
  await store.settle(outbox, {
    state: 'dead',
    outcome: { kind: 'rejected', code: 'oh:400', reason: 'OH refused it.', httpStatus: 400 },
  });
  return id;
}

test('every page answers a person who may only read, with a title and without inline script or style', async () => {
  const made = site('viewer');
  const id = await refused(made);
  await made.push('<feed xmlns="http://www.w3.org/2005/Atom"><entry></feed>');
  const [document] = (await made.store.operator.listQuarantined({ limit: 1 })).documents;
  for (const path of [
    '',
    '/destinations',
    '/messages',
    `/messages/${id}`,
    '/replay',
    '/quarantine',
    `/quarantine/${document?.id}`,
    '/histories',
    '/directory',
    '/directory/2000001',
    '/system',
  ]) {
    const response = await made.get(`/console${path}`);
    const html = await response.text();
    expect([path, response.status]).toEqual([path, 200]);
    expect(response.headers.get('cache-control')).toBe('no-store');
    expect(html).toMatch(/<h1>[^<]+<\/h1>/);
    expect(html).not.toMatch(
      /<style|style=|onclick|<script(?! type="module" src="\/console\/assets)/,
    );
  }
});

test('what people and other systems wrote is text on every page, never markup', async () => {
  const made = site();
  const id = await refused(made, { subject: HOSTILE, body: HOSTILE });
  await made.store.directory.put(
    [{ ohPoolId: '2000001', name: HOSTILE.slice(0, 60), stationNumber: '668', preferred: true }],
    'api',
    '<b>ann</b>',
  );
  await made.store.operator.dismiss(id, '<i>bob</i>', HOSTILE);
  const pages = [
    await made.page(`/console/messages/${id}`),
    await (await made.post(`/console/messages/${id}/contents`)).text(),
    await made.page('/console/directory'),
    await (await made.post('/console/messages', { named: HOSTILE, errorCode: HOSTILE })).text(),
    await made.page(`/console/messages?errorCode=${encodeURIComponent(HOSTILE)}`),
  ];
  for (const html of pages) {
    expect(html).toContain('&lt;');
    expect(html).not.toMatch(/<script>|<img|<b>ann|<i>bob/);
  }
});

test('contents are hidden until somebody with the right asks, and then it is in the audit', async () => {
  const made = site();
  const id = await refused(made);
  expect(await made.page(`/console/messages/${id}`)).not.toContain(BODY);
  const shown = await (await made.post(`/console/messages/${id}/contents`)).text();
  expect(shown).toContain(BODY);
  expect(shown).toContain('Refill question');
  expect(made.query('SELECT actor, action, object_id FROM audit')).toEqual([
    { actor: 'jwt:operator', action: 'message.view', object_id: id },
  ]);
});

test('who may only read sees no contents, and changes nothing', async () => {
  const made = site('viewer');
  const id = await refused(made);
  await made.push('<feed>');
  const [document] = (await made.store.operator.listQuarantined({ limit: 1 })).documents;
  for (const path of [
    `/messages/${id}/contents`,
    `/messages/${id}/retry`,
    `/quarantine/${document?.id}/text`,
    `/quarantine/${document?.id}/replay`,
    '/replay/dry-run',
    '/replay',
  ]) {
    const response = await made.post(`/console${path}`);
    expect([path, response.status]).toEqual([path, 403]);
    expect(await response.text()).not.toContain(BODY);
  }
  expect(made.query('SELECT count(*) AS rows FROM audit')).toEqual([{ rows: 0 }]);
  expect((await made.store.find(id))?.status).toBe('INVALID');
});

test('a form without the token of its visitor does nothing', async () => {
  const made = site();
  const id = await refused(made);
  const csrf = 'forged';
  for (const [path, form] of [
    ['retry', { csrf }],
    ['dismiss', { csrf, reason: 'x' }],
    ['contents', { csrf }],
  ] as const) {
    expect((await made.post(`/console/messages/${id}/${path}`, form)).status).toBe(403);
  }
  expect((await made.store.find(id))?.events).toEqual([]);
});

test.each([
  ['an ICN', ICN],
  ['an MHV message id', '655570'],
  ["the exchange's id", 'id'],
])('a message is found by %s, which is in no URL', async (_what, named) => {
  const made = site();
  const id = await refused(made);
  const response = await made.post('/console/messages', { named: named === 'id' ? id : named });
  const html = await response.text();
  expect(html).toContain(`href="/console/messages/${id}"`);
  const urls = [...html.matchAll(/(?:href|action|src)="([^"]*)"/g)].map((match) => match[1]);
  expect(urls.join(' ')).not.toContain(ICN);
  expect(urls.join(' ')).not.toContain('655570');
});

test('a message is found by OH message id, error, status and time, and not when one differs', async () => {
  const made = site();
  const id = await refused(made);
  const { ohMessageId, ...accepted } = entry();
  await made.store.acceptDocument({ entries: [{ ...accepted, ohMessageId }] });
  const found = async (form: Record<string, string>) =>
    (await (await made.post('/console/messages', form)).text()).includes(
      `/console/messages/${id}"`,
    );
  expect(await found({ errorCode: 'oh:400' })).toBe(true);
  expect(await found({ status: 'INVALID', direction: 'mhv-to-oh' })).toBe(true);
  expect(await found({ status: 'GIVEN_UP', since: '2025-10-08T13:59' })).toBe(true);
  expect(await found({ status: 'GIVEN_UP', until: '2025-10-08T13:59' })).toBe(false);
  expect(await found({ status: 'INVALID', direction: 'oh-to-mhv' })).toBe(false);
  expect(await found({ errorCode: 'oh:404' })).toBe(false);
  const byOh = await (await made.post('/console/messages', { named: ohMessageId })).text();
  expect(byOh).toContain(ohMessageId);
  expect(byOh).not.toContain(id);
});

const csrfsIn = (form: string) => [...form.matchAll(/name="csrf"/g)].length;

test('a search goes through its pages without leaving a message out', async () => {
  const made = site();
  const sent = new Set<string>();
  for (let n = 0; n < 60; n += 1) {
    sent.add((await made.store.acceptSend(send({ mhvMessageId: String(n) }))).id);
  }
  const seen = new Set<string>();
  for (let cursor = '', pages = 0; pages < 5; pages += 1) {
    const html = await (await made.post('/console/messages', { cursor })).text();
    for (const [, id] of html.matchAll(/href="\/console\/messages\/([0-9a-f-]{36})"/g)) {
      seen.add(id ?? '');
    }
    expect([...html.matchAll(/<form[\s\S]*?<\/form>/g)].map(([form]) => csrfsIn(form))).toEqual(
      Array.from(html.matchAll(/<form/g), () => 1),
    );
    cursor = /name="cursor" value="([^"]*)"/.exec(html)?.[1] ?? '';
    if (cursor === '') break;
  }
  expect([...seen].toSorted()).toEqual([...sent].toSorted());
});

test('a timeline tells from the acceptance to the id that the destination gave', async () => {
  const made = site();
  const accepted = entry();
  const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
  await made.store.acceptDocument({
    entries: [accepted],
    traceparent: `00-${traceId}-00f067aa0ba902b7-01`,
  });
  const [inbox] = await made.store.claim({ stage: 'inbox', direction: 'oh-to-mhv' }, 1);
  if (!inbox) throw new Error('nothing to claim');
  await made.store.handOver(inbox, toMhv(accepted));
  const [outbox] = await made.store.claim({ stage: 'outbox', direction: 'oh-to-mhv' }, 1);
  if (!outbox) throw new Error('nothing to claim');
  await made.store.settle(outbox, {
    state: 'done',
    outcome: { kind: 'delivered', ids: { mhvMessageId: '3719413' }, found: false },
  });
  const html = await made.page(`/console/messages/${inbox.id}`);
  const words = html.replaceAll(/<[^>]*>/g, ' ').replaceAll(/\s+/g, ' ');
  expect(words).toMatch(
    /Accepted .*Translation begun, attempt 1.*Translated .*Delivery to My HealtheVet begun, attempt 1.*Delivered to My HealtheVet as message 3719413/,
  );
  expect(words).toContain(outbox.correlationId);
  expect(words).toContain(`Trace ${traceId}`);
});

test('a destination that fails is not said to be well, though its breaker is closed', async () => {
  const failing = { state: 'closed', failuresInARow: 3, code: 'mhv:503', inHand: 0 } as const;
  const well = { state: 'closed', failuresInARow: 0, inHand: 0 } as const;
  const { page } = site('viewer', {
    destinations: {
      list: async () => [{ destination: 'oh-to-mhv', ...failing, translation: well }],
      pause: async () => {},
      resume: async () => {},
    },
  });
  const html = await page('/console/destinations');
  const words = html.replaceAll(/<[^>]*>/g, ' ').replaceAll(/\s+/g, ' ');
  expect(words).toMatch(/Failing The latest 3 attempts failed\..*Latest failure mhv:503/);
  expect(words).toMatch(/before it Takes messages All is well/);
});

test('a message that a breaker holds up says so, and a person lets one try at once', async () => {
  const resumed: string[] = [];
  const open = { state: 'open', openUntil: START + 30_000, failuresInARow: 5, inHand: 0 } as const;
  const made = site('operator', {
    destinations: {
      list: async () => [{ destination: 'mhv-to-oh', ...open, translation: open }],
      pause: async () => {},
      resume: async (destination, actor) => void resumed.push(`${destination} by ${actor}`),
    },
  });
  const { id } = await made.store.acceptSend(send());
  const words = (await made.page(`/console/messages/${id}`)).replaceAll(/\s+/g, ' ');
  expect(words).toMatch(
    /It is to be translated, but Oracle Health has failed too often: one message tries again/,
  );
  expect(await made.page('/console/destinations')).toContain('Try now');
  const pressed = await made.post('/console/destinations/mhv-to-oh/resume');
  expect(pressed.status).toBe(303);
  expect(resumed).toEqual(['mhv-to-oh by jwt:operator']);
});

test('a replay is shown by a dry run first, and then takes what it showed', async () => {
  const made = site();
  const id = await refused(made);
  const dry = await (await made.post('/console/replay/dry-run', { errorCode: 'oh:400' })).text();
  expect(dry).toContain('1 message would go');
  expect((await made.store.find(id))?.status).toBe('INVALID');
  const done = await made.post('/console/replay', { errorCode: 'oh:400' });
  expect(done.headers.get('location')).toBe('/console/replay?replayed=1&limit=1000');
  const view = await made.store.find(id);
  expect(view?.status).toBe('IN_PROGRESS');
  expect(view?.events).toMatchObject([{ event: 'replayed', actor: 'jwt:operator' }]);
});

test.each([
  ['a limit that is none', { limit: '0' }, 'limit'],
  ['a day that is none', { since: '2025-02-31T99:00' }, 'since'],
  ['sent messages of all time', { status: 'SENT' }, 'Accepted since'],
])('a replay of %s is refused in words', async (_what, form, word) => {
  const made = site();
  const response = await made.post('/console/replay/dry-run', form);
  expect(response.status).toBe(422);
  expect(await response.text()).toContain(word);
});

test('a broken document shows its place once somebody asks, and an edited copy is taken', async () => {
  const made = site();
  const broken = '<feed xmlns="http://www.w3.org/2005/Atom">\n  <entry>\n</feed>\n';
  await made.push(broken);
  const [document] = (await made.store.operator.listQuarantined({ limit: 1 })).documents;
  const path = `/console/quarantine/${document?.id}`;
  expect(await made.page(path)).not.toContain('&lt;entry>');
  const html = await (await made.post(`${path}/text`)).text();
  expect(html).toMatch(/class="line faulty"><span class="number">3<\/span>.*<mark>/);
  expect(made.query('SELECT action FROM audit')).toEqual([{ action: 'quarantine.view' }]);
  const again = await made.post(`${path}/replay`);
  expect(again.status).toBe(400);
  expect(await again.text()).toContain('Not taken');
  const edited = broken.replace('  <entry>\n', '');
  const refusedCopy = await made.post(`${path}/edited`, { edited });
  expect([303, 400, 422]).toContain(refusedCopy.status);
});

test('the directory names a pool, adds a second name and removes the first', async () => {
  const made = site();
  const path = '/console/directory/2000001';
  const first = { name: 'ZZTEST East', stationNumber: '668' };
  expect((await made.post(path, first)).status).toBe(303);
  await made.post(path, { name: 'ZZTEST East Two', stationNumber: '668', preferred: 'on' });
  expect(await made.store.directory.list('2000001')).toMatchObject([
    { name: 'ZZTEST East Two', preferred: true, source: 'api', actor: 'jwt:operator' },
    { name: 'ZZTEST East', preferred: false },
  ]);
  await made.post(`${path}/remove`, { name: 'ZZTEST East' });
  expect(await made.store.directory.list('2000001')).toHaveLength(1);
  const bad = await made.post(path, { name: 'ZZTEST East', stationNumber: 'x' });
  expect(bad.status).toBe(422);
  expect(await bad.text()).toContain('Not taken');
});

test('an error is a page with words for a person, and a problem document for a program', async () => {
  const made = site();
  const missing = '/console/messages/01999999-0000-7000-8000-000000000000';
  const response = await made.get(missing);
  expect(response.status).toBe(404);
  expect(await response.text()).toContain('There is no such thing here');
  const program = await fetch(made.url + missing, { headers: { 'X-Role': 'operator' } });
  expect(program.headers.get('content-type')).toBe('application/problem+json');
});

test('nothing of a patient is in the log after every page was looked at', async () => {
  const made = site();
  const id = await refused(made);
  await made.post('/console/messages', { named: ICN });
  await made.post('/console/histories', { icn: ICN });
  await made.post(`/console/messages/${id}/contents`);
  await made.page('/console');
  expect(made.log.join('\n')).not.toMatch(new RegExp(`${ICN}|${BODY}|655570`));
});

test('styles and script are kept for long under names that change with them', async () => {
  const { get, page } = site();
  const html = await page('/console');
  for (const pattern of [
    /href="(\/console\/assets\/console\.[0-9a-f]{12}\.css)"/,
    /src="([^"]+\.js)"/,
  ]) {
    const response = await get(pattern.exec(html)?.[1] ?? '');
    expect(response.status).toBe(200);
    expect(response.headers.get('cache-control')).toContain('immutable');
  }
});

test('the flow counts what was accepted and given up in this minute and this hour', async () => {
  const made = site();
  await refused(made);
  await made.store.acceptSend(send({ icn: '1012345679V123456' }));
  const { minutes, hours, countedSince } = await made.store.console.flow();
  const now = { accepted: 2, delivered: 0, failed: 1 };
  expect(minutes['mhv-to-oh'].at(-1)).toEqual({ at: START, ...now });
  expect(hours['mhv-to-oh'].at(-1)).toEqual({ at: START, ...now });
  expect(hours['oh-to-mhv'].every(({ accepted }) => accepted === 0)).toBe(true);
  expect(countedSince).toBe(START - 23 * 3_600_000);
});

/** The console's pages over HTTP, as a browser without scripts gets them. */
import { expect, test } from 'bun:test';
import { START } from '../http/setup.ts';
import { entry, send, toMhv } from '../store/setup.ts';
import { refused, site } from './site.ts';

const HOSTILE = `"><script>alert(1)</script><img src=x onerror='alert(2)'>`;
const ICN = '1012345678V123456';
const BODY = 'May I have a refill?';

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
  expect(words).toMatch(/before it Answers All is well/);
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

test('who comes back to what a form was answered with gets the page of the form', async () => {
  const made = site('viewer');
  for (const [address, page] of [
    ['/console/messages/1/contents', '/console/messages/1'],
    ['/console/replay/dry-run', '/console/replay'],
    ['/console/quarantine/1/text', '/console/quarantine/1'],
    ['/console/quarantine/1/edited', '/console/quarantine/1'],
  ] as const) {
    const response = await made.get(address);
    expect([address, response.status]).toEqual([address, 303]);
    expect(response.headers.get('location')).toBe(page);
  }
  const other = await made.get('/console/messages/1/retry');
  expect(other.status).toBe(405);
  expect(await other.text()).toContain('There is no page at this address');
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

/** API10:2023 Unsafe Consumption of APIs: Oracle Health and MHV answer what they should not. */
import { expect, test } from 'bun:test';
import { clinicianWrites, fortAgainst, type Malice } from './hostile.ts';
import { fort, loggedIn, tokenOf } from './setup.ts';

const MIB = 1024 * 1024;
const UPSTREAMS = [
  'OH_MESSAGING_BASE_URL',
  'OH_FHIR_BASE_URL',
  'OH_AUTH_TOKEN_URL',
  'MHV_BASE_URL',
] as const;

const json = (text: string) =>
  new Response(text, { headers: { 'Content-Type': 'application/json' } });

const GARBAGE: Record<string, () => Response> = {
  nothing: () => new Response(''),
  'an HTML page': () =>
    new Response('<html><script>alert(1)</script></html>', {
      headers: { 'Content-Type': 'text/html' },
    }),
  'half of a JSON': () => json('{"messagesById": {"1": '),
  'null where an object belongs': () => json('null'),
  'a list where an object belongs': () => json('[]'),
  'a number where an object belongs': () => json('42'),
  'wrong types in every field': () =>
    json(
      '{"id":{},"messagesById":[],"resourceType":7,"access_token":[],"entry":{},"errorCode":{},"pools":"x","threadId":null,"ohMessageId":[]}',
    ),
  'fields that would change an object': () =>
    json(
      '{"__proto__":{"status":"SENT"},"constructor":{"prototype":{"x":1}},"messagesById":{"__proto__":{"id":"1"}}}',
    ),
  '100,000 arrays within each other': () => json('['.repeat(1e5) + ']'.repeat(1e5)),
  '9 MiB': () => json(`"${'x'.repeat(9 * MIB)}"`),
  'a gzip bomb': () =>
    new Response(Bun.gzipSync(new Uint8Array(100 * MIB)), {
      headers: { 'Content-Encoding': 'gzip' },
    }),
  'gzip that is none': () => new Response('plain', { headers: { 'Content-Encoding': 'gzip' } }),
  'bytes that are no UTF-8': () =>
    new Response(new Uint8Array([0xff, 0xfe, 0x80, 0x00]), {
      headers: { 'Content-Type': 'application/json' },
    }),
  'a charset nobody knows': () =>
    new Response('{}', { headers: { 'Content-Type': 'application/json; charset=x-evil' } }),
  'a wait of a thousand years': () =>
    new Response('', { status: 503, headers: { 'Retry-After': '31536000000' } }),
  'a wait that is none': () =>
    new Response('', { status: 429, headers: { 'Retry-After': 'soon<script>' } }),
  'a 200 that is an error': () =>
    json('{"errorCode":"<script>","message":"ZZTEST, PATIENT 1012345678V123456"}'),
  'a 500 with a patient in it': () =>
    new Response('{"message":"ZZTEST, PATIENT 1012345678V123456","errorCode":999}', {
      status: 500,
      headers: { 'Content-Type': 'application/json' },
    }),
  'no content': () => new Response(null, { status: 204 }),
  'a cookie': () =>
    new Response('{}', { headers: { 'Set-Cookie': 'session=zztest; Domain=127.0.0.1' } }),
};

test.each(Object.entries(GARBAGE))(
  'whoever answers %s, nothing is lost, nothing called sent, and nothing of it logged',
  async (_what, answer) => {
    for (const variable of UPSTREAMS) {
      const site = await fortAgainst(variable, answer);
      expect((await clinicianWrites(site)).status).toBe(202);
      const id = await site.send(1);
      await site.drain();
      const { messages } = await site.exchange.store.list({}, { limit: 10 });
      expect([variable, messages.length]).toEqual([variable, 2]);
      const sent = messages.filter(({ status }) => status === 'SENT');
      const isThroughMhv = (direction: string) => direction === 'oh-to-mhv';
      const behind = sent.filter(
        ({ direction }) => variable !== 'MHV_BASE_URL' || isThroughMhv(direction),
      );
      expect([variable, behind]).toEqual([variable, []]);
      expect(Reflect.get({}, 'status')).toBeUndefined();
      const view = await (await site.ask('GET', `/messages/${id}`, { as: tokenOf('read') })).text();
      const told = view + site.log.join('');
      expect([variable, told]).toEqual([
        variable,
        expect.not.stringMatching(/ZZTEST, PATIENT|1012345678V123456|<script>|"event":"bug"/),
      ]);
      expect((await site.ask('GET', '/health/ready')).status).toBe(200);
    }
  },
  20_000,
);

test('an upstream that never answers takes its time-out, and nobody else’s time', async () => {
  const never: Malice = () => new Promise<Response>(() => {});
  const site = await fortAgainst('MHV_BASE_URL', never, { DELIVERY_TIMEOUT_MS: '200' });
  await clinicianWrites(site);
  const id = await site.send(1);
  await site.drain();
  expect((await site.exchange.store.find(id))?.status).toBe('SENT');
  const { messages } = await site.exchange.store.list({ direction: 'oh-to-mhv' }, { limit: 1 });
  expect(messages[0]?.error?.code).toBe('mhv:timeout');
});

test('FHIR that answers with another patient than was asked for makes nobody’s message theirs', async () => {
  let other: Response | undefined;
  const site = await fortAgainst('OH_FHIR_BASE_URL', ({ url }) =>
    /\/Patient\/\d+$/.test(new URL(url).pathname) ? other?.clone() : undefined,
  );
  const { ohPatientId } = site.patient(2);
  const genuine = await fetch(`${site.mocks.env['OH_FHIR_BASE_URL']}/Patient/${ohPatientId}`, {
    headers: { Accept: 'application/fhir+json', Authorization: await tokenFor(site.env) },
  });
  expect(genuine.status).toBe(200);
  other = json(await genuine.text());
  await clinicianWrites(site);
  await site.drain();
  const { messages } = await site.exchange.store.list({}, { limit: 1 });
  expect(messages[0]).toMatchObject({ status: 'IN_PROGRESS', error: { code: 'fhir:unreadable' } });
  expect(await (await fetch(`${site.mocks.origins.mhv}/_mock/messages`)).json()).toEqual([]);
});

/** An access token of the mocks. */
async function tokenFor(env: Record<string, string>): Promise<string> {
  const basic = btoa(`${env['OH_AUTH_CLIENT_ID']}:${env['OH_AUTH_CLIENT_SECRET']}`);
  const fields = { grant_type: 'client_credentials', scope: env['OH_AUTH_SCOPE'] ?? '' };
  const answer = await fetch(env['OH_AUTH_TOKEN_URL'] ?? '', {
    method: 'POST',
    headers: { Authorization: `Basic ${basic}` },
    body: new URLSearchParams(fields),
  });
  return `Bearer ${((await answer.json()) as { access_token: string }).access_token}`;
}

test('MHV that says it has another message than was asked for is not believed', async () => {
  const site = await fortAgainst('MHV_BASE_URL', ({ method }) =>
    method === 'GET' ? json('{"id":1,"threadId":2,"ohMessageId":"another"}') : undefined,
  );
  await clinicianWrites(site);
  await site.drain();
  const { messages } = await site.exchange.store.list({}, { limit: 1 });
  expect(messages[0]).toMatchObject({ status: 'IN_PROGRESS', error: { code: 'mhv:unreadable' } });
});

test.each([
  '..',
  '../../../admin',
  '%2e%2e',
  'x\r\nX-Injected: 1',
  'x HTTP/1.1\r\nHost: evil\r\n\r\nGET /',
  '1?token=x#',
  "1' OR '1'='1",
  '\u0000',
  '١',
])('the id %p of a file, named by OH, stays one segment of one path', async (mediaIdentifier) => {
  const site = await fortAgainst('OH_MESSAGING_BASE_URL', ({ url }) => {
    const [, id] = /\/inbox\/messages\/([^/?]+)/.exec(url) ?? [];
    if (id === undefined) return undefined;
    const message = {
      id: decodeURIComponent(id),
      createDate: '2025-10-08T14:00:00Z',
      subject: 'Results',
      poolSenderId: 2000001,
      receivers: [],
      text: '{\\rtf1 All is well.}',
      attachments: [{ name: 'a.txt\r\nX: 1', mediaIdentifier, mediaVersion: 1 }],
    };
    return Response.json({ messagesById: { [decodeURIComponent(id)]: message } });
  });
  await clinicianWrites(site);
  await site.drain();
  const asked = await fetch(`${site.mocks.origins.media}/_mock/requests`);
  for (const { path, headers } of (await asked.json()) as {
    path: string;
    headers?: Record<string, string>;
  }[]) {
    expect(path).toMatch(/^\/[\w/-]*media\/[^/?#]+\/versions\/1$/);
    expect(Object.keys(headers ?? {})).not.toContain('x-injected');
  }
  const { messages } = await site.exchange.store.list({}, { limit: 1 });
  expect(messages[0]?.status).not.toBe('SENT');
});

test('script in what OH and MHV say is text on every page of the console', async () => {
  const hostile = `"><script>alert(1)</script><img src=x onerror='alert(2)'>`;
  const site = await fort();
  await fetch(`${site.mocks.origins.messaging}/_mock/pools/2000001`, {
    method: 'POST',
    body: JSON.stringify({ name: hostile }),
  });
  await clinicianWrites(site, { subject: hostile, body: hostile });
  await clinicianWrites(site, { subject: hostile, text: `<html><body>${hostile}</body></html>` });
  const id = await site.send(1, { subject: hostile.slice(0, 200), body: hostile });
  await site.drain();
  const headers = { Cookie: await loggedIn(site, 'ann', 'admin') };
  const { messages } = await site.exchange.store.list({}, { limit: 10 });
  expect(messages.some(({ status }) => status === 'SENT')).toBe(true);
  const pages = [
    '',
    '/messages',
    '/destinations',
    '/directory',
    '/quarantine',
    '/histories',
    '/replay',
    '/system',
  ];
  const own = [id, ...messages.map((message) => message.id)].map((one) => `/messages/${one}`);
  for (const path of [...pages, ...own]) {
    const page = await site.ask('GET', `/console${path}`, { headers });
    expect([path, page.status]).toEqual([path, 200]);
    const html = await page.text();
    expect([path, html]).toEqual([path, expect.not.stringMatching(/<script>alert|<img src=x/)]);
  }
});

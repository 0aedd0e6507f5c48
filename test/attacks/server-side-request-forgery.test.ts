/** API7:2023 Server Side Request Forgery: URLs that somebody else names. */
import { expect, test } from 'bun:test';
import { endOf, run, town } from '../scripts/setup.ts';
import { bystander, clinicianWrites, fortAgainst } from './hostile.ts';
import { FEED_TOKEN, fort, letter, tokenOf } from './setup.ts';

/** Where a cloud keeps its secrets, and what else is near. */
const TARGETS = [
  'http://169.254.169.254/latest/meta-data/iam/security-credentials/',
  'http://[fd00:ec2::254]/latest/meta-data/',
  'http://metadata.google.internal/computeMetadata/v1/',
  'file:///etc/passwd',
  'gopher://127.0.0.1:6379/_FLUSHALL',
];

const MESSAGE = '/demo/patients/1000001/inbox/messages/3000000001%3A-6%3A0%3A0';

const entry = (links: string, base = '') =>
  `<entry xmlns="http://www.w3.org/2005/Atom" ${base}><id>urn:zztest:1</id><title>t</title>
<updated>2025-10-08T14:15:40Z</updated>${links}</entry>`;

test('no link of an entry is followed: the exchange asks only where it was told OH is', async () => {
  const near = bystander();
  const site = await fort();
  const base = site.env['OH_MESSAGING_BASE_URL'] ?? '';
  const service = new URL(base).pathname;
  const { host } = new URL(base);
  const hrefs = [
    ...[near.origin, ...TARGETS].map((target) => target + service + MESSAGE),
    `//${new URL(near.origin).host}${service}${MESSAGE}`,
    `http://${host}@${new URL(near.origin).host}${service}${MESSAGE}`,
    `${base}.example.test${MESSAGE}`,
    `${base}/../../..${MESSAGE}`,
    `${base}/demo/patients/..%2f..%2fadmin/inbox/messages/1`,
    `${base}/demo/patients/%2e%2e/inbox/messages/%2e%2e`,
    `${base}/demo/patients/1000001/inbox/messages/%2e%2e`,
  ];
  for (const href of hrefs) {
    const links = ['alternate', 'self', 'enclosure', 'via', 'hub', 'next', 'prev-archive']
      .map((rel) => `<link rel="${rel}" href="${href}"/>`)
      .join('');
    const more = `<content type="text/html" src="${href}"/><icon>${href}</icon>`;
    for (const based of ['', `xml:base="${near.origin}/"`]) {
      const headers = { 'Content-Type': 'application/atom+xml' };
      const body = entry(links + more, based);
      await site.ask('POST', '/oh/feed', { as: FEED_TOKEN, headers, body });
    }
  }
  const relative = entry(
    `<link href="${service}${MESSAGE}"/>`,
    `xml:base="${near.origin}${service}/"`,
  );
  await site.ask('POST', '/oh/feed', {
    as: FEED_TOKEN,
    headers: { 'Content-Type': 'application/atom+xml' },
    body: relative,
  });
  await site.drain();
  expect(near.seen).toEqual([]);
  const asked = await fetch(`${site.mocks.origins.messaging}/_mock/requests`);
  for (const { path } of (await asked.json()) as { path: string }[]) {
    expect(path).toStartWith(`${service}/demo/`);
    expect(path).not.toContain('admin');
  }
});

test('whoever verifies a subscription makes the exchange call nobody', async () => {
  const near = bystander();
  const site = await fort();
  const query = new URLSearchParams({
    'hub.mode': 'subscribe',
    'hub.topic': `${near.origin}/topic`,
    'hub.challenge': 'k3y',
    'hub.callback': `${near.origin}/callback`,
  });
  expect((await site.ask('GET', `/oh/feed?${query}`)).status).toBe(422);
  query.delete('hub.callback');
  expect((await site.ask('GET', `/oh/feed?${query}`)).status).toBe(200);
  expect(near.seen).toEqual([]);
});

test('a file that MHV says lies elsewhere is not fetched there, and gets none of our secrets', async () => {
  const near = bystander();
  for (const target of [near.origin, ...TARGETS]) {
    const site = await fortAgainst('MHV_BASE_URL', ({ url }) => {
      const { pathname } = new URL(url);
      if (pathname.endsWith('/session')) {
        const Expires = new Date(Date.UTC(2030, 0, 1)).toUTCString();
        return new Response(null, { headers: { Token: 'zztest-session', Expires } });
      }
      return /\/attachment\//.test(pathname)
        ? Response.json({ url: `${target}/bucket/a.pdf?X-Amz-Signature=1`, name: 'a.pdf' })
        : undefined;
    });
    const files = { mhvMessageId: 1, mhvCorrelationId: 1, mhvAttachmentIds: [1] };
    const json = letter(site.patient(1).icn, files);
    const answer = await site.ask('POST', '/messages', { as: tokenOf('send'), json });
    const { id } = (await answer.json()) as { id: string };
    await site.drain();
    const view = await site.exchange.store.find(id);
    const code = target.startsWith('http') ? 'mhv-file:origin-not-configured' : 'mhv:unreadable';
    expect(view?.error?.code).toBe(code);
    expect(view?.status).toBe('IN_PROGRESS');
  }
  expect(near.seen).toEqual([]);
});

test('a file of a patient is not put where MHV says, unless the configuration says so too', async () => {
  const near = bystander();
  const against = (env: Record<string, string> = {}) =>
    fortAgainst(
      'MHV_BASE_URL',
      ({ url }) =>
        new URL(url).pathname.endsWith('/presigned-url')
          ? Response.json(`${near.origin}/bucket/scan-1.pdf?X-Amz-Signature=1`)
          : undefined,
      env,
    );
  const contentBase64 = Buffer.alloc(7 * 1024 * 1024).toString('base64');
  const attachments = [{ name: 'scan.pdf', mimeType: 'application/pdf', contentBase64 }];
  const refused = await against();
  expect((await clinicianWrites(refused, { attachments })).status).toBe(202);
  await refused.drain();
  const { messages } = await refused.exchange.store.list({}, { limit: 1 });
  expect(messages[0]?.error?.code).toBe('mhv-file:origin-not-configured');
  expect(messages[0]?.error?.reason).toContain(near.origin);
  expect(near.seen).toEqual([]);
  const allowed = await against({ MHV_FILE_ORIGINS: near.origin });
  await clinicianWrites(allowed, { attachments });
  await allowed.drain();
  expect(near.seen).toEqual([`PUT ${near.origin}/bucket/scan-1.pdf?X-Amz-Signature=1`]);
});

test.each([
  ['OH_MESSAGING_BASE_URL', 301],
  ['OH_MESSAGING_BASE_URL', 307],
  ['OH_FHIR_BASE_URL', 302],
  ['OH_AUTH_TOKEN_URL', 307],
  ['OH_AUTH_TOKEN_URL', 308],
  ['MHV_BASE_URL', 307],
  ['MHV_BASE_URL', 303],
] as const)(
  'a redirect of %s with %p leads no credentials and no message away',
  async (variable, status) => {
    const near = bystander();
    const site = await fortAgainst(variable, ({ url }) => {
      const { pathname, search } = new URL(url);
      const Location = `${near.origin}${pathname}${search}`;
      return new Response(null, { status, headers: { Location } });
    });
    await clinicianWrites(site);
    await site.send(1);
    await site.drain();
    expect(near.seen).toEqual([]);
    expect(site.seen.length).toBeGreaterThan(0);
    const sent = { status: 'SENT', direction: 'oh-to-mhv' } as const;
    expect((await site.exchange.store.list(sent, { limit: 10 })).messages).toEqual([]);
  },
);

test('a page of a FHIR search that lies elsewhere is not asked for, nor the token sent there', async () => {
  const near = bystander();
  const site = await fortAgainst('OH_FHIR_BASE_URL', ({ url }) => {
    const isSearch = new URL(url).searchParams.has('identifier');
    const link = [{ relation: 'next', url: `${near.origin}/r4/Patient?page=2` }];
    return isSearch ? Response.json({ resourceType: 'Bundle', link, entry: [] }) : undefined;
  });
  const id = await site.send(1);
  await site.drain();
  expect(near.seen).toEqual([]);
  expect((await site.exchange.store.find(id))?.error?.code).toBe('fhir:next-elsewhere');
});

test('the keys of an issuer that sends elsewhere are not fetched there', async () => {
  const near = bystander();
  const issuer = bystander();
  const moved = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    fetch: () => Response.redirect(`${near.origin}/jwks`, 302),
  });
  const site = await fort({
    AUTH_JWT_ISSUER: issuer.origin,
    AUTH_JWT_AUDIENCE: 'sm-exchange',
    AUTH_JWT_JWKS_URL: `${moved.url.origin}/jwks`,
  });
  const header = Buffer.from('{"alg":"RS256","kid":"k"}').toString('base64url');
  const token = `${header}.${Buffer.from('{}').toString('base64url')}.AAAA`;
  expect((await site.ask('GET', '/messages', { as: token })).status).toBe(503);
  await moved.stop(true);
  expect([...near.seen, ...issuer.seen]).toEqual([]);
});

test('an archive that redirects, or links elsewhere, leads nowhere, nor does its Authorization', async () => {
  const near = bystander();
  const { env } = await town();
  const asked: string[] = [];
  const archive = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    fetch(request) {
      const { pathname } = new URL(request.url);
      asked.push(pathname);
      if (pathname === '/moved') return Response.redirect(`${near.origin}/archive`, 307);
      const links = [near.origin, ...TARGETS].map(
        (target) =>
          `<link rel="prev-archive" href="${target}/1"/><link rel="next" href="${target}/2"/>`,
      );
      const feed = `<feed xmlns="http://www.w3.org/2005/Atom"><id>urn:zztest</id><title>t</title>
<updated>2025-10-08T14:15:40Z</updated>${links.join('')}</feed>`;
      return new Response(feed, { headers: { 'Content-Type': 'application/atom+xml' } });
    },
  });
  for (const path of ['/moved', '/current']) {
    const args = ['--dry-run', '--archive', `${archive.url.origin}${path}`];
    const secret = { FEED_ARCHIVE_AUTHORIZATION: 'Bearer zztest' };
    const { status, out } = await endOf(
      run('scripts/migrate-history.ts', { ...env, ...secret }, args),
    );
    expect(status).toBe(1);
    expect(out).toContain(path === '/moved' ? 'archive:307' : 'leads elsewhere; not followed');
  }
  await archive.stop(true);
  expect(asked).toContain('/current');
  expect(near.seen).toEqual([]);
});

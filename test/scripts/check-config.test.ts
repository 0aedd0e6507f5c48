/** `bun run check-config`: what is wrong with an environment, and with what it names. */
import { expect, test } from 'bun:test';
import { openStore } from '../../src/store/sqlite.ts';
import { afterwards } from '../afterwards.ts';
import { authority, inFiles, issued, serveTls } from '../certificates.ts';
import { endOf, run, town } from './setup.ts';

interface Report {
  faults: { variable: string }[];
  upstreams: {
    name: string;
    level: string;
    found: string;
    next?: string;
    reachable?: boolean;
    authorized?: boolean;
    documented?: boolean;
    clockAheadMs?: number;
  }[];
}

async function check(env: Record<string, string>) {
  const { status, out } = await endOf(run('scripts/check-config.ts', env, ['--json']));
  const report = JSON.parse(out) as Report;
  const of = (name: string) => report.upstreams.find((one) => one.name === name);
  return { status, report, of };
}

test('five faults are named all at once, without their values, and no upstream is asked', async () => {
  const { env, mocks, get } = await town();
  const bad = { PORT: 'secret', LEASE_MS: '1', OH_AUTH_CLIENT_ID: '', AUTH: '', MHV_APP_TOKEN: '' };
  const { status, out } = await endOf(
    run('scripts/check-config.ts', { ...env, ...bad, API_TOKENS: 'a' }),
  );
  expect(status).toBe(78);
  const named = out
    .split('\n')
    .slice(0, 5)
    .map((line) => line.split(':', 1).join(''))
    .toSorted();
  expect(named).toEqual(['FEED_SECRET', 'LEASE_MS', 'MHV_APP_TOKEN', 'OH_AUTH_CLIENT_ID', 'PORT']);
  expect(out).toContain('5 faults');
  expect(out).not.toContain('secret');
  expect(await get<unknown[]>(`${mocks.origins.mhv}/_mock/requests`)).toEqual([]);
});

test('where all is well every upstream says so, and nothing was written anywhere', async () => {
  const { env, mocks, get } = await town();
  const { status, report } = await check({
    ...env,
    FEED_SECRET: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw',
  });
  expect(report.faults).toEqual([]);
  expect(report.upstreams.map(({ name, level }) => `${name} ${level}`)).toEqual([
    'OH authorization ok',
    'OH messaging ok',
    'OH FHIR ok',
    'OH media ok',
    'MHV ok',
    'OH feed ok',
  ]);
  expect(status).toBe(0);
  for (const one of report.upstreams.slice(0, 5)) {
    expect(one).toMatchObject({ reachable: true, authorized: true, documented: true });
    expect(Math.abs(one.clockAheadMs ?? Number.NaN)).toBeLessThan(5000);
  }
  for (const mock of ['messaging', 'fhir', 'media', 'mhv'] as const) {
    const requests = await get<{ method: string; path: string }[]>(
      `${mocks.origins[mock]}/_mock/requests`,
    );
    expect(requests.length).toBeGreaterThan(0);
    expect(requests.filter(({ method }) => method !== 'GET')).toEqual([]);
    expect(
      requests.filter(({ path }) => /atient\//.test(path.replace(/^\/v1\/sm\/patient/, ''))),
    ).toEqual([]);
  }
});

test('each upstream that is not as it should be is told apart from the others', async () => {
  const { env } = await town();
  const { status, of } = await check({
    ...env,
    MHV_APP_TOKEN: 'wrong',
    OH_AUTHORITY: 'wrong',
    OH_FHIR_BASE_URL: `${env['OH_FHIR_BASE_URL']}/wrong`,
    OH_MEDIA_BASE_URL: 'http://media.invalid',
  });
  expect(status).toBe(69);
  expect(of('OH authorization')).toMatchObject({ level: 'ok' });
  expect(of('MHV')).toMatchObject({ level: 'bad', reachable: true, authorized: false });
  expect(of('OH messaging')).toMatchObject({ level: 'bad', reachable: true, authorized: false });
  expect(of('OH FHIR')).toMatchObject({ level: 'bad', reachable: true, documented: false });
  expect(of('OH FHIR')?.next).toContain('OH_FHIR_BASE_URL');
  expect(of('OH media')).toMatchObject({ level: 'bad', reachable: false });
  expect(of('OH media')?.found).toMatch(/name is not known here \((ENOTFOUND|EAI_AGAIN)\)/);
});

test('a wrong client secret is one fault, not four', async () => {
  const { env } = await town();
  const { status, of } = await check({ ...env, OH_AUTH_CLIENT_SECRET: 'wrong' });
  expect(status).toBe(69);
  expect(of('OH authorization')).toMatchObject({ level: 'bad', authorized: false });
  expect(of('OH FHIR')).toMatchObject({
    level: 'bad',
    reachable: true,
    next: 'see OH authorization',
  });
  expect(of('MHV')).toMatchObject({ level: 'ok' });
});

test('a server that refuses, one that is silent, and one that talks nonsense', async () => {
  const { env } = await town();
  const silent = Bun.serve({ port: 0, hostname: '127.0.0.1', fetch: () => new Promise(() => {}) });
  const nonsense = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    fetch: () => new Response('<html>Welcome</html>'),
  });
  afterwards(() => silent.stop(true));
  afterwards(() => nonsense.stop(true));
  const { status, of } = await check({
    ...env,
    DELIVERY_TIMEOUT_MS: '500',
    MHV_BASE_URL: 'http://127.0.0.1:1',
    OH_MEDIA_BASE_URL: `http://127.0.0.1:${silent.port}`,
    OH_MESSAGING_BASE_URL: `http://127.0.0.1:${nonsense.port}`,
  });
  expect(status).toBe(69);
  expect(of('MHV')?.found).toContain('nobody takes the connection (ECONNREFUSED)');
  expect(of('OH media')).toMatchObject({ reachable: false });
  expect(of('OH media')?.found).toContain('gives no answer');
  expect(of('OH messaging')).toMatchObject({ authorized: true, documented: false });
});

const inDays = (days: number) => new Date(Date.now() + days * 86_400_000);

test('a clock that is off and a certificate that nobody trusts are seen', async () => {
  const { env } = await town();
  const ca = await authority();
  const { caFile } = inFiles({ caFile: ca.cert });
  const later = new Date(Date.now() + 600_000).toUTCString();
  const answer = () => new Response(null, { status: 404, headers: { Date: later } });
  const { url } = serveTls(await issued(ca, 'media', inDays(9.5)), answer);

  const untrusted = await check({ ...env, OH_MEDIA_BASE_URL: url });
  expect(untrusted.status).toBe(69);
  expect(untrusted.of('OH media')).toMatchObject({ level: 'bad', reachable: false });
  expect(untrusted.of('OH media')?.found).toMatch(/TLS does not come about \(\w+\)/);
  expect(untrusted.of('OH media')?.next).toContain('OH_TLS_CA_FILE');

  for (const variable of ['OH_TLS_CA_FILE', 'NODE_EXTRA_CA_CERTS']) {
    const trusted = await check({ ...env, OH_MEDIA_BASE_URL: url, [variable]: caFile });
    const media = trusted.of('OH media');
    expect(media).toMatchObject({ level: 'bad', reachable: true, authorized: true });
    expect(media?.found).toContain('its clock is 10 min ahead of ours');
    expect(media?.found).toContain('certificate for 9 more days');
  }
});

test('a server that wants our certificate is told from one that is silent', async () => {
  const { env } = await town();
  const ca = await authority();
  const ours = await issued(ca, 'sm-exchange', inDays(20.5));
  const paths = inFiles({ ca: ca.cert, cert: ours.cert, key: ours.key });
  const answer = () => new Response(null, { status: 404 });
  const { url } = serveTls(await issued(ca, 'media'), answer, ca.cert);
  const known = { ...env, OH_MEDIA_BASE_URL: url, OH_TLS_CA_FILE: paths.ca };

  const without = (await check(known)).of('OH media');
  expect(without).toMatchObject({ level: 'bad', reachable: false });
  expect(without?.found).toContain('breaks TLS off');
  expect(without?.next).toContain('OH_TLS_CERT_FILE');

  const files = { OH_TLS_CERT_FILE: paths.cert, OH_TLS_KEY_FILE: paths.key };
  const shown = await check({ ...known, ...files });
  expect(shown.of('OH media')).toMatchObject({ reachable: true, authorized: true });
  expect(shown.of('our certificate to OH')).toMatchObject({
    level: 'look',
    found: 'good for 20 more days',
  });
});

test('a private key that can not be read is a fault of the configuration, and is not quoted', async () => {
  const { env } = await town();
  const key = { OH_AUTH_METHOD: 'oauth2-private-key-jwt', OH_AUTH_PRIVATE_KEY: 'not-a-key' };
  const { status, out } = await endOf(
    run('scripts/check-config.ts', { ...env, ...key, OH_AUTH_KEY_ID: 'k' }),
  );
  expect(status).toBe(78);
  expect(out).toContain('OH_AUTH_PRIVATE_KEY: can not be read');
  expect(out).not.toContain('not-a-key');
});

test('faults of DATA_KEYS are named, and so is a key that the file needs', async () => {
  const { env, databasePath } = await town();
  const key = (byte: number) => Buffer.alloc(32, byte).toString('base64');
  const checked = async (DATA_KEYS: string) =>
    endOf(run('scripts/check-config.ts', { ...env, DATA_KEYS }));
  const bad = await checked(`k1:${key(1)},k1:${key(2)},${key(3)}`);
  expect(bad.status).toBe(78);
  expect(bad.out).toContain(
    'DATA_KEYS: key 2 has the id of key 1\nDATA_KEYS: key 3 must be id:key',
  );
  expect(bad.out).not.toContain(key(3));
  const store = openStore({
    path: databasePath,
    now: Date.now,
    leaseMs: 1000,
    maxAttempts: 1,
    dataKeys: [{ id: 'k1', key: Buffer.alloc(32, 1) }],
  });
  await store.keys.take();
  store.close();
  const lacking = await checked(`k2:${key(2)}`);
  expect(lacking.status).toBe(78);
  expect(lacking.out).toContain('DATA_KEYS: lacks the key k1, under which');
  expect((await checked(`k2:${key(2)},k1:${key(1)}`)).status).toBe(0);
}, 30_000);

test('a token of the file is credentials enough, as it is for the start', async () => {
  const { env } = await town();
  const required = { ...env, AUTH: 'required', FEED_SECRET: 'zztest-secret-of-the-feed' };
  const before = await check(required);
  expect(before.report.faults.map(({ variable }) => variable)).toEqual(['API_TOKENS']);
  const added = run('scripts/token.ts', required, ['add', '--name', 'a', '--scopes', 'read']);
  expect(await added.exited).toBe(0);
  expect((await check(required)).report.faults).toEqual([]);
});

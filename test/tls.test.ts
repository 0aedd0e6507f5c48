/** A whole exchange over TLS: towards its callers, and towards either side. */
import { expect, test } from 'bun:test';
import { copyFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, type SecureVersion } from 'node:tls';
import pino from 'pino';
import { hashPassword } from '../src/access/login.ts';
import { parseConfig } from '../src/config.ts';
import { createExchange } from '../src/exchange.ts';
import { authority, inFiles, issued, type Pems, serveTls } from './certificates.ts';
import { setup } from './flows/setup.ts';
import { readyLine, run, town } from './scripts/setup.ts';

const PASSWORD = 'correct horse battery staple';

/** The environment of a certificate, and who signed it. */
async function served(env: Record<string, string> = {}) {
  const ca = await authority();
  const own = await issued(ca, 'first');
  const paths = inFiles({ cert: own.cert, key: own.key });
  const site = await setup({ TLS_CERT_FILE: paths.cert, TLS_KEY_FILE: paths.key, ...env });
  const get = (path: string, init: RequestInit = {}) =>
    fetch(site.exchange.url + path, { redirect: 'manual', ...init, tls: { ca: ca.cert } });
  return { ...site, ca, paths, get };
}

/** What a client that speaks only this version learns: the subject it is shown, or why not. */
function handshake(url: string, version?: SecureVersion): Promise<string> {
  const { hostname: host, port } = new URL(url);
  const only = version === undefined ? {} : { minVersion: version, maxVersion: version };
  return new Promise((resolve) => {
    const socket = connect({ host, port: Number(port), rejectUnauthorized: false, ...only });
    socket.once('secureConnect', () => {
      resolve(`${String(socket.getPeerCertificate().subject.CN)} ${socket.getProtocol()}`);
      socket.destroy();
    });
    socket.once('error', (error) => resolve(String(Reflect.get(error, 'code') ?? error)));
  });
}

test('with a certificate the exchange speaks HTTPS only, TLS 1.2 at least', async () => {
  const { exchange, get } = await served();
  expect(exchange.url).toStartWith('https://');
  const answer = await get('/health/ready');
  expect(answer.status).toBe(200);
  expect(answer.headers.get('strict-transport-security')).toBe('max-age=63072000');
  expect(await handshake(exchange.url, 'TLSv1.3')).toBe('first TLSv1.3');
  expect(await handshake(exchange.url, 'TLSv1.2')).toBe('first TLSv1.2');
  for (const old of ['TLSv1.1', 'TLSv1'] as const) {
    expect(await handshake(exchange.url, old)).toMatch(/PROTOCOL/);
  }
  const clear = await fetch(exchange.url.replace('https:', 'http:')).catch(() => undefined);
  expect(clear?.ok ?? false).toBe(false);
});

test('with a certificate the cookie of a login goes nowhere without TLS, and no other is taken', async () => {
  const { exchange, get } = await served({
    AUTH: 'required',
    API_TOKENS: 'zztest-token-of-the-api',
    FEED_SECRET: 'zztest-secret-of-the-feed',
  });
  const passwordHash = await hashPassword(PASSWORD);
  await exchange.store.operators.add({ name: 'ann', role: 'viewer', passwordHash }, 'test');
  const body = new URLSearchParams({ name: 'ann', password: PASSWORD });
  const answer = await get('/console/login', { method: 'POST', body });
  const set = answer.headers.get('set-cookie') ?? '';
  expect(set).toMatch(/^__Host-smx-session=[\w-]{43}; Path=\/; HttpOnly; SameSite=Strict; Secure$/);
  const cookie = set.split(';', 1)[0] ?? '';
  const look = (sent: string) => get('/console', { headers: { Cookie: sent } });
  expect((await look(cookie)).status).toBe(200);
  // Another host of the same site could plant one under the plain name.
  expect((await look(cookie.replace('__Host-', ''))).status).toBe(303);
});

test('a renewed certificate is shown to whoever connects after that, and a bad one never', async () => {
  const { exchange, ca, paths, log, get } = await served();
  const open = exchange.url;
  const second = await issued(ca, 'second');
  writeFileSync(paths.cert, second.cert);
  exchange.renewCertificate();
  expect(await handshake(open)).toBe('first TLSv1.3');
  expect(log.at(-1)).toContain('is not the key of TLS_CERT_FILE');
  writeFileSync(paths.key, second.key);
  exchange.renewCertificate();
  expect(await handshake(open)).toBe('second TLSv1.3');
  expect(JSON.parse(log.at(-1) ?? '')).toMatchObject({ event: 'certificate', state: 'renewed' });
  expect((await get('/health/ready')).status).toBe(200);
  expect(log.join('')).not.toContain('PRIVATE KEY');
});

/** A send over TLS whose last byte has not left yet; the answer, once it has. */
async function begun(url: string, icn: string) {
  const { hostname: host, port } = new URL(url);
  const socket = connect({ host, port: Number(port), rejectUnauthorized: false });
  await new Promise((resolve) => socket.once('secureConnect', resolve));
  const letter = { icn, subject: 'Visit', body: 'Monday?', receivingPoolId: '2000001' };
  const body = JSON.stringify(letter);
  const head = [
    'POST /messages HTTP/1.1',
    'Host: zztest',
    'Content-Type: application/json',
    `Content-Length: ${body.length}`,
  ];
  socket.write(`${head.join('\r\n')}\r\n\r\n${body.slice(0, -1)}`);
  return async () => {
    const answered = new Promise<string>((resolve) => {
      socket.once('data', (data) => resolve(String(data)));
      socket.once('close', () => resolve('closed'));
    });
    socket.write('}');
    const answer = await answered;
    socket.destroy();
    return answer.split('\r\n', 1)[0];
  };
}

test('a stop after a renewal waits for what came under the certificate before, and none is renewed after it', async () => {
  const { exchange, ca, paths, log, patient } = await served();
  const finish = await begun(exchange.url, patient(1).icn);
  const second = await issued(ca, 'second');
  writeFileSync(paths.cert, second.cert);
  writeFileSync(paths.key, second.key);
  exchange.renewCertificate();
  expect(await handshake(exchange.url)).toBe('second TLSv1.3');
  const stopped = exchange.stop();
  const said = log.length;
  exchange.renewCertificate();
  expect(log.length).toBe(said);
  expect(await finish()).toBe('HTTP/1.1 202 Accepted');
  await stopped;
  expect(await handshake(exchange.url)).toBe('ECONNREFUSED');
});

test('SIGHUP renews the certificate of a process, which goes on', async () => {
  const { env } = await town();
  const ca = await authority();
  const [first, second] = [await issued(ca, 'first'), await issued(ca, 'second')];
  const paths = inFiles({ cert: first.cert, key: first.key, cert2: second.cert, key2: second.key });
  const files = { TLS_CERT_FILE: paths.cert, TLS_KEY_FILE: paths.key };
  const child = run('src/main.ts', { ...env, ...files, LOG_LEVEL: 'warn' });
  const { url = '' } = await readyLine(child);
  expect(await handshake(url)).toBe('first TLSv1.3');
  copyFileSync(paths.cert2, paths.cert);
  copyFileSync(paths.key2, paths.key);
  child.kill('SIGHUP');
  const until = Date.now() + 10_000;
  let shown = '';
  while (shown !== 'second TLSv1.3' && Date.now() < until) shown = await handshake(url);
  expect(shown).toBe('second TLSv1.3');
  child.kill('SIGTERM');
  expect(await child.exited).toBe(0);
}, 20_000);

/** MHV behind a gateway that speaks TLS and lets in who shows a certificate of `ca`. */
async function behindGateway(ca: Pems, env: (gateway: string) => Record<string, string>) {
  let mhv = '';
  const gateway = serveTls(
    await issued(ca, 'gateway'),
    async (request) => {
      const { pathname, search } = new URL(request.url);
      const { method, headers } = request;
      const body = request.body ? { body: await request.arrayBuffer() } : {};
      return fetch(mhv + pathname + search, { method, headers, ...body });
    },
    ca.cert,
  );
  const city = await setup({ MHV_BASE_URL: `${gateway.url}/v1/sm/patient`, ...env(gateway.url) });
  mhv = city.mocks.origins.mhv;
  return city;
}

test('MHV behind a gateway that wants our certificate takes messages', async () => {
  const ca = await authority();
  const ours = await issued(ca, 'sm-exchange');
  const paths = inFiles({ ca: ca.cert, cert: ours.cert, key: ours.key });
  const files = { MHV_TLS_CERT_FILE: paths.cert, MHV_TLS_KEY_FILE: paths.key };
  const city = await behindGateway(ca, () => ({ ...files, MHV_TLS_CA_FILE: paths.ca }));
  const { ohPatientId: patientId } = city.patient(1);
  await city.clinicianWrites({ patientId, subject: 'Visit', body: 'Monday at nine?' });
  await city.pass(0);
  expect((await city.atMhv()).map(({ body }) => body)).toEqual(['Monday at nine?']);
});

test('without the CA of the gateway nothing is sent, and the timeline says why', async () => {
  const ca = await authority();
  const city = await behindGateway(ca, () => ({}));
  const { ohPatientId: patientId } = city.patient(1);
  const id = await city.clinicianWrites({ patientId, subject: 'Visit', body: 'Monday at nine?' });
  await city.pass(0);
  const { status, error } = await city.viewOf(id);
  expect(status).toBe('IN_PROGRESS');
  expect(error?.code).toBe('mhv:tls');
  expect(error?.reason).toContain('The certificate of mhv is not trusted');
  expect(await city.atMhv()).toEqual([]);
});

test('every file with a fault is named at once, and nothing of it is said', async () => {
  const ca = await authority();
  const [one, other] = [await issued(ca, 'one'), await issued(ca, 'other')];
  const paths = inFiles({ cert: one.cert, otherKey: other.key, junk: 'zztest-junk' });
  const variables = {
    TLS_CERT_FILE: paths.cert,
    TLS_KEY_FILE: paths.otherKey,
    MHV_TLS_CERT_FILE: paths.junk,
    MHV_TLS_KEY_FILE: paths.junk,
    MHV_TLS_CA_FILE: '/nowhere/ca.pem',
    OH_TLS_KEY_FILE: paths.otherKey,
    MHV_FILE_ORIGINS: 'https://files.example.test/bucket',
  };
  const { env } = await town();
  let said = '';
  try {
    parseConfig({ ...env, ...variables });
  } catch (error) {
    said = String(error);
  }
  expect(said.replace(/^ConfigError: /, '').split('\n')).toEqual([
    'MHV_FILE_ORIGINS: must be origins such as https://files.example.test, separated by commas',
    'TLS_KEY_FILE: is not the key of TLS_CERT_FILE',
    'MHV_TLS_CERT_FILE: holds no certificate in PEM',
    'MHV_TLS_KEY_FILE: holds no private key without a passphrase in PEM',
    'MHV_TLS_CA_FILE: names a file that can not be read',
    'OH_TLS_CERT_FILE: is missing: it and OH_TLS_KEY_FILE go together',
  ]);
});

test('without the certificate that it was told of an exchange does not listen at all', async () => {
  const ca = await authority();
  const { cert, key } = await issued(ca, 'gone');
  const paths = inFiles({ cert, key });
  const { env } = await town();
  const config = parseConfig({ ...env, TLS_CERT_FILE: paths.cert, TLS_KEY_FILE: paths.key });
  rmSync(paths.cert);
  const around = { now: Date.now, random: Math.random, log: pino({ level: 'silent' }) };
  expect(await createExchange(config, around).catch(String)).toBe(
    'ConfigError: TLS_CERT_FILE: names a file that can not be read',
  );
});

test('a certificate that parses but can not be served changes nothing, and ends nothing', async () => {
  const { exchange, ca, paths, log, get } = await served();
  const other = await issued(ca, 'second');
  // The chain behind a good certificate is cut off.
  const cut = `${other.cert}\n-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n`;
  writeFileSync(paths.cert, cut);
  writeFileSync(paths.key, other.key);
  exchange.renewCertificate();
  expect(log.at(-1)).toContain('"state":"kept"');
  expect(await handshake(exchange.url)).toBe('first TLSv1.3');
  expect((await get('/health/ready')).status).toBe(200);
});

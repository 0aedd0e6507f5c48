/** A real exchange with AUTH=required, mocks around it, and what an attacker needs: HTTP, and patience. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { exportJWK, generateKeyPair, type JWTPayload, SignJWT } from 'jose';
import pino from 'pino';
import { parseConfig } from '../../src/config.ts';
import { createExchange, type Exchange } from '../../src/exchange.ts';
import { type Mocks, startMocks } from '../../src/mocks/mocks.ts';
import type { Role, Scope } from '../../src/principal.ts';
import { SCOPES } from '../../src/principal.ts';
import { afterwards } from '../afterwards.ts';

export const START = Date.UTC(2025, 9, 8, 14, 0, 0);
export const POOL = '2000001';
export const PASSWORD = 'correct horse battery staple';
/** Cheap: what a hash costs is not what is attacked. */
const hashOfPassword = Bun.password.hash(PASSWORD, {
  algorithm: 'argon2id',
  memoryCost: 8,
  timeCost: 1,
});
export const FEED_TOKEN = 'zztest-feed-token';
export const ISSUER = 'https://id.example.test';
const AUDIENCE = 'sm-exchange';
/** An id that nothing has. */
export const NO_ID = '01a2055c-e698-74c2-b1d2-52e04040871f';

export interface Fort {
  url: string;
  exchange: Exchange;
  mocks: Mocks;
  /** What the exchange was started with. */
  env: Record<string, string>;
  log: string[];
  clock: { now: number };
  patient: (n: number) => { icn: string; ohPatientId: string };
  /** A request with whatever the attacker likes; redirects are not followed. */
  ask: (method: string, path: string, options?: Attempt) => Promise<Response>;
  /** A message of the n-th patient, taken; returns its id. */
  send: (n: number, changes?: Record<string, unknown>) => Promise<string>;
  /** Works on everything that is due. */
  drain: () => Promise<void>;
}

interface Attempt {
  /** The bearer token; by itself a scope is the token that has that scope and no other. */
  as?: string;
  headers?: Record<string, string>;
  json?: unknown;
  body?: RequestInit['body'];
}

/** The token that has this scope and no other. */
export function tokenOf(scope: Scope): string {
  return `zztest-token-to-${scope}`;
}

/** A letter that every exchange with these mocks takes. */
export function letter(icn: string, changes: Record<string, unknown> = {}) {
  return {
    icn,
    subject: 'Refill',
    body: 'May I have a refill?',
    receivingPoolId: POOL,
    ...changes,
  };
}

/** An exchange with this environment on top of what it needs; it may depend on where the mocks are. */
export async function fort(
  more: Record<string, string> | ((mocks: Mocks) => Record<string, string>) = {},
): Promise<Fort> {
  const clock = { now: START };
  const folder = mkdtempSync(join(tmpdir(), 'sm-exchange-attack-'));
  afterwards(() => rmSync(folder, { recursive: true, force: true }));
  const mocks = await startMocks({ now: () => clock.now });
  afterwards(() => mocks.stop());
  const log: string[] = [];
  const env = {
    ...mocks.env,
    PORT: '0',
    DATABASE_PATH: join(folder, 'exchange.db'),
    DELIVERY_TIMEOUT_MS: '2000',
    LEASE_MS: '10000',
    API_TOKENS: SCOPES.map((scope) => `${tokenOf(scope)}:${scope}`).join(','),
    FEED_TOKENS: FEED_TOKEN,
    ...(typeof more === 'function' ? more(mocks) : more),
  };
  const config = parseConfig(env);
  const exchange = await createExchange(config, {
    now: () => clock.now,
    random: () => 0.5,
    log: pino({}, { write: (line: string) => void log.push(line) }),
  });
  afterwards(() => exchange.stop());
  const { url } = exchange;
  const patients = (await (await fetch(`${mocks.origins.fhir}/_mock/patients`)).json()) as {
    icn: string;
    ohPatientId: string;
  }[];
  const patient = (n: number) => patients[n - 1] ?? { icn: '', ohPatientId: '' };
  const ask: Fort['ask'] = (method, path, { as, headers = {}, json, body } = {}) =>
    fetch(url + path, {
      method,
      redirect: 'manual',
      headers: {
        ...(as === undefined ? {} : { Authorization: `Bearer ${as}` }),
        ...(json === undefined ? {} : { 'Content-Type': 'application/json' }),
        ...headers,
      },
      ...(json === undefined ? {} : { body: JSON.stringify(json) }),
      ...(body === undefined ? {} : { body }),
    });
  return {
    url,
    exchange,
    mocks,
    env,
    log,
    clock,
    patient,
    ask,
    async send(n, changes) {
      const json = letter(patient(n).icn, changes);
      const answer = await ask('POST', '/messages', { as: tokenOf('send'), json });
      return ((await answer.json()) as { id: string }).id;
    },
    drain: () => exchange.engine.drain(),
  };
}

/** Somebody who signs JWTs, their JWKS on loopback, and the environment that trusts them. */
export async function issuer() {
  const { privateKey, publicKey } = await generateKeyPair('RS256', { extractable: true });
  const jwk = { ...(await exportJWK(publicKey)), kid: 'key-1', alg: 'RS256' };
  const asked: string[] = [];
  const server = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    fetch(request) {
      asked.push(new URL(request.url).pathname);
      return Response.json({ keys: [jwk] });
    },
  });
  afterwards(() => server.stop(true));
  const claims = (changes: JWTPayload = {}): JWTPayload => ({
    iss: ISSUER,
    aud: AUDIENCE,
    sub: 'portal',
    exp: START / 1000 + 300,
    scope: 'read',
    ...changes,
  });
  return {
    asked,
    publicKey,
    claims,
    env: {
      AUTH_JWT_ISSUER: ISSUER,
      AUTH_JWT_AUDIENCE: AUDIENCE,
      AUTH_JWT_JWKS_URL: `${server.url.origin}/jwks`,
    },
    sign: (changes: JWTPayload = {}, header: object = {}, key = privateKey) =>
      new SignJWT(claims(changes))
        .setProtectedHeader({ alg: 'RS256', kid: 'key-1', ...header })
        .sign(key),
  };
}

/** A person of the console, and the cookie of their login. */
export async function loggedIn({ exchange, ask }: Fort, name: string, role: Role) {
  const passwordHash = await hashOfPassword;
  await exchange.store.operators.add({ name, role, passwordHash }, 'test');
  const body = new URLSearchParams({ name, password: PASSWORD });
  const answer = await ask('POST', '/console/login', { body });
  return answer.headers.get('set-cookie')?.split(';', 1)[0] ?? '';
}

import { afterAll, expect, test } from 'bun:test';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ConfigError, type ConfigFault, parseConfig } from '../src/config.ts';

const good = {
  MHV_BASE_URL: 'http://mhv.invalid/v1/sm/patient/',
  MHV_APP_TOKEN: 'token',
  OH_MESSAGING_BASE_URL: 'http://oh.invalid/messaging/demo/service',
  OH_AUTHORITY: 'demo',
  OH_FHIR_BASE_URL: 'http://fhir.invalid/r4/tenant',
  OH_MEDIA_BASE_URL: 'http://media.invalid',
  OH_AUTH_METHOD: 'none',
  AUTH: 'none',
};

function faultsIn(env: Record<string, string>): ConfigFault[] {
  try {
    parseConfig(env);
  } catch (error) {
    if (error instanceof ConfigError) return error.faults;
    throw error;
  }
  return [];
}

function faultsOf(env: Record<string, string>): string[] {
  return faultsIn(env)
    .map(({ variable }) => variable)
    .toSorted();
}

test('what is not set has a default, and a slash at the end of a URL is dropped', () => {
  expect(parseConfig(good)).toMatchObject({
    HOST: '127.0.0.1',
    PORT: 3000,
    DATABASE_PATH: './data/exchange.db',
    MHV_BASE_URL: 'http://mhv.invalid/v1/sm/patient',
    RETRY_SCHEDULE: [1000, 2000, 5000, 10_000, 30_000, 60_000, 300_000, 900_000],
  });
});

test('every fault is reported at once, and no value is quoted', () => {
  const { OH_AUTHORITY: _missing, ...rest } = good;
  const env = { ...rest, PORT: 'secret-port', MHV_BASE_URL: 'ftp://x', RETRY_SCHEDULE: '1,-1' };
  expect(faultsOf({ ...env, LEASE_MS: '1000' })).toEqual([
    'LEASE_MS',
    'MHV_BASE_URL',
    'OH_AUTHORITY',
    'PORT',
    'RETRY_SCHEDULE',
  ]);
  expect(() => parseConfig(env)).not.toThrow('secret-port');
});

test.each([
  ['PORT', '70000', 'must be a whole number from 0 to 65535'],
  ['PORT', 'abc', 'must be a whole number from 0 to 65535'],
  ['CONCURRENCY', '1.5', 'must be a whole number from 1 to 256'],
  ['RATE_PER_SECOND', '-1', 'must be a number from 0 to 10000'],
  ['OTEL_TRACES_SAMPLER_ARG', 'half', 'must be a number from 0 to 1'],
  ['AUTH', 'off', 'must be one of required, none'],
  ['LOG_LEVEL', 'loud', 'must be one of trace, debug, info, warn, error, fatal, silent'],
])('%s=%s is told, in one line, what it must be', (variable, value, detail) => {
  expect(faultsIn({ ...good, [variable]: value })).toEqual([{ variable, detail }]);
});

test('without credentials the exchange does not start unless AUTH=none', () => {
  expect(faultsOf({ ...good, AUTH: 'required' })).toEqual(['API_TOKENS', 'FEED_SECRET']);
  expect(faultsOf({ ...good, AUTH: '', API_TOKENS: 'a', FEED_TOKENS: 'b' })).toEqual([]);
  const jwt = { AUTH_JWT_ISSUER: 'https://id.invalid', AUTH_JWT_AUDIENCE: 'smx' };
  const keys = 'https://id.invalid/jwks';
  const feed = { ...good, AUTH: '', FEED_TOKENS: 'b' };
  expect(faultsOf({ ...feed, ...jwt, AUTH_JWT_JWKS_URL: keys })).toEqual([]);
  expect(faultsOf({ ...feed, ...jwt })).toEqual(['AUTH_JWT_JWKS_URL']);
  const open = keys.replace('https', 'http');
  expect(faultsOf({ ...feed, ...jwt, AUTH_JWT_JWKS_URL: open })).toContain('AUTH_JWT_JWKS_URL');
  expect(parseConfig(feed, { hasTokens: true }).API_TOKENS).toEqual([]);
});

test.each([
  ['oauth2-basic', ['OH_AUTH_CLIENT_ID', 'OH_AUTH_CLIENT_SECRET', 'OH_AUTH_TOKEN_URL']],
  [
    'oauth2-private-key-jwt',
    ['OH_AUTH_CLIENT_ID', 'OH_AUTH_KEY_ID', 'OH_AUTH_PRIVATE_KEY', 'OH_AUTH_TOKEN_URL'],
  ],
  ['oauth1-hmac-sha1', ['OH_AUTH_CLIENT_ID', 'OH_AUTH_CLIENT_SECRET']],
])('%s needs its own variables', (method, variables) => {
  expect(faultsOf({ ...good, OH_AUTH_METHOD: method })).toEqual(variables);
});

test('an empty variable is one that is not set', () => {
  expect(parseConfig({ ...good, PORT: '', FEED_SECRET: '' })).toMatchObject({ PORT: 3000 });
});

test('headers for the collector of traces are pairs, their values decoded', () => {
  const env = { ...good, OTEL_EXPORTER_OTLP_HEADERS: 'authorization=Basic%20YQ==, x-tenant=east' };
  expect(parseConfig(env).OTEL_EXPORTER_OTLP_HEADERS).toEqual({
    authorization: 'Basic YQ==',
    'x-tenant': 'east',
  });
  const bad = { OTEL_EXPORTER_OTLP_HEADERS: 'secret', OTEL_TRACES_SAMPLER: 'often' };
  expect(faultsOf({ ...good, ...bad, OTEL_TRACES_SAMPLER_ARG: '2' })).toEqual([
    'OTEL_EXPORTER_OTLP_HEADERS',
    'OTEL_TRACES_SAMPLER',
    'OTEL_TRACES_SAMPLER_ARG',
  ]);
});
test('a token of the environment may do everything unless its scopes are written behind it', () => {
  expect(parseConfig({ ...good, API_TOKENS: 'all, some:read+send' }).API_TOKENS).toEqual([
    { token: 'all', scopes: ['admin'] },
    { token: 'some', scopes: ['send', 'read'] },
  ]);
  for (const bad of ['t:', 't:raed', ':read', 't:read+', 't:read,ok:no']) {
    expect(faultsOf({ ...good, API_TOKENS: bad })).toEqual(['API_TOKENS']);
  }
});

const folder = mkdtempSync(join(tmpdir(), 'sm-exchange-config-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function fileWith(content: string): string {
  const path = join(folder, Bun.randomUUIDv7());
  writeFileSync(path, content);
  return path;
}

const key = (byte: number, bytes = 32) => Buffer.alloc(bytes, byte).toString('base64');

test('keys that seal contents have an id each, and the first is first', () => {
  const { DATA_KEYS } = parseConfig({ ...good, DATA_KEYS: `k2:${key(2)}, k.1:${key(1)}` });
  expect(DATA_KEYS).toEqual([
    { id: 'k2', key: Buffer.alloc(32, 2) },
    { id: 'k.1', key: Buffer.alloc(32, 1) },
  ]);
  expect(parseConfig(good).DATA_KEYS).toEqual([]);
});

test.each([
  ['no id', key(1), ['key 1 must be id:key']],
  ['an id that can not be', `a b:${key(1)}`, ['key 1 must be id:key']],
  ['no key', 'k1:', ['key 1 must be id:key']],
  ['a key that is too short', `k1:${key(1, 31)}`, ['key 1 must be 32 bytes in base64, and is 31']],
  ['one id twice', `k1:${key(1)},k1:${key(2)}`, ['key 2 has the id of key 1']],
  ['one key twice', `k1:${key(1)},k2:${key(1)}`, ['key 2 is the same as key 1']],
  ['two faults', `${key(7)},k2:${key(2, 8)}`, ['key 1 must be id:key', 'key 2 must be 32 bytes']],
])('keys with %s are refused, by place, and none is quoted', (_what, DATA_KEYS, wanted) => {
  const faults = faultsIn({ ...good, DATA_KEYS });
  expect(faults.map(({ variable }) => variable)).toEqual(wanted.map(() => 'DATA_KEYS'));
  for (const [place, detail] of wanted.entries()) expect(faults[place]?.detail).toStartWith(detail);
  expect(JSON.stringify(faults)).not.toMatch(/AQEB|AgIC|BwcH/);
});

test('a secret may lie in a file, whose last line end is no part of it', () => {
  const { MHV_APP_TOKEN: _inFile, ...rest } = good;
  const env = {
    ...rest,
    MHV_APP_TOKEN_FILE: fileWith('app token\n'),
    API_TOKENS_FILE: fileWith('one,two:read\r\n'),
    FEED_SECRET_FILE: '',
  };
  const config = parseConfig(env);
  expect(config.MHV_APP_TOKEN).toBe('app token');
  expect(config.API_TOKENS.map(({ token }) => token)).toEqual(['one', 'two']);
});

test.each([
  ['is not there', '/nowhere/secret'],
  ['is empty', fileWith('\n')],
  ['is a folder', folder],
])('a file of a secret that %s is one fault, of the variable that names it', (_what, path) => {
  const { MHV_APP_TOKEN: _inFile, ...rest } = good;
  expect(faultsOf({ ...rest, MHV_APP_TOKEN_FILE: path })).toEqual(['MHV_APP_TOKEN_FILE']);
  expect(faultsOf({ ...good, AUTH: '', FEED_TOKENS: 'f', API_TOKENS_FILE: path })).toEqual([
    'API_TOKENS_FILE',
  ]);
});

test('a secret in a file and in the environment is a fault, and neither is quoted', () => {
  const env = { ...good, MHV_APP_TOKEN_FILE: fileWith('in-the-file') };
  expect(faultsOf(env)).toEqual(['MHV_APP_TOKEN_FILE']);
  expect(() => parseConfig(env)).toThrow(/^MHV_APP_TOKEN_FILE: and MHV_APP_TOKEN are both set$/);
  const bad = { ...good, API_TOKENS_FILE: fileWith('in-the-file:nonsense') };
  expect(() => parseConfig(bad)).toThrow(/^API_TOKENS: must be/);
});

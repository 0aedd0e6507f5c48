import { expect, test } from 'bun:test';
import { ConfigError, parseConfig } from '../src/config.ts';

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

function faultsOf(env: Record<string, string>): string[] {
  try {
    parseConfig(env);
  } catch (error) {
    if (error instanceof ConfigError)
      return error.faults.map(({ variable }) => variable).toSorted();
    throw error;
  }
  return [];
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

test('without credentials the exchange does not start unless AUTH=none', () => {
  expect(faultsOf({ ...good, AUTH: 'required' })).toEqual(['API_TOKENS', 'FEED_SECRET']);
  expect(faultsOf({ ...good, AUTH: '', API_TOKENS: 'a', FEED_TOKENS: 'b' })).toEqual([]);
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

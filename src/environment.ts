/** What the environment may set. */
import { z } from 'zod';
import {
  apiTokens,
  authMethods,
  dataKeys,
  fraction,
  integer,
  isPrivate,
  list,
  origins,
  otlpHeaders,
  samplers,
  schedule,
  text,
  url,
  word,
} from './environment-values.ts';

/** Every variable the exchange reads. The README lists them in the same order; one without a default says what it is. */
export const environment = z.object({
  HOST: text.default('127.0.0.1'),
  PORT: integer(0, 65535).default(3000),
  TLS_CERT_FILE: text.optional(),
  TLS_KEY_FILE: text.optional(),
  DATABASE_PATH: text.default('./data/exchange.db'),

  MHV_BASE_URL: url.describe('MHV Secure Messaging up to, not with, /session'),
  MHV_APP_TOKEN: text.describe('application token of MHV'),
  MHV_API_KEY: text.optional(),
  MHV_FILE_ORIGINS: origins,
  MHV_TLS_CERT_FILE: text.optional(),
  MHV_TLS_KEY_FILE: text.optional(),
  MHV_TLS_CA_FILE: text.optional(),

  OH_MESSAGING_BASE_URL: url.describe('Messaging REST up to and with /service'),
  OH_AUTHORITY: text.describe('Millennium authority, first segment of every path'),
  OH_FHIR_BASE_URL: url.describe('FHIR R4 service root with the tenant'),
  OH_MEDIA_BASE_URL: url.describe('media service of Oracle Health'),
  OH_ICN_SYSTEM: text.default('urn:oid:2.16.840.1.113883.4.349'),
  OH_STATION_SYSTEM: text.default('urn:oid:2.16.840.1.113883.4.349.4'),
  OH_DEFAULT_POOL_ID: z.string().regex(/^\d+$/, 'must be digits').optional(),
  OH_DEFAULT_STATION_NUMBER: z
    .string()
    .regex(/^[0-9]{3}[A-Z0-9]{0,4}$/, 'must be three digits and a suffix of up to four')
    .optional(),
  OH_HISTORY_SINCE: z.iso
    .date('must be a date such as 2015-01-01')
    .default('2015-01-01')
    .transform((date) => Date.parse(date)),

  DIRECTORY: word(['seen', 'strict']).default('seen'),
  OH_PATIENT_ID_SOURCE: word(['fhir-search', 'mpi-cerner-id']).default('fhir-search'),

  OH_AUTH_METHOD: word(authMethods).default('oauth2-basic'),
  OH_AUTH_TOKEN_URL: url.optional(),
  OH_AUTH_CLIENT_ID: text.optional(),
  OH_AUTH_CLIENT_SECRET: text.optional(),
  OH_AUTH_SCOPE: text.default(
    'system/Patient.read system/Practitioner.read system/Organization.read system/Location.read system/Encounter.read',
  ),
  OH_AUTH_PRIVATE_KEY: text.optional(),
  OH_AUTH_KEY_ID: text.optional(),
  OH_TLS_CERT_FILE: text.optional(),
  OH_TLS_KEY_FILE: text.optional(),
  OH_TLS_CA_FILE: text.optional(),

  FEED_SECRET: list,
  FEED_TOKENS: list,
  FEED_PASSWORDS: list.refine((pairs) => pairs.every((pair) => pair.includes(':')), {
    error: 'must be user:password pairs, separated by commas',
  }),
  FEED_TOPIC: text.optional(),
  FEED_MESSAGE_ID_PREFIX: text.optional(),
  FEED_PATIENT_ELEMENT: z
    .string()
    .regex(/^\{[^{}]+\}[^{}@]+@[^{}@]+$/, 'must look like {namespace}element@attribute')
    .optional(),
  API_TOKENS: apiTokens,
  AUTH: word(['required', 'none']).default('required'),
  API_REQUESTS_PER_MINUTE: integer(0, 10_000_000).default(6000),
  AUTH_JWT_ISSUER: text.optional(),
  AUTH_JWT_AUDIENCE: text.optional(),
  AUTH_JWT_JWKS_URL: url.refine(isPrivate, 'must be https, but on loopback').optional(),
  AUTH_JWT_SKEW_SECONDS: integer(0, 300).default(60),
  CONSOLE_JWT_HEADER: text.optional(),
  TRUST_PROXY: integer(0, 10).default(0),

  RETRY_SCHEDULE: schedule,
  MAX_ATTEMPTS: integer(1, 1000).default(200),
  MAX_AGE_HOURS: integer(1, 87_600).default(168),
  ON_DEAD: word(['release', 'hold']).default('release'),
  BREAKER_FAILURES: integer(1, 1000).default(5),
  RATE_PER_SECOND: fraction(0, 10_000).default(0),
  DELIVERY_TIMEOUT_MS: integer(10, 600_000).default(10_000),
  CONCURRENCY: integer(1, 256).default(16),
  LEASE_MS: integer(100, 3_600_000).default(60_000),
  STOP_TIMEOUT_MS: integer(0, 600_000).default(20_000),
  MAX_BACKLOG: integer(1, 100_000_000).default(1_000_000),
  MIN_FREE_DISK_MB: integer(0, 100_000_000).default(200),
  DATA_KEYS: dataKeys,
  RETENTION_DAYS: integer(1, 36_500).default(90),
  RETENTION_DEAD_DAYS: integer(1, 36_500).default(365),
  OTEL_EXPORTER_OTLP_ENDPOINT: url.optional(),
  OTEL_EXPORTER_OTLP_HEADERS: otlpHeaders,
  OTEL_SERVICE_NAME: text.default('sm-exchange'),
  OTEL_TRACES_SAMPLER: word(samplers).default('parentbased_always_on'),
  OTEL_TRACES_SAMPLER_ARG: fraction(0, 1).default(1),
  LOG_LEVEL: word(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']).default('info'),
});

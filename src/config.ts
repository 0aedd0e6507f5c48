/** The environment, read once. Every bad variable is reported, not only the first. */
import { z } from 'zod';
import {
  apiTokens,
  authMethods,
  integer,
  isPrivate,
  list,
  otlpHeaders,
  samplers,
  schedule,
  text,
  url,
} from './config-values.ts';
import { withSecretFiles } from './secret-files.ts';

/** Every variable the exchange reads. The README lists them in the same order. */
const environment = z.object({
  HOST: text.default('127.0.0.1'),
  PORT: integer(0, 65535).default(3000),
  DATABASE_PATH: text.default('./data/exchange.db'),

  MHV_BASE_URL: url,
  MHV_APP_TOKEN: text,
  MHV_API_KEY: text.optional(),

  OH_MESSAGING_BASE_URL: url,
  OH_AUTHORITY: text,
  OH_FHIR_BASE_URL: url,
  OH_MEDIA_BASE_URL: url,
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

  DIRECTORY: z.enum(['seen', 'strict']).default('seen'),
  OH_PATIENT_ID_SOURCE: z.enum(['fhir-search', 'mpi-cerner-id']).default('fhir-search'),

  OH_AUTH_METHOD: z.enum(authMethods).default('oauth2-basic'),
  OH_AUTH_TOKEN_URL: url.optional(),
  OH_AUTH_CLIENT_ID: text.optional(),
  OH_AUTH_CLIENT_SECRET: text.optional(),
  OH_AUTH_SCOPE: text.default(
    'system/Patient.read system/Practitioner.read system/Organization.read system/Location.read system/Encounter.read',
  ),
  OH_AUTH_PRIVATE_KEY: text.optional(),
  OH_AUTH_KEY_ID: text.optional(),

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
  AUTH: z.enum(['required', 'none']).default('required'),
  AUTH_JWT_ISSUER: text.optional(),
  AUTH_JWT_AUDIENCE: text.optional(),
  AUTH_JWT_JWKS_URL: url.refine(isPrivate, 'must be https, but on loopback').optional(),
  AUTH_JWT_SKEW_SECONDS: integer(0, 300).default(60),
  CONSOLE_JWT_HEADER: text.optional(),
  TRUST_PROXY: integer(0, 10).default(0),

  RETRY_SCHEDULE: schedule,
  MAX_ATTEMPTS: integer(1, 1000).default(200),
  MAX_AGE_HOURS: integer(1, 87_600).default(168),
  ON_DEAD: z.enum(['release', 'hold']).default('release'),
  BREAKER_FAILURES: integer(1, 1000).default(5),
  RATE_PER_SECOND: z.coerce.number().min(0).max(10_000).default(0),
  DELIVERY_TIMEOUT_MS: integer(10, 600_000).default(10_000),
  CONCURRENCY: integer(1, 256).default(16),
  LEASE_MS: integer(100, 3_600_000).default(60_000),
  MAX_BACKLOG: integer(1, 100_000_000).default(1_000_000),
  MIN_FREE_DISK_MB: integer(0, 100_000_000).default(200),
  RETENTION_DAYS: integer(1, 36_500).default(90),
  RETENTION_DEAD_DAYS: integer(1, 36_500).default(365),
  OTEL_EXPORTER_OTLP_ENDPOINT: url.optional(),
  OTEL_EXPORTER_OTLP_HEADERS: otlpHeaders,
  OTEL_SERVICE_NAME: text.default('sm-exchange'),
  OTEL_TRACES_SAMPLER: z.enum(samplers).default('parentbased_always_on'),
  OTEL_TRACES_SAMPLER_ARG: z.coerce.number().min(0).max(1).default(1),
  LOG_LEVEL: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']).default('info'),
});

/** The environment after parsing; the names are those of the variables. */
export type Config = z.output<typeof environment>;

/** One bad variable. The value is never quoted: it may be a secret. */
export interface ConfigFault {
  variable: string;
  detail: string;
}

/** Thrown when the environment can't be used; `main` prints a line for each fault and exits 78. */
export class ConfigError extends Error {
  readonly faults: ConfigFault[];

  constructor(faults: ConfigFault[]) {
    super(faults.map(({ variable, detail }) => `${variable}: ${detail}`).join('\n'));
    this.name = 'ConfigError';
    this.faults = faults;
  }
}

/** What is known beside the environment. */
interface Beside {
  /** The environment needs no credentials of the API: the file has a token, or the API is not opened. */
  hasTokens?: boolean;
}

/** Parses the variables the exchange knows and ignores the rest. Throws ConfigError with every fault. */
export function parseConfig(
  env: Record<string, string | undefined>,
  { hasTokens = false }: Beside = {},
): Config {
  // An empty variable is how shells and manifests say "not set".
  const given = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ''));
  const { set, faults: unread } = withSecretFiles(given);
  const parsed = environment.safeParse(set);
  const issues = parsed.success ? [] : parsed.error.issues;
  const faults = issues.map((issue) => ({
    variable: String(issue.path[0]),
    detail: set[String(issue.path[0])] === undefined ? 'is missing' : issue.message,
  }));
  const across = faultsAcross(parsed.success ? parsed.data : withDefaults(set), hasTokens);
  // What is missing because its file is bad is one fault, not two.
  const all = [...faults, ...across].filter(
    ({ variable }) => !unread.some(({ of }) => of === variable),
  );
  const bad = [...unread.map(({ variable, detail }) => ({ variable, detail })), ...all];
  if (!parsed.success || bad.length > 0) throw new ConfigError(bad);
  return parsed.data;
}

/** Where the SQLite file is, for programs that need nothing else. */
export function databasePath(env: Record<string, string | undefined>): string {
  return environment.shape.DATABASE_PATH.parse(env['DATABASE_PATH'] || undefined);
}

/** What can be said of the variables that depend on each other even when others are bad. */
function withDefaults(set: Record<string, string | undefined>): Across {
  const across = environment.pick({
    AUTH: true,
    API_TOKENS: true,
    AUTH_JWT_ISSUER: true,
    AUTH_JWT_AUDIENCE: true,
    AUTH_JWT_JWKS_URL: true,
    CONSOLE_JWT_HEADER: true,
    FEED_SECRET: true,
    FEED_TOKENS: true,
    FEED_PASSWORDS: true,
    OH_AUTH_METHOD: true,
    OH_AUTH_TOKEN_URL: true,
    OH_AUTH_CLIENT_ID: true,
    OH_AUTH_CLIENT_SECRET: true,
    OH_AUTH_PRIVATE_KEY: true,
    OH_AUTH_KEY_ID: true,
    DELIVERY_TIMEOUT_MS: true,
    LEASE_MS: true,
  });
  const parsed = across.safeParse(set);
  return parsed.success ? parsed.data : {};
}

type Across = Partial<Config>;

function faultsAcross(config: Across, hasTokens: boolean): ConfigFault[] {
  const faults: ConfigFault[] = [];
  const need = (condition: boolean, variable: keyof Config, detail: string) => {
    if (condition) faults.push({ variable, detail });
  };
  if (config.AUTH === 'required') {
    const hint = 'or set AUTH=none on a machine nobody else reaches';
    const opensApi = hasTokens || config.AUTH_JWT_ISSUER !== undefined;
    need(
      config.API_TOKENS?.length === 0 && !opensApi,
      'API_TOKENS',
      `is missing: name a token, make one with \`bun run token add\`, set AUTH_JWT_ISSUER, ${hint}`,
    );
    const feedCredentials = [config.FEED_SECRET, config.FEED_TOKENS, config.FEED_PASSWORDS].flat();
    const hasFeedCredential = feedCredentials.length > 0;
    need(
      !hasFeedCredential,
      'FEED_SECRET',
      `is missing: set it, FEED_TOKENS or FEED_PASSWORDS, ${hint}`,
    );
  }
  const jwt = ['AUTH_JWT_ISSUER', 'AUTH_JWT_AUDIENCE', 'AUTH_JWT_JWKS_URL'] as const;
  for (const variable of jwt.some((one) => config[one]) ? jwt : []) {
    need(!config[variable], variable, `is missing: ${jwt.join(', ')} go together`);
  }
  const needsIssuer = config.CONSOLE_JWT_HEADER !== undefined && !config.AUTH_JWT_ISSUER;
  need(needsIssuer, 'AUTH_JWT_ISSUER', 'is missing: CONSOLE_JWT_HEADER needs it');
  for (const variable of variablesOf(config.OH_AUTH_METHOD)) {
    need(
      !config[variable],
      variable,
      `is missing: OH_AUTH_METHOD=${config.OH_AUTH_METHOD} needs it`,
    );
  }
  const { DELIVERY_TIMEOUT_MS, LEASE_MS } = config;
  if (DELIVERY_TIMEOUT_MS !== undefined && LEASE_MS !== undefined) {
    need(
      DELIVERY_TIMEOUT_MS * 2 > LEASE_MS,
      'LEASE_MS',
      'must be at least twice DELIVERY_TIMEOUT_MS',
    );
  }
  return faults;
}

function variablesOf(method: Config['OH_AUTH_METHOD'] | undefined): (keyof Config)[] {
  switch (method) {
    case 'oauth2-basic':
      return ['OH_AUTH_TOKEN_URL', 'OH_AUTH_CLIENT_ID', 'OH_AUTH_CLIENT_SECRET'];
    case 'oauth2-private-key-jwt':
      return ['OH_AUTH_TOKEN_URL', 'OH_AUTH_CLIENT_ID', 'OH_AUTH_PRIVATE_KEY', 'OH_AUTH_KEY_ID'];
    case 'oauth1-plaintext':
    case 'oauth1-hmac-sha1':
      return ['OH_AUTH_CLIENT_ID', 'OH_AUTH_CLIENT_SECRET'];
    case 'none':
    case undefined:
      return [];
  }
}

/** The environment, read once. Every bad variable is reported, not only the first. */
import { z } from 'zod';

const text = z.string().min(1);
const url = z
  .url({ protocol: /^https?$/, error: 'must be an http or https URL' })
  .transform((value) => value.replace(/\/+$/, ''));
const integer = (min: number, max: number) => z.coerce.number().int().min(min).max(max);
const list = z
  .string()
  .default('')
  .transform((value) => value.split(',').map((item) => item.trim()))
  .transform((items) => items.filter((item) => item !== ''));

const schedule = z
  .string()
  .default('1,2,5,10,30,60,300,900')
  .transform((value) => value.split(',').map((seconds) => Number(seconds) * 1000))
  .refine((waits) => waits.every((ms) => Number.isFinite(ms) && ms > 0 && ms <= 86_400_000), {
    error: 'must be seconds above 0 and up to 86400, separated by commas',
  });

const authMethods = [
  'none',
  'oauth2-basic',
  'oauth2-private-key-jwt',
  'oauth1-plaintext',
  'oauth1-hmac-sha1',
] as const;

const samplers = [
  'always_on',
  'always_off',
  'traceidratio',
  'parentbased_always_on',
  'parentbased_always_off',
  'parentbased_traceidratio',
] as const;

/** `name=value` pairs, the values percent-encoded (OpenTelemetry's specification of OTLP exporters). */
const otlpHeaders = list
  .refine(
    (pairs) => pairs.every((pair) => /^[!#$%&'*+.^_`|~\w-]+ *=(?:[^%]|%[0-9a-f]{2})*$/i.test(pair)),
    {
      error: 'must be name=value pairs, separated by commas, values percent-encoded',
    },
  )
  .transform((pairs) => pairs.map((pair) => /^([^= ]+) *=(.*)$/.exec(pair) ?? []))
  .transform((pairs) =>
    Object.fromEntries(pairs.map(([, name = '', value = '']) => [name, decoded(value)])),
  );

function decoded(value: string): string {
  try {
    return decodeURIComponent(value.trim());
  } catch {
    return value.trim();
  }
}

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
  API_TOKENS: list,
  AUTH: z.enum(['required', 'none']).default('required'),

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

/** Parses the variables the exchange knows and ignores the rest. Throws ConfigError with every fault. */
export function parseConfig(env: Record<string, string | undefined>): Config {
  // An empty variable is how shells and manifests say "not set".
  const set = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ''));
  const parsed = environment.safeParse(set);
  if (!parsed.success) {
    const faults = parsed.error.issues.map((issue) => ({
      variable: String(issue.path[0]),
      detail: set[String(issue.path[0])] === undefined ? 'is missing' : issue.message,
    }));
    throw new ConfigError([...faults, ...faultsAcross(withDefaults(set))]);
  }
  const faults = faultsAcross(parsed.data);
  if (faults.length > 0) throw new ConfigError(faults);
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

function faultsAcross(config: Across): ConfigFault[] {
  const faults: ConfigFault[] = [];
  const need = (condition: boolean, variable: keyof Config, detail: string) => {
    if (condition) faults.push({ variable, detail });
  };
  if (config.AUTH === 'required') {
    const hint = 'or set AUTH=none on a machine nobody else reaches';
    need(config.API_TOKENS?.length === 0, 'API_TOKENS', `is missing: name a token, ${hint}`);
    const feedCredentials = [config.FEED_SECRET, config.FEED_TOKENS, config.FEED_PASSWORDS].flat();
    const hasFeedCredential = feedCredentials.length > 0;
    need(
      !hasFeedCredential,
      'FEED_SECRET',
      `is missing: set it, FEED_TOKENS or FEED_PASSWORDS, ${hint}`,
    );
  }
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

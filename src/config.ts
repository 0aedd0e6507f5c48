/** The environment, read once. Every bad variable is reported, not only the first. */
import type { z } from 'zod';
import { environment } from './environment.ts';
import { withSecretFiles } from './secret-files.ts';
import { readTlsFiles, type TlsFiles, type TlsOwner } from './tls-files.ts';

const local = environment.pick({
  HOST: true,
  PORT: true,
  TLS_CERT_FILE: true,
  DATABASE_PATH: true,
  MAX_BACKLOG: true,
  MIN_FREE_DISK_MB: true,
});

/** The part of the configuration that names no other system. */
export type LocalConfig = z.output<typeof local>;

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
  const faults = issues.map((issue) => {
    const variable = String(issue.path[0]);
    return {
      variable,
      detail: set[variable] === undefined ? `is missing: ${meaningOf(variable)}` : issue.message,
    };
  });
  const across = faultsAcross(parsed.success ? parsed.data : withDefaults(set), hasTokens);
  // What is missing because its file is bad is one fault, not two.
  const all = [...faults, ...across].filter(
    ({ variable }) => !unread.some(({ of }) => of === variable),
  );
  const bad = [...unread.map(({ variable, detail }) => ({ variable, detail })), ...all];
  if (!parsed.success || bad.length > 0) throw new ConfigError(bad);
  return parsed.data;
}

/** What is to be put there, for whoever has not. */
function meaningOf(variable: string): string {
  const schema: z.ZodType | undefined = Reflect.get(environment.shape, variable);
  return schema?.description ?? 'see the README';
}

/** What the variables of one owner name, read anew. Throws ConfigError: the files may have changed since the start. */
export function tlsFilesOf(config: Config, owner: TlsOwner): TlsFiles {
  const { files, faults } = readTlsFiles(config, owner);
  if (faults.length > 0) throw new ConfigError(faults);
  return files;
}

/** Where the SQLite file is, for programs that need nothing else. */
export function databasePath(env: Record<string, string | undefined>): string {
  return environment.shape.DATABASE_PATH.parse(env['DATABASE_PATH'] || undefined);
}

/**
 * What concerns this machine only, for programs that look at it when the rest of the environment is not
 * at hand. Throws ConfigError.
 */
export function localConfig(env: Record<string, string | undefined>): LocalConfig {
  const set = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ''));
  const parsed = local.safeParse(set);
  if (parsed.success) return parsed.data;
  const faults = parsed.error.issues.map((issue) => ({
    variable: String(issue.path[0]),
    detail: issue.message,
  }));
  throw new ConfigError(faults);
}

/** The keys of DATA_KEYS or its file, for programs that need little else. Throws ConfigError. */
export function dataKeysOf(env: Record<string, string | undefined>): Config['DATA_KEYS'] {
  const variables = ['DATA_KEYS', 'DATA_KEYS_FILE'] as const;
  const given = Object.fromEntries(variables.map((name) => [name, env[name] || undefined]));
  const { set, faults } = withSecretFiles(given);
  if (faults.length > 0) throw new ConfigError(faults);
  const parsed = environment.shape.DATA_KEYS.safeParse(set['DATA_KEYS']);
  if (parsed.success) return parsed.data;
  throw new ConfigError(
    parsed.error.issues.map(({ message }) => ({ variable: 'DATA_KEYS', detail: message })),
  );
}

/** What can be said of the variables that depend on each other even when others are bad: those that are good. */
function withDefaults(set: Record<string, string | undefined>): Across {
  const good = Object.entries(environment.shape).flatMap(([name, schema]) => {
    const parsed = schema.safeParse(set[name]);
    return parsed.success ? [[name, parsed.data]] : [];
  });
  return Object.fromEntries(good) as Across;
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
  for (const owner of ['TLS', 'MHV_TLS', 'OH_TLS'] as const) {
    faults.push(...readTlsFiles(config, owner).faults);
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

/** How the values of the environment are written: each kind parses its text or says what it must be. */
import { z } from 'zod';
import { type EnvironmentToken, parseScopes } from './principal.ts';

/** Anything but nothing. */
export const text = z.string().min(1);

/** An http or https URL; slashes at its end are dropped. */
export const url = z
  .url({ protocol: /^https?$/, error: 'must be an http or https URL' })
  .transform((value) => value.replace(/\/+$/, ''));

/** A whole number between the two, both included. */
export function integer(min: number, max: number) {
  const error = `must be a whole number from ${min} to ${max}`;
  return z.coerce
    .number({ error })
    .refine((value) => Number.isInteger(value) && value >= min && value <= max, { error });
}

/** A number between the two, both included. */
export function fraction(min: number, max: number) {
  const error = `must be a number from ${min} to ${max}`;
  return z.coerce.number({ error }).min(min, { error }).max(max, { error });
}

/** One of the words, as it is written. */
export function word<const Words extends readonly string[]>(words: Words) {
  return z.enum(words, { error: `must be one of ${words.join(', ')}` });
}

/** Items separated by commas, without the spaces around them; none unless told. */
export const list = z
  .string()
  .default('')
  .transform((value) => value.split(',').map((item) => item.trim()))
  .transform((items) => items.filter((item) => item !== ''));

/** Items that are origins: scheme, host and port, and nothing behind; given as `URL.origin` writes them. */
export const origins = list
  .refine((items) => items.every(isOrigin), {
    error: 'must be origins such as https://files.example.test, separated by commas',
  })
  .transform((items) => items.map((item) => new URL(item).origin));

function isOrigin(item: string): boolean {
  const parsed = URL.parse(item);
  if (parsed === null || !/^https?:$/.test(parsed.protocol)) return false;
  return parsed.href === `${parsed.origin}/`;
}

/** `token`, which may do everything, or `token:scope+scope`: no bearer token has a colon. */
export const apiTokens = list.transform((items, context) =>
  items.map((item): EnvironmentToken => {
    const [token = '', words] = item.split(':', 2);
    const scopes = words === undefined ? (['admin'] as const) : parseScopes(words.split('+'));
    if (token !== '' && scopes) return { token, scopes };
    const message = 'must be token or token:scope+scope with send, read, operate, admin';
    context.addIssue({ code: 'custom', message });
    return z.NEVER;
  }),
);

const DATA_KEY_BYTES = 32;

/** `id:key`, the key as base64 of 32 bytes. What is wrong is told by place: an id may be a key by mistake. */
export const dataKeys = list.transform((items, context) => {
  const keys = items.map((item) => {
    const [, id = '', base64 = ''] = /^([\w.-]{1,32}):([A-Za-z0-9+/]+={0,2})$/.exec(item) ?? [];
    return { id, key: Buffer.from(base64, 'base64') };
  });
  const refuse = (place: number, message: string) =>
    context.addIssue({ code: 'custom', message: `key ${place + 1} ${message}` });
  for (const [place, { id, key }] of keys.entries()) {
    const form = 'must be id:key, the id 1 to 32 letters, digits, . _ -, the key in base64';
    if (id === '') refuse(place, form);
    else if (key.byteLength !== DATA_KEY_BYTES) {
      refuse(place, `must be ${DATA_KEY_BYTES} bytes in base64, and is ${key.byteLength}`);
    }
    const earlier = keys.slice(0, place).findIndex((other) => id !== '' && other.id === id);
    if (earlier >= 0) refuse(place, `has the id of key ${earlier + 1}`);
    const same = keys.slice(0, place).findIndex((other) => id !== '' && other.key.equals(key));
    if (same >= 0) refuse(place, `is the same as key ${same + 1}, under another id`);
  }
  return keys;
});

/** Waits between attempts, written in seconds, given in milliseconds. */
export const schedule = z
  .string()
  .default('1,2,5,10,30,60,300,900')
  .transform((value) => value.split(',').map((seconds) => Number(seconds) * 1000))
  .refine((waits) => waits.every((ms) => Number.isFinite(ms) && ms > 0 && ms <= 86_400_000), {
    error: 'must be seconds above 0 and up to 86400, separated by commas',
  });

/** Keys that somebody between could replace open everything. */
export function isPrivate(value: string): boolean {
  const { protocol, hostname } = new URL(value);
  return protocol === 'https:' || ['127.0.0.1', '[::1]', 'localhost'].includes(hostname);
}

/** How the exchange says to Oracle Health who it is. */
export const authMethods = [
  'none',
  'oauth2-basic',
  'oauth2-private-key-jwt',
  'oauth1-plaintext',
  'oauth1-hmac-sha1',
] as const;

/** OpenTelemetry's words for which traces are exported. */
export const samplers = [
  'always_on',
  'always_off',
  'traceidratio',
  'parentbased_always_on',
  'parentbased_always_off',
  'parentbased_traceidratio',
] as const;

/** `name=value` pairs, the values percent-encoded (OpenTelemetry's specification of OTLP exporters). */
export const otlpHeaders = list
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

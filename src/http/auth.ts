/** Who may push: whoever has the feed's signature, token or password. */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { ExchangeError } from '../errors.ts';
import type { Instant } from '../message.ts';

export interface FeedAuth {
  /** `none` opens the feed unless it has secrets. */
  mode: 'required' | 'none';
  feedTokens: string[];
  /** `user:password` for Basic (RFC 7617). */
  feedPasswords: string[];
  /** Keys of the feed's signatures, any of which will do; enforced whatever `mode` says. */
  feedSecrets: string[];
  now: () => Instant;
}

/**
 * Throws `unauthorized` unless the pushed bytes come from the feed. With secrets, only a right
 * signature over the bytes as sent will do: `X-Hub-Signature` (WebSub §7.1) or Standard Webhooks.
 * Without, a bearer token or Basic credentials.
 */
export function checkFeed(options: FeedAuth, headers: Headers, body: Uint8Array): void {
  const { feedSecrets, feedTokens, feedPasswords, mode, now } = options;
  if (feedSecrets.length > 0) {
    if (feedSecrets.some((secret) => isSignedBy(secret, headers, body, now()))) return;
    throw new ExchangeError(
      'unauthorized',
      'The signature is missing, of an unknown method, or wrong.',
    );
  }
  if (mode === 'none' || isOneOf(credentialsOf(headers, 'Bearer'), feedTokens)) return;
  const basic = credentialsOf(headers, 'Basic');
  const decoded = basic && Buffer.from(basic, 'base64').toString('utf8');
  if (isOneOf(decoded, feedPasswords)) return;
  throw new ExchangeError('unauthorized', 'The feed needs a signature, a token or a password.');
}

function isSignedBy(secret: string, headers: Headers, body: Uint8Array, now: Instant): boolean {
  return headers.has('webhook-signature')
    ? isStandardWebhook(secret, headers, body, now)
    : hasHubSignature(secret, headers.get('x-hub-signature'), body);
}

/** A signature older or newer than this may be a recording. */
const WEBHOOK_TOLERANCE_MS = 5 * 60 * 1000;

/**
 * Standard Webhooks 1.0: `v1,` and the HMAC-SHA256 of `id.timestamp.body` in base64, one of several
 * with blanks between. Not by its own library, which makes text of the body: a push may be gzip or
 * UTF-16.
 */
function isStandardWebhook(
  secret: string,
  headers: Headers,
  body: Uint8Array,
  now: Instant,
): boolean {
  const id = headers.get('webhook-id') ?? '';
  const timestamp = headers.get('webhook-timestamp') ?? '';
  const isFresh = Math.abs(now - Number(timestamp) * 1000) <= WEBHOOK_TOLERANCE_MS;
  if (id === '' || !/^[0-9]{1,12}$/.test(timestamp) || !isFresh) return false;
  const key = secret.startsWith('whsec_') ? Buffer.from(secret.slice(6), 'base64') : secret;
  const expected = createHmac('sha256', key).update(`${id}.${timestamp}.`).update(body).digest();
  return (headers.get('webhook-signature') ?? '')
    .split(' ')
    .filter((signature) => signature.startsWith('v1,'))
    .map((signature) => Buffer.from(signature.slice(3), 'base64'))
    .some((given) => given.length === expected.length && timingSafeEqual(given, expected));
}

/** sha1 is left out: WebSub lists it, but it is broken. */
const HUB_SIGNATURE = /^(sha256|sha384|sha512)=([0-9a-f]+)$/i;

function hasHubSignature(secret: string, signature: string | null, body: Uint8Array): boolean {
  const [, method, hex] = HUB_SIGNATURE.exec(signature ?? '') ?? [];
  if (method === undefined || hex === undefined) return false;
  const expected = createHmac(method.toLowerCase(), secret).update(body).digest();
  const given = Buffer.from(hex, 'hex');
  return given.length === expected.length && timingSafeEqual(given, expected);
}

function credentialsOf(headers: Headers, scheme: 'Bearer' | 'Basic'): string | undefined {
  const pattern = new RegExp(`^${scheme} +(\\S+)$`, 'i');
  return pattern.exec(headers.get('authorization') ?? '')?.[1];
}

function isOneOf(given: string | undefined, known: string[]): boolean {
  if (given === undefined) return false;
  // Digests have one length, so that the compare takes the same time for every secret.
  const digest = sha256(given);
  return known.filter((one) => timingSafeEqual(sha256(one), digest)).length > 0;
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

/** Who may call: bearer tokens for the API, and for the feed a token or a signature over the body. */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { ExchangeError } from '../errors.ts';

export interface AuthOptions {
  /** `none` opens the API, and the feed too unless it has a secret. */
  mode: 'required' | 'none';
  apiTokens: string[];
  feedTokens: string[];
  /** Enforced whatever `mode` says. */
  feedSecret?: string;
}

/** Throws `unauthorized` unless the caller may use the API. */
export function checkApiCaller(options: AuthOptions, headers: Headers): void {
  if (options.mode === 'none') return;
  if (!hasToken(headers, options.apiTokens)) {
    throw new ExchangeError('unauthorized', 'The API needs a bearer token (RFC 6750).');
  }
}

/**
 * Throws `unauthorized` unless the pushed bytes come from the feed: with a secret, only a right
 * `X-Hub-Signature` will do (WebSub §7.1); without one, a feed token.
 */
export function checkFeed(options: AuthOptions, headers: Headers, body: Uint8Array): void {
  const { feedSecret, feedTokens, mode } = options;
  if (feedSecret !== undefined) {
    if (isSignedBy(feedSecret, headers.get('x-hub-signature'), body)) return;
    const detail = 'X-Hub-Signature is missing, of an unknown method, or wrong.';
    throw new ExchangeError('unauthorized', detail);
  }
  if (mode === 'none' || hasToken(headers, feedTokens)) return;
  throw new ExchangeError('unauthorized', 'The feed needs a bearer token or a signature.');
}

/** sha1 is left out: WebSub lists it, but it is broken. */
const SIGNATURE = /^(sha256|sha384|sha512)=([0-9a-f]+)$/i;

function isSignedBy(secret: string, signature: string | null, body: Uint8Array): boolean {
  const [, method, hex] = SIGNATURE.exec(signature ?? '') ?? [];
  if (method === undefined || hex === undefined) return false;
  const expected = createHmac(method.toLowerCase(), secret).update(body).digest();
  const given = Buffer.from(hex, 'hex');
  return given.length === expected.length && timingSafeEqual(given, expected);
}

function hasToken(headers: Headers, tokens: string[]): boolean {
  const [, given] = /^Bearer +(\S+)$/i.exec(headers.get('authorization') ?? '') ?? [];
  if (given === undefined) return false;
  // Digests have one length, so that the compare takes the same time for every token.
  const digest = sha256(given);
  return tokens.filter((token) => timingSafeEqual(sha256(token), digest)).length > 0;
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

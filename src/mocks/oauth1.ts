/** Two-legged OAuth 1.0a (RFC 5849): the signature on a request, verified. */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { header, type MockRequest } from './answer.ts';
import { firstUse, type Tokens } from './tokens.ts';

const MAX_CLOCK_DIFFERENCE_MS = 300_000;

/**
 * Whether `Authorization: OAuth ...` is signed by a registered client, PLAINTEXT (§3.4.4) or HMAC-SHA1
 * (§3.4.2), with a recent timestamp and a nonce not seen before (§3.3). Gives the realm, or undefined
 * when the request is not to be trusted.
 */
export function verifyOAuth1(
  tokens: Tokens,
  request: MockRequest,
  now: number,
): { realm?: string } | undefined {
  const parameters = headerParameters(header(request, 'authorization') ?? '');
  if (parameters === undefined) return undefined;
  const key = parameters.get('oauth_consumer_key') ?? '';
  const secret = tokens.clients.get(key)?.secret;
  const signature = parameters.get('oauth_signature');
  if (secret === undefined || signature === undefined) return undefined;
  if ((parameters.get('oauth_version') ?? '1.0') !== '1.0') return undefined;
  if ((parameters.get('oauth_token') ?? '') !== '') return undefined;
  const expected = expectedSignature(request, parameters, `${encode(secret)}&`);
  if (expected === undefined || !same(signature, expected)) return undefined;
  if (!isFresh(tokens, parameters, now)) return undefined;
  const realm = parameters.get('realm');
  return realm === undefined ? {} : { realm };
}

function headerParameters(authorization: string): Map<string, string> | undefined {
  if (!/^OAuth\s/i.test(authorization)) return undefined;
  const parameters = new Map<string, string>();
  for (const part of authorization.slice(6).split(',')) {
    const match = /^\s*([\w%.~-]+)="([^"]*)"\s*$/.exec(part);
    if (match?.[1] === undefined || match[2] === undefined) return undefined;
    const name = decode(match[1]);
    const value = decode(match[2]);
    if (name === undefined || value === undefined || parameters.has(name)) return undefined;
    parameters.set(name, value);
  }
  return parameters;
}

function expectedSignature(
  request: MockRequest,
  parameters: Map<string, string>,
  key: string,
): string | undefined {
  switch (parameters.get('oauth_signature_method') ?? '') {
    case 'PLAINTEXT':
      return key;
    case 'HMAC-SHA1':
      return createHmac('sha1', key).update(baseString(request, parameters)).digest('base64');
    default:
      return undefined;
  }
}

/** §3.4.1: method, URI without query, and all parameters sorted by encoded name and value. */
function baseString(request: MockRequest, parameters: Map<string, string>): string {
  const pairs: [string, string][] = [...request.query];
  for (const [name, value] of parameters) {
    if (name !== 'realm' && name !== 'oauth_signature') pairs.push([name, value]);
  }
  if ((header(request, 'content-type') ?? '').startsWith('application/x-www-form-urlencoded')) {
    pairs.push(...new URLSearchParams(request.body.toString('utf8')));
  }
  const sorted = pairs
    .map(([name, value]) => [encode(name), encode(value)] as const)
    .toSorted(([a, b], [c, d]) => compare(a, c) || compare(b, d))
    .map(([name, value]) => `${name}=${value}`);
  const uri = `http://${(header(request, 'host') ?? '').toLowerCase()}${request.path}`;
  return [request.method, encode(uri), encode(sorted.join('&'))].join('&');
}

/** PLAINTEXT may leave timestamp and nonce out (§3.3). */
function isFresh(tokens: Tokens, parameters: Map<string, string>, now: number): boolean {
  const timestamp = parameters.get('oauth_timestamp');
  const nonce = parameters.get('oauth_nonce');
  if (timestamp === undefined && nonce === undefined) {
    return parameters.get('oauth_signature_method') === 'PLAINTEXT';
  }
  if (timestamp === undefined || nonce === undefined || !/^[1-9]\d*$/.test(timestamp)) return false;
  if (Math.abs(Number(timestamp) * 1000 - now) > MAX_CLOCK_DIFFERENCE_MS) return false;
  const value = `oauth1 ${parameters.get('oauth_consumer_key')} ${timestamp} ${nonce}`;
  return firstUse(tokens, value, now + 2 * MAX_CLOCK_DIFFERENCE_MS, now);
}

/** RFC 3986 encoding: everything but letters, digits, `-`, `.`, `_` and `~` (§3.6). */
function encode(text: string): string {
  return encodeURIComponent(text).replaceAll(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

function decode(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

function compare(left: string, right: string): number {
  if (left === right) return 0;
  return left < right ? -1 : 1;
}

function same(left: string, right: string): boolean {
  const [a, b] = [Buffer.from(left), Buffer.from(right)];
  return a.byteLength === b.byteLength && timingSafeEqual(a, b);
}

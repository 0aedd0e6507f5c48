/** Two-legged OAuth 1.0a (RFC 5849): each request is signed with the consumer's secret, without a token. */
import { createHmac } from 'node:crypto';
import type { Instant } from '../message.ts';
import type { Authorizer } from './authorized-call.ts';

export interface Oauth1Options {
  method: 'oauth1';
  consumerKey: string;
  consumerSecret: string;
  signatureMethod: 'PLAINTEXT' | 'HMAC-SHA1';
  /** Sent as `realm`, unsigned; some services want the authority there. */
  realm?: string;
}

/** Signs each request anew, so there is nothing to renew. Bodies are JSON or files and stay unsigned (§3.4.1.3.1). */
export function createOauth1Authorizer(
  options: Oauth1Options,
  chance: { now: () => Instant; randomId: () => string },
): Authorizer {
  return {
    authorization: async (request) => {
      const parameters = {
        oauth_consumer_key: options.consumerKey,
        oauth_nonce: chance.randomId(),
        oauth_signature_method: options.signatureMethod,
        oauth_timestamp: String(Math.floor(chance.now() / 1000)),
        oauth_version: '1.0',
      };
      const signature = sign(options, request, parameters);
      const fields = Object.entries({ ...parameters, oauth_signature: signature });
      const realm = options.realm === undefined ? [] : [`realm="${encode(options.realm)}"`];
      return `OAuth ${[...realm, ...fields.map(([name, value]) => `${name}="${encode(value)}"`)].join(', ')}`;
    },
    renew: () => {},
  };
}

function sign(
  options: Oauth1Options,
  request: { method: string; url: string },
  parameters: Record<string, string>,
): string {
  const key = `${encode(options.consumerSecret)}&`;
  if (options.signatureMethod === 'PLAINTEXT') return key;
  return createHmac('sha1', key).update(baseString(request, parameters)).digest('base64');
}

/** Signature base string, §3.4.1. */
function baseString(
  request: { method: string; url: string },
  parameters: Record<string, string>,
): string {
  const url = new URL(request.url);
  const pairs = [...url.searchParams, ...Object.entries(parameters)]
    .map(([name, value]): [string, string] => [encode(name), encode(value)])
    .toSorted(([a, x], [b, y]) => byCharacter(a, b) || byCharacter(x, y));
  const normalized = pairs.map(([name, value]) => `${name}=${value}`).join('&');
  const parts = [request.method.toUpperCase(), `${url.origin}${url.pathname}`, normalized];
  return parts.map(encode).join('&');
}

function byCharacter(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

/** Percent encoding of §3.6, stricter than encodeURIComponent. */
function encode(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

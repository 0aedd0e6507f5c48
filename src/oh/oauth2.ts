/** OAuth 2 client credentials (RFC 6749 §4.4), proved by a secret or by a signed assertion (RFC 7523). */
import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import { type JWK, SignJWT } from 'jose';
import { z } from 'zod';
import { createCache, type Loaded } from '../cache.ts';
import { parseJson, readJson } from '../json.ts';
import type { Instant } from '../message.ts';
import {
  type CallContext,
  type ClientTls,
  call,
  peerAt,
  retryAfterMs,
  UpstreamError,
  type UpstreamResponse,
} from '../upstream.ts';
import type { Authorizer } from './authorized-call.ts';

export type Oauth2Options = {
  tokenUrl: string;
  clientId: string;
  /** Scopes with one blank between them. */
  scope: string;
  tls?: ClientTls;
  timeoutMs: number;
} & (
  | { method: 'client-secret'; clientSecret: string }
  | ({ method: 'private-key-jwt' } & SigningKey)
);

/** A PEM private key, RSA or P-384, and the name under which its public half was registered. */
export interface SigningKey {
  privateKeyPem: string;
  keyId: string;
}

const ASSERTION_LIFETIME_S = 240;
const RENEW_BEFORE_MS = 30_000;
const DEFAULT_LIFETIME_S = 300;

const tokenSchema = z.object({
  access_token: z.string().min(1),
  token_type: z.string().regex(/^bearer$/i),
  expires_in: z.coerce.number().positive().nullish(),
});

/**
 * Keeps one token until shortly before its end and fetches it once, however many ask. Every failure
 * of the token endpoint is UpstreamError `retry` with a code `auth:...`: a refusal is a fault of
 * configuration, and the message that waited for the token was not sent.
 */
export function createOauth2Authorizer(
  options: Oauth2Options,
  chance: { now: () => Instant; randomId: () => string },
): Authorizer {
  const tokens = createCache<string>({ maxEntries: 1, now: chance.now });
  const proof = proofOf(options, chance);
  return {
    authorization: (_request, context) =>
      tokens.get(options.tokenUrl, () => fetchToken(options, proof, chance.now, context)),
    renew: (refused) => tokens.drop(options.tokenUrl, refused),
  };
}

/**
 * The JSON Web Key set (RFC 7517) that the token server reads to check our assertions: public halves
 * only. Throws when a key can't be read or is neither RSA nor P-384.
 */
export function publicKeySet(keys: SigningKey[]): { keys: JWK[] } {
  return {
    keys: keys.map(({ privateKeyPem, keyId }) => {
      const key = createPrivateKey(privateKeyPem);
      const jwk = createPublicKey(key).export({ format: 'jwk' });
      return { ...jwk, kid: keyId, alg: algorithmOf(key), use: 'sig' };
    }),
  };
}

/** What proves the client: a header, or more fields of the form. */
type Proof = () => Promise<{ headers: Record<string, string>; form: Record<string, string> }>;

function proofOf(
  options: Oauth2Options,
  chance: { now: () => Instant; randomId: () => string },
): Proof {
  if (options.method === 'client-secret') {
    const credentials = Buffer.from(`${options.clientId}:${options.clientSecret}`);
    const headers = { Authorization: `Basic ${credentials.toString('base64')}` };
    return async () => ({ headers, form: {} });
  }
  const key = createPrivateKey(options.privateKeyPem);
  const header = { alg: algorithmOf(key), kid: options.keyId, typ: 'JWT' };
  const { clientId, tokenUrl } = options;
  return async () => {
    const nowS = Math.floor(chance.now() / 1000);
    const assertion = await new SignJWT({ iss: clientId, sub: clientId, aud: tokenUrl })
      .setProtectedHeader(header)
      .setJti(chance.randomId())
      .setIssuedAt(nowS)
      .setExpirationTime(nowS + ASSERTION_LIFETIME_S)
      .sign(key);
    const type = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
    return { headers: {}, form: { client_assertion_type: type, client_assertion: assertion } };
  };
}

function algorithmOf(key: KeyObject): 'RS384' | 'ES384' {
  if (key.asymmetricKeyType === 'rsa') return 'RS384';
  if (key.asymmetricKeyDetails?.namedCurve === 'secp384r1') return 'ES384';
  throw new TypeError('The private key for the token server must be RSA or P-384.');
}

async function fetchToken(
  options: Oauth2Options,
  proof: Proof,
  now: () => Instant,
  context: CallContext,
): Promise<Loaded<string>> {
  const { headers, form } = await proof();
  const fields = { grant_type: 'client_credentials', scope: options.scope, ...form };
  const response = await call({
    system: 'auth',
    peer: peerAt(options.tokenUrl, options.tls),
    method: 'POST',
    url: options.tokenUrl,
    headers: {
      ...headers,
      'Content-Type': 'application/x-www-form-urlencoded',
      Accept: 'application/json',
    },
    body: new URLSearchParams(fields).toString().replaceAll('+', '%20'),
    timeoutMs: options.timeoutMs,
    effect: 'read',
    // Many attempts may wait for this token, so it must not end with the one that asked first.
    context: { ...context, signal: AbortSignal.timeout(options.timeoutMs) },
  });
  if (response.status !== 200) throw refusedToken(response, now());
  const token = readJson(response, tokenSchema, { system: 'auth', effect: 'read' });
  const lifetimeMs = (token.expires_in ?? DEFAULT_LIFETIME_S) * 1000;
  const usableMs = Math.max(lifetimeMs - RENEW_BEFORE_MS, lifetimeMs / 2);
  return { value: `Bearer ${token.access_token}`, expiresAt: now() + usableMs };
}

function refusedToken(response: UpstreamResponse, now: Instant): UpstreamError {
  const waitMs = retryAfterMs(response.headers, now);
  return new UpstreamError({
    kind: 'retry',
    code: `auth:${response.status}`,
    reason: `The token endpoint gave no token (${response.status}${errorCodeOf(response)}).`,
    httpStatus: response.status,
    ...(waitMs === undefined ? {} : { retryAfterMs: waitMs }),
  });
}

/** The error code of RFC 6749 §5.2, only when it is one of those known: the rest may be anything. */
function errorCodeOf(response: UpstreamResponse): string {
  const known = z.object({
    error: z.enum([
      'invalid_request',
      'invalid_client',
      'invalid_grant',
      'unauthorized_client',
      'unsupported_grant_type',
      'invalid_scope',
    ]),
  });
  const parsed = known.safeParse(parseJson(response.text()));
  return parsed.success ? `, ${parsed.data.error}` : '';
}

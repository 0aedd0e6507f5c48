/** Bearer tokens that a configured issuer signs (RFC 7519, RFC 9068): whose they are, and what they open. */
import { createRemoteJWKSet, customFetch, errors, type JWTPayload, jwtVerify } from 'jose';
import { ExchangeError } from '../errors.ts';
import type { Instant } from '../message.ts';
import { isRole, isScope, type Principal, roleScopes, type Scope } from '../principal.ts';
import { call, peerAt } from '../upstream.ts';

export interface JwtOptions {
  /** `iss`, character by character. */
  issuer: string;
  /** One of `aud`. */
  audience: string;
  /** Where the issuer's public keys are (RFC 7517). */
  jwksUrl: string;
  /** How far the issuer's clock may be from ours. */
  clockSkewSeconds: number;
  timeoutMs: number;
  now: () => Instant;
}

/**
 * Says whose token it is: `jwt:` and `sub`. Undefined when it is not one of the issuer's, or over, or for
 * somebody else. Rejects with ExchangeError `unavailable` when the keys can't be had: nothing is known of
 * the token then.
 */
export type VerifyJwt = (token: string) => Promise<Principal | undefined>;

/** Signatures only: with a secret algorithm a public key would be a secret that everybody has. */
const ALGORITHMS = ['RS256', 'PS256', 'ES256', 'EdDSA', 'Ed25519'];
const MAX_KEYS_BYTES = 256 * 1024;
const RETRY_AFTER_SECONDS = 5;
/** Printable ASCII without blank and parenthesis, so that a subject can't pass for another actor. */
const SUBJECT = /^[!-'*-~]{1,128}$/;

export function createVerifyJwt(options: JwtOptions): VerifyJwt {
  const { issuer, audience, clockSkewSeconds, now } = options;
  const keys = keySetOf(options);
  return async (token) => {
    try {
      const { payload } = await jwtVerify(token, keys, {
        issuer,
        audience,
        algorithms: ALGORITHMS,
        clockTolerance: clockSkewSeconds,
        currentDate: new Date(now()),
        requiredClaims: ['exp', 'sub'],
      });
      return principalOf(payload);
    } catch (error) {
      if (isRefusal(error)) return undefined;
      throw new ExchangeError('unavailable', "The issuer's keys can't be had just now.", {
        retryAfterSeconds: RETRY_AFTER_SECONDS,
      });
    }
  };
}

/** Fetched once, again when they are old, and when a token names a key that is not among them. */
function keySetOf({ jwksUrl, timeoutMs }: JwtOptions) {
  return createRemoteJWKSet(new URL(jwksUrl), {
    timeoutDuration: timeoutMs,
    [customFetch]: async (url, { signal }) => {
      const answer = await call({
        system: 'jwks',
        peer: peerAt(jwksUrl),
        method: 'GET',
        url,
        headers: { accept: 'application/jwk-set+json, application/json' },
        timeoutMs,
        maxBytes: MAX_KEYS_BYTES,
        effect: 'read',
        context: { signal, correlationId: Bun.randomUUIDv7() },
      });
      return new Response(answer.body, { status: answer.status });
    },
  });
}

/** What is wrong with the token, and not with the keys or the way to them. */
function isRefusal(error: unknown): boolean {
  const { JOSEError, JWKSInvalid, JWKSTimeout } = errors;
  return (
    error instanceof JOSEError &&
    error.code !== 'ERR_JOSE_GENERIC' &&
    !(error instanceof JWKSInvalid) &&
    !(error instanceof JWKSTimeout)
  );
}

function principalOf(payload: JWTPayload): Principal | undefined {
  const { sub = '' } = payload;
  if (!SUBJECT.test(sub)) return undefined;
  return { name: `jwt:${sub}`, kind: 'jwt', scopes: scopesOf(payload) };
}

/** `scope` is words with blanks between (RFC 8693 §4.2), `roles` a list (RFC 9068 §2.2.3.1) of both. */
function scopesOf({ scope, roles }: JWTPayload): Scope[] {
  const words = typeof scope === 'string' ? scope.split(' ').filter(isScope) : [];
  const listed = Array.isArray(roles) ? roles.filter((role) => typeof role === 'string') : [];
  const granted = listed.flatMap((word) =>
    isRole(word) ? roleScopes[word] : isScope(word) ? [word] : [],
  );
  return [...new Set([...words, ...granted])];
}

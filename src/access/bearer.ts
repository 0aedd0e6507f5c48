/** Bearer tokens (RFC 6750): whose they are. */
import { timingSafeEqual } from 'node:crypto';
import { ExchangeError } from '../errors.ts';
import type { EnvironmentToken, Principal, Scope } from '../principal.ts';
import type { AccessStore } from '../store/access.ts';
import type { VerifyJwt } from './jwt.ts';
import { digestOf, isOurs } from './token.ts';

export interface BearerOptions {
  /** `none`: everybody may do everything. */
  mode: 'required' | 'none';
  environmentTokens: EnvironmentToken[];
  /** Has the tokens that `bun run token` writes; asked anew for each call, so that a revoked one ends. */
  store: Pick<AccessStore, 'findToken'>;
  /** Absent: no JWT opens anything. */
  verifyJwt?: VerifyJwt;
}

/**
 * Says who calls. Rejects with ExchangeError `unauthorized` when nobody can be made out, with the
 * challenge that belongs in the answer.
 */
export type Authenticate = (headers: Headers) => Promise<Principal>;

const REALM = 'Bearer realm="sm-exchange"';
/** What a caller is called, who need not say who they are. */
const ANYBODY: Principal = { name: 'api', kind: 'none', scopes: ['admin'] };
/** RFC 6750 §2.1: one blank, and the characters of a b64token. */
const CREDENTIALS = /^Bearer +([A-Za-z0-9._~+/-]+=*)$/i;

export function createAuthenticate({
  mode,
  environmentTokens,
  store,
  verifyJwt,
}: BearerOptions): Authenticate {
  const known = environmentTokens.map(({ token, scopes }, index) => ({
    digest: digestOf(token),
    principal: { name: `environment:${index + 1}`, kind: 'environment' as const, scopes },
  }));
  return async (headers) => {
    if (mode === 'none') return ANYBODY;
    const token = bearerOf(headers);
    const digest = digestOf(token);
    const found = known.filter((one) => timingSafeEqual(one.digest, digest));
    if (found[0]) return found[0].principal;
    const given = isOurs(token) ? await givenOut(store, digest) : await verifyJwt?.(token);
    if (given) return given;
    throw invalidToken('The bearer token is not known, or no longer.');
  };
}

async function givenOut(
  store: BearerOptions['store'],
  digest: Buffer,
): Promise<Principal | undefined> {
  const found = await store.findToken(digest);
  return found && { name: `token:${found.name}`, kind: 'token', scopes: found.scopes };
}

/** ExchangeError `forbidden` with the challenge of RFC 6750 §3.1. */
export function insufficientScope(needed: Scope): ExchangeError {
  return new ExchangeError('forbidden', `This needs the scope ${needed}.`, {
    challenge: `${REALM}, error="insufficient_scope", scope="${needed}"`,
  });
}

/** Without credentials the challenge has no error code (RFC 6750 §3.1). */
function bearerOf(headers: Headers): string {
  const authorization = headers.get('authorization');
  if (authorization === null) {
    throw new ExchangeError('unauthorized', 'The API needs a bearer token (RFC 6750).', {
      challenge: REALM,
    });
  }
  const token = CREDENTIALS.exec(authorization)?.[1];
  if (token === undefined) throw invalidToken('The credentials are no bearer token.');
  return token;
}

function invalidToken(detail: string): ExchangeError {
  return new ExchangeError('unauthorized', detail, {
    challenge: `${REALM}, error="invalid_token", error_description="${detail}"`,
  });
}

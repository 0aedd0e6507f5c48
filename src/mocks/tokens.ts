/** Clients that the mocked authorization server knows and the tokens that it gave them. */
import { randomUUID } from 'node:crypto';
import type { JSONWebKeySet } from 'jose';

/** How long a token is good, as Oracle Health says. */
export const TOKEN_LIFETIME_SECONDS = 570;

/** A client of the authorization server: a secret for Basic, keys for private_key_jwt, or both. */
export interface ClientRegistration {
  clientId: string;
  secret?: string | undefined;
  jwks?: JSONWebKeySet | undefined;
  jwksUri?: string | undefined;
  /** Scopes it may ask for; all of the mock's unless told. */
  scopes?: string[] | undefined;
}

export interface Token {
  scopes: Set<string>;
  expiresAt: number;
}

export interface Tokens {
  clients: Map<string, ClientRegistration>;
  live: Map<string, Token>;
  issued: number;
  /** `jti` and OAuth nonces seen, with when they may be forgotten. */
  seen: Map<string, number>;
}

/** No tokens yet; the given clients. */
export function tokensFor(clients: ClientRegistration[]): Tokens {
  return {
    clients: new Map(clients.map((client) => [client.clientId, client])),
    live: new Map(),
    issued: 0,
    seen: new Map(),
  };
}

/** Issues a token, and forgets tokens that ended. */
export function issueToken(tokens: Tokens, scopes: string[], now: number): string {
  for (const [value, token] of tokens.live) if (token.expiresAt <= now) tokens.live.delete(value);
  const value = randomUUID();
  tokens.live.set(value, {
    scopes: new Set(scopes),
    expiresAt: now + TOKEN_LIFETIME_SECONDS * 1000,
  });
  tokens.issued++;
  return value;
}

/** The token that an `Authorization: Bearer` header holds, if it is good at `now`. */
export function bearerToken(
  tokens: Tokens,
  authorization: string | undefined,
  now: number,
): Token | undefined {
  const value = /^Bearer ([\w.~+/-]+=*)$/i.exec(authorization ?? '')?.[1];
  const token = value === undefined ? undefined : tokens.live.get(value);
  return token !== undefined && token.expiresAt > now ? token : undefined;
}

/** True the first time for a value; it is remembered until `until`. */
export function firstUse(tokens: Tokens, value: string, until: number, now: number): boolean {
  for (const [old, end] of tokens.seen) {
    if (end > now) break;
    tokens.seen.delete(old);
  }
  if (tokens.seen.has(value)) return false;
  tokens.seen.set(value, until);
  return true;
}

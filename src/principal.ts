/** Who calls, and what they may do. Nouns only; this file imports nothing of ours. */

/**
 * What a caller may do. `send`: post messages and sessions. `read`: look, except at what people wrote.
 * `operate`: replay, dismiss, pause, change the directory, and see the contents of messages and of
 * quarantined documents. `admin`: the audit, and all of the others.
 */
export const SCOPES = ['send', 'read', 'operate', 'admin'] as const;

export type Scope = (typeof SCOPES)[number];

/** What a person is; each is some scopes. */
export type Role = 'viewer' | 'operator' | 'admin';

/** What each role may do. */
export const roleScopes: Record<Role, readonly Scope[]> = {
  viewer: ['read'],
  operator: ['read', 'operate'],
  admin: ['admin'],
};

/** One caller. */
export interface Principal {
  /** As the timeline and the audit have it: `token:NAME`, `jwt:SUBJECT`, `environment:1`, or an operator's. */
  name: string;
  /**
   * How they proved it: a token of the store, a JWT of the configured issuer, a login at the console, a
   * token of `API_TOKENS`, or not at all (`AUTH=none`).
   */
  kind: 'token' | 'jwt' | 'session' | 'environment' | 'none';
  scopes: readonly Scope[];
}

/** What tokens and operators may be called; without a colon, a blank or a parenthesis, see `actorOf`. */
export const NAME = /^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$/;

/** A bearer token of the environment, with what it may do. */
export interface EnvironmentToken {
  token: string;
  scopes: readonly Scope[];
}

/** Whether the caller may do what needs this scope. */
export function allows({ scopes }: Principal, needed: Scope): boolean {
  return scopes.includes(needed) || scopes.includes('admin');
}

export function isScope(word: string): word is Scope {
  return SCOPES.some((scope) => scope === word);
}

export function isRole(word: string): word is Role {
  return Object.hasOwn(roleScopes, word);
}

/** The words that are scopes, each once, or undefined when one of them is none. */
export function parseScopes(words: string[]): Scope[] | undefined {
  const known = SCOPES.filter((scope) => words.includes(scope));
  return words.length > 0 && known.length === new Set(words).size ? known : undefined;
}

/**
 * Who is written on a timeline. `named` is what the request says of itself: nobody can check it, so it
 * stands beside the name of a caller who proved theirs, in parentheses, and alone only under `AUTH=none`.
 */
export function actorOf({ name, kind }: Principal, named?: string): string {
  if (kind === 'none') return named ?? name;
  return named === undefined || named === name ? name : `${name} (${named})`;
}

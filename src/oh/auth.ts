/**
 * How the exchange proves who it is to Oracle Health. Which method a tenant wants is configuration;
 * the clients only see an Authorizer.
 */
import type { Instant } from '../message.ts';
import type { Authorizer } from './authorized-call.ts';
import { createOauth1Authorizer, type Oauth1Options } from './oauth1.ts';
import { createOauth2Authorizer, type Oauth2Options } from './oauth2.ts';

export type AuthOptions = Oauth2Options | Oauth1Options;

/**
 * An Authorizer for one of: OAuth 2 client credentials with a secret (RFC 6749 §4.4) or with a signed
 * assertion (RFC 7523, SMART Backend Services), two-legged OAuth 1.0a (RFC 5849). Share one between
 * all clients of the same token, so that it is fetched once. Throws when the private key can't be read.
 */
export function createAuthorizer(
  options: AuthOptions,
  chance: { now: () => Instant; randomId: () => string },
): Authorizer {
  return options.method === 'oauth1'
    ? createOauth1Authorizer(options, chance)
    : createOauth2Authorizer(options, chance);
}

/** Who is let in where, put together from the configuration: the API's callers and the console's visitors. */
import { randomBytes } from 'node:crypto';
import { FailedAttempts, WRONG_TOKENS } from './access/attempts.ts';
import { createAuthenticate } from './access/bearer.ts';
import { createVerifyJwt, type VerifyJwt } from './access/jwt.ts';
import { createLogin } from './access/login.ts';
import type { Config } from './config.ts';
import type { AppOptions } from './http/app.ts';
import { createClientOf } from './http/client.ts';
import { createVisitorOf } from './http/console/visitor.ts';
import { RateLimit } from './http/rate-limit.ts';
import type { Instant } from './message.ts';
import type { Store } from './store/store.ts';

/** A caller waits for the keys of an issuer no longer. */
const KEYS_TIMEOUT_MS = 3000;
const FORM_KEY_BYTES = 32;
/** Callers of the API are tokens and the people of an issuer. */
const CALLERS = { windowMs: 60_000, maxCallers: 10_000 };

/** The doors of the API and of the console. */
export function createDoors(
  config: Config,
  store: Store,
  now: () => Instant,
): Required<Pick<AppOptions, 'door' | 'console'>> {
  const { AUTH: mode, CONSOLE_JWT_HEADER: header } = config;
  const verifyJwt = verifyOf(config, now);
  const clientOf = createClientOf(config.TRUST_PROXY);
  return {
    door: {
      authenticate: createAuthenticate({
        mode,
        environmentTokens: config.API_TOKENS,
        store: store.access,
        ...(verifyJwt ? { verifyJwt } : {}),
      }),
      limit: new RateLimit({ ...CALLERS, max: config.API_REQUESTS_PER_MINUTE }, now),
      failures: new FailedAttempts(WRONG_TOKENS, now),
      clientOf,
    },
    console: {
      visitorOf: createVisitorOf({
        store,
        mode,
        formKey: randomBytes(FORM_KEY_BYTES),
        clientOf,
        ...(header && verifyJwt ? { proxy: { header, verify: verifyJwt } } : {}),
      }),
      isOpen: mode === 'none',
      login: createLogin({ store, now, randomBytes }),
      clientOf,
    },
  };
}

function verifyOf(config: Config, now: () => Instant): VerifyJwt | undefined {
  const { AUTH_JWT_ISSUER: issuer, AUTH_JWT_AUDIENCE: audience } = config;
  const { AUTH_JWT_JWKS_URL: jwksUrl, AUTH_JWT_SKEW_SECONDS: clockSkewSeconds } = config;
  if (!issuer || !audience || !jwksUrl) return undefined;
  const timeoutMs = KEYS_TIMEOUT_MS;
  return createVerifyJwt({ issuer, audience, jwksUrl, clockSkewSeconds, timeoutMs, now });
}

/** The exchange's HTTP on a store without its pollers, open to everybody. */
import pino from 'pino';
import { FailedAttempts, WRONG_TOKENS } from '../../src/access/attempts.ts';
import { createAuthenticate } from '../../src/access/bearer.ts';
import { createApp } from '../../src/http/app.ts';
import { createClientOf } from '../../src/http/client.ts';
import { createVisitorOf } from '../../src/http/console/visitor.ts';
import { RateLimit } from '../../src/http/rate-limit.ts';
import type { Instant } from '../../src/message.ts';
import type { Store } from '../../src/store/store.ts';
import { createTelemetry } from '../../src/telemetry/telemetry.ts';
import { MESSAGING } from './documents.ts';

const FORM_KEY_BYTES = 32;

export function appOn(store: Store, now: () => Instant) {
  const clientOf = createClientOf(0);
  const telemetry = createTelemetry({ now });
  telemetry.watch({
    readings: () => store.upkeep.readings(),
    polledBy: () => store.upkeep.polledBy(),
    destinations: async () => [],
    check: () => store.check(),
    maxBacklog: Number.POSITIVE_INFINITY,
    now,
  });
  return createApp({
    store,
    destinations: {
      list: async () => [],
      pause: (to, by) => store.pause(to, by),
      resume: (to, by) => store.resume(to, by),
    },
    log: pino({ level: 'silent' }),
    telemetry,
    extraction: { messagingBaseUrl: MESSAGING, authority: 'demo' },
    door: {
      authenticate: createAuthenticate({
        mode: 'none',
        environmentTokens: [],
        store: store.access,
      }),
      limit: new RateLimit({ max: 0, windowMs: 60_000, maxCallers: 1 }, now),
      failures: new FailedAttempts(WRONG_TOKENS, now),
      clientOf,
    },
    console: {
      visitorOf: createVisitorOf({
        store,
        mode: 'none',
        formKey: crypto.getRandomValues(new Uint8Array(FORM_KEY_BYTES)),
        clientOf,
      }),
      login: async () => undefined,
      clientOf,
    },
    auth: { mode: 'none', feedTokens: [], feedPasswords: [], feedSecrets: [], now },
  });
}

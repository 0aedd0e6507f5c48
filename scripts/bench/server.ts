/**
 * The exchange's HTTP and store without its pollers, for the `ack` benchmark. Prints its URL; `/cpu`
 * there is the processor time it has taken, in microseconds.
 */
import pino from 'pino';
import { FailedAttempts, WRONG_TOKENS } from '../../src/access/attempts.ts';
import { createAuthenticate } from '../../src/access/bearer.ts';
import { createApp } from '../../src/http/app.ts';
import { createClientOf } from '../../src/http/client.ts';
import { RateLimit } from '../../src/http/rate-limit.ts';
import { openStore } from '../../src/store/sqlite.ts';
import { createTelemetry } from '../../src/telemetry/telemetry.ts';
import { MESSAGING } from './documents.ts';

const [path = '', worksPerCommit = ''] = process.argv.slice(2);
const store = openStore({
  path,
  leaseMs: 60_000,
  maxAttempts: 20,
  maxBacklog: 1_000_000_000,
  minFreeBytes: 1,
  now: Date.now,
  ...(worksPerCommit === '' ? {} : { worksPerCommit: Number(worksPerCommit) }),
});
const app = createApp({
  store,
  destinations: {
    list: async () => [],
    pause: (to, by) => store.pause(to, by),
    resume: (to, by) => store.resume(to, by),
  },
  log: pino({ level: 'silent' }),
  telemetry: createTelemetry({ now: Date.now }),
  extraction: { messagingBaseUrl: MESSAGING, authority: 'demo' },
  door: {
    authenticate: createAuthenticate({
      mode: 'none',
      environmentTokens: [],
      store: store.access,
    }),
    limit: new RateLimit({ max: 0, windowMs: 60_000, maxCallers: 1 }, Date.now),
    failures: new FailedAttempts(WRONG_TOKENS, Date.now),
    clientOf: createClientOf(0),
  },
  auth: {
    mode: 'none',
    feedTokens: [],
    feedPasswords: [],
    feedSecrets: [],
    now: Date.now,
  },
});
app.get('/cpu', () => {
  const { user, system } = process.cpuUsage();
  return String(user + system);
});
app.listen({ hostname: '127.0.0.1', port: 0 });
console.log(JSON.stringify({ url: app.server?.url.origin }));

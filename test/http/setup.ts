/** The HTTP interface on loopback over a real store; nothing polls. */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import pino from 'pino';
import { FailedAttempts, WRONG_TOKENS } from '../../src/access/attempts.ts';
import { createAuthenticate } from '../../src/access/bearer.ts';
import { createLogin } from '../../src/access/login.ts';
import { type AppOptions, createApp } from '../../src/http/app.ts';
import type { FeedAuth } from '../../src/http/auth.ts';
import { createClientOf } from '../../src/http/client.ts';
import { createVisitorOf } from '../../src/http/console/visitor.ts';
import { RateLimit } from '../../src/http/rate-limit.ts';
import type { EnvironmentToken, Scope } from '../../src/principal.ts';
import { openStore } from '../../src/store/sqlite.ts';
import type { Store } from '../../src/store/store.ts';
import { createTelemetry } from '../../src/telemetry/telemetry.ts';
import { afterwards } from '../afterwards.ts';
import { startWitness } from './witness.ts';

export const START = Date.UTC(2025, 9, 8, 14, 0, 0);
const MESSAGING = 'http://oh.invalid/messaging/demo/service';

/** A token that may do everything, unless told. */
export function token(secret: string, ...scopes: Scope[]): EnvironmentToken {
  return { token: secret, scopes: scopes.length > 0 ? scopes : ['admin'] };
}

export interface Site {
  /** Before which a witness stands, see witness.ts. */
  url: string;
  /** The exchange itself. */
  direct: string;
  path: string;
  store: Store;
  query: <T>(sql: string) => T[];
  log: string[];
  push: (
    body: string | Uint8Array<ArrayBuffer>,
    headers?: Record<string, string>,
  ) => Promise<Response>;
  send: (body: unknown, headers?: Record<string, string>) => Promise<Response>;
}

export function setup(
  {
    apiTokens = [],
    requestsPerMinute = 0,
    ...auth
  }: Partial<FeedAuth> & { apiTokens?: EnvironmentToken[]; requestsPerMinute?: number } = {},
  maxBacklog = 1000,
  options: Partial<AppOptions> | ((store: Store) => Partial<AppOptions>) = {},
): Site {
  const folder = mkdtempSync(join(tmpdir(), 'sm-exchange-http-'));
  afterwards(() => rmSync(folder, { recursive: true, force: true }));
  const path = join(folder, 'exchange.db');
  const store = openStore({
    path,
    leaseMs: 60_000,
    maxAttempts: 3,
    maxBacklog,
    now: auth.now ?? (() => START),
  });
  afterwards(() => store.close());
  const log: string[] = [];
  const app = createApp({
    store,
    destinations: {
      list: async () => [],
      pause: (to, by) => store.pause(to, by),
      resume: (to, by) => store.resume(to, by),
    },
    telemetry: createTelemetry({ now: () => START }),
    log: pino({}, { write: (line: string) => void log.push(line) }),
    extraction: { messagingBaseUrl: MESSAGING, authority: 'demo' },
    console: {
      visitorOf: createVisitorOf({
        store,
        mode: auth.mode ?? 'none',
        formKey: randomBytes(32),
        clientOf: createClientOf(0),
      }),
      login: createLogin({ store, now: auth.now ?? (() => START), randomBytes }),
      clientOf: createClientOf(0),
    },
    door: {
      authenticate: createAuthenticate({
        mode: auth.mode ?? 'none',
        environmentTokens: apiTokens,
        store: store.access,
      }),
      limit: new RateLimit(
        { max: requestsPerMinute, windowMs: 60_000, maxCallers: 2 },
        auth.now ?? (() => START),
      ),
      failures: new FailedAttempts(WRONG_TOKENS, auth.now ?? (() => START)),
      clientOf: createClientOf(0),
    },
    auth: {
      mode: 'none',
      feedTokens: [],
      feedPasswords: [],
      feedSecrets: [],
      now: () => START,
      ...auth,
    },
    ...(typeof options === 'function' ? options(store) : options),
  });
  app.listen({ hostname: '127.0.0.1', port: 0 });
  afterwards(() => app.server?.stop(true));
  const direct = app.server?.url.origin ?? '';
  const { url, stop } = startWitness(direct);
  afterwards(stop);
  return {
    url,
    direct,
    path,
    store,
    log,
    query<T>(sql: string) {
      const db = new Database(path, { readonly: true });
      try {
        return db.prepare(sql).all() as T[];
      } finally {
        db.close();
      }
    },
    push: (body, headers = {}) =>
      fetch(`${url}/oh/feed`, {
        method: 'POST',
        body,
        headers: { 'Content-Type': 'application/atom+xml', ...headers },
      }),
    send: (body, headers = {}) =>
      fetch(`${url}/messages`, {
        method: 'POST',
        body: typeof body === 'string' ? body : JSON.stringify(body),
        headers: { 'Content-Type': 'application/json', ...headers },
      }),
  };
}

/** An entry that announces the n-th message of an invented patient. */
export function entryXml(n: number, changes: { updated?: string; href?: string } = {}): string {
  const id = `${3000000000 + n}:-6:0:0`;
  const path = `/demo/patients/1000001/inbox/messages/${encodeURIComponent(id)}`;
  return `<entry xmlns="http://www.w3.org/2005/Atom">
  <id>urn:example:oh:message:${id}</id>
  <title>Lab follow-up</title>
  <updated>${changes.updated ?? '2025-10-08T14:15:40Z'}</updated>
  <link rel="alternate" href="${changes.href ?? MESSAGING + path}"/>
</entry>`;
}

export function feedXml(...entries: string[]): string {
  return `<?xml version="1.0" encoding="UTF-8"?>
<feed xmlns="http://www.w3.org/2005/Atom">
<id>urn:example:oh:messages</id><title>New</title><updated>2025-10-08T14:15:47Z</updated>
${entries.join('\n')}
</feed>`;
}

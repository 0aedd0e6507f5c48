/** The HTTP interface on loopback over a real store; nothing polls. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import pino from 'pino';
import { type AppOptions, createApp } from '../../src/http/app.ts';
import type { AuthOptions } from '../../src/http/auth.ts';
import { openStore } from '../../src/store/sqlite.ts';
import type { Store } from '../../src/store/store.ts';
import { createTelemetry } from '../../src/telemetry/telemetry.ts';
import { afterwards } from '../afterwards.ts';

export const START = Date.UTC(2025, 9, 8, 14, 0, 0);
const MESSAGING = 'http://oh.invalid/messaging/demo/service';

export interface Site {
  url: string;
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
  auth: Partial<AuthOptions> = {},
  maxBacklog = 1000,
  options: Partial<AppOptions> = {},
): Site {
  const folder = mkdtempSync(join(tmpdir(), 'sm-exchange-http-'));
  afterwards(() => rmSync(folder, { recursive: true, force: true }));
  const path = join(folder, 'exchange.db');
  const store = openStore({ path, leaseMs: 60_000, maxAttempts: 3, maxBacklog, now: () => START });
  afterwards(() => store.close());
  const log: string[] = [];
  const app = createApp({
    store,
    destinations: {
      list: async () => [],
      pause: (to, by) => store.pause(to, by),
      resume: (to) => store.resume(to),
    },
    telemetry: createTelemetry({ now: () => START }),
    log: pino({}, { write: (line: string) => void log.push(line) }),
    extraction: { messagingBaseUrl: MESSAGING, authority: 'demo' },
    auth: {
      mode: 'none',
      apiTokens: [],
      feedTokens: [],
      feedPasswords: [],
      feedSecrets: [],
      now: () => START,
      ...auth,
    },
    ...options,
  });
  app.listen({ hostname: '127.0.0.1', port: 0 });
  afterwards(() => app.server?.stop(true));
  const url = app.server?.url.origin ?? '';
  return {
    url,
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

/** A store on a fresh SQLite file, with a clock that only the test moves. */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import type { Entry, Send, ToMhv, ToOh } from '../../src/message.ts';
import { openStore, type StoreOptions } from '../../src/store/sqlite.ts';
import type { Lane, Store } from '../../src/store/store.ts';
import { afterwards } from '../afterwards.ts';

export const START = Date.UTC(2025, 9, 8, 14, 0, 0);
export const LEASE_MS = 60_000;
export const MAX_ATTEMPTS = 3;

export const lanes = {
  fromOh: { stage: 'inbox', direction: 'oh-to-mhv' },
  fromMhv: { stage: 'inbox', direction: 'mhv-to-oh' },
  toMhv: { stage: 'outbox', direction: 'oh-to-mhv' },
  toOh: { stage: 'outbox', direction: 'mhv-to-oh' },
} satisfies Record<string, Lane>;

export interface Setup {
  store: Store;
  path: string;
  clock: { now: number };
  /** Opens the same file again, as after a kill: nothing in hand is settled. */
  reopen: () => Store;
  /** Asks the file itself. */
  query: <T>(sql: string, ...params: unknown[]) => T[];
}

export function setup(options: Partial<StoreOptions> = {}): Setup {
  const folder = mkdtempSync(join(tmpdir(), 'sm-exchange-store-'));
  afterwards(() => rmSync(folder, { recursive: true, force: true }));
  const path = join(folder, 'deep', 'exchange.db');
  const clock = { now: START };
  const open = () => {
    const store = openStore({
      path,
      leaseMs: LEASE_MS,
      maxAttempts: MAX_ATTEMPTS,
      now: () => clock.now,
      ...options,
    });
    afterwards(() => store.close());
    return store;
  };
  return {
    store: open(),
    path,
    clock,
    reopen: open,
    query<T>(sql: string, ...params: unknown[]) {
      const db = new Database(path, { readonly: true });
      try {
        return db.prepare(sql).all(...params) as T[];
      } finally {
        db.close();
      }
    },
  };
}

export function entry(changes: Partial<Entry> = {}): Entry {
  return {
    source: 'feed',
    atomId: 'urn:example:oh:message:3000000005:-6:0:0',
    updatedAt: START,
    ohPatientId: '7929590',
    ohMessageId: '3000000005:-6:0:0',
    box: 'inbox',
    ...changes,
  };
}

/** The n-th message of a patient, distinct from all others. */
export function numbered(n: number, ohPatientId = '7929590'): Entry {
  const ohMessageId = `${3000000000 + n}:-6:0:0`;
  return entry({ atomId: `urn:example:oh:message:${ohMessageId}`, ohMessageId, ohPatientId });
}

export function send(changes: Partial<Send> = {}): Send {
  return {
    icn: '1012345678V123456',
    subject: 'Refill question',
    body: 'May I have a refill?',
    receivingPoolId: '2000001',
    ...changes,
  };
}

export function toMhv(from: Entry): ToMhv {
  return {
    direction: 'oh-to-mhv',
    ohMessageId: from.ohMessageId,
    icn: '1012345678V123456',
    sender: { ohId: '2000001', type: 'POOL', name: 'Primary Care' },
    triageGroup: { ohPoolId: '2000001', name: 'Primary Care', stationNumber: '668' },
    subject: 'Lab follow-up',
    category: 'OTHER',
    body: 'In the normal range.',
    sentAt: START,
    attachments: [],
  };
}

export function toOh(from: Send): ToOh {
  return {
    direction: 'mhv-to-oh',
    icn: from.icn,
    ohPatientId: '7929590',
    receivingPoolId: from.receivingPoolId,
    subject: from.subject,
    xhtml: '<html xmlns="http://www.w3.org/1999/xhtml"><body><p>May I?</p></body></html>',
    attachments: [],
  };
}

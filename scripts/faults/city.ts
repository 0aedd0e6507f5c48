/** The surroundings of every scenario: the mocks in this process, a throw-away folder, one SQLite file. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { type Mocks, startMocks } from '../../src/mocks/mocks.ts';
import { reseed } from '../../src/mocks/world.ts';

/** A pool to which the mocks let patients write. */
export const POOL = '2000001';

export interface City {
  mocks: Mocks;
  folder: string;
  databasePath: string;
  /** Log of the exchange, one file for all its lives. */
  logPath: string;
  /** What the exchange is started with; short times, so that a round is short. */
  env: Record<string, string>;
  patients: { icn: string; ohPatientId: string }[];
  /** Asks the file itself. */
  ask: <T>(sql: string) => T[];
  fault: (mock: keyof Mocks['origins'], fault: Record<string, unknown>) => Promise<void>;
  clearFaults: () => Promise<void>;
  close: () => Promise<void>;
}

export interface CityOptions {
  seed: number;
  patients: number;
  env?: Record<string, string>;
  /** Where the SQLite file lies; in the city's own folder unless told. */
  databasePath?: string;
}

const MOCKS = ['messaging', 'fhir', 'media', 'mhv'] as const;

/** Opens the mocks on any free ports, with patients who have no messages yet. */
export async function openCity(options: CityOptions): Promise<City> {
  const folder = mkdtempSync(join(tmpdir(), 'sm-exchange-faults-'));
  const mocks = await startMocks();
  reseed(mocks.world, { patients: options.patients, messagesPerPatient: 0, seed: options.seed });
  const { databasePath = join(folder, 'exchange.db') } = options;
  return {
    mocks,
    folder,
    databasePath,
    logPath: join(folder, 'exchange.log'),
    env: {
      ...mocks.env,
      AUTH: 'none',
      PORT: '0',
      DATABASE_PATH: databasePath,
      LOG_LEVEL: 'warn',
      LEASE_MS: '500',
      DELIVERY_TIMEOUT_MS: '250',
      RETRY_SCHEDULE: '0.05,0.1,0.2',
      MAX_ATTEMPTS: '1000',
      ...options.env,
    },
    patients: mocks.world.population.ordinary,
    ask: (sql) => ask(databasePath, sql),
    async fault(mock, fault) {
      const response = await fetch(`${mocks.origins[mock]}/_mock/faults`, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify(fault),
      });
      if (!response.ok) throw new Error(`The fault was answered ${response.status}.`);
    },
    async clearFaults() {
      for (const mock of MOCKS) {
        await fetch(`${mocks.origins[mock]}/_mock/faults`, { method: 'DELETE' });
      }
    },
    async close() {
      await mocks.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Waits until no row is pending, for `timeoutMs` at most; returns how many still are. */
export async function drained(city: City, timeoutMs: number): Promise<number> {
  const until = performance.now() + timeoutMs;
  for (;;) {
    const pending = pendingRows(city);
    if (pending === 0 || performance.now() > until) return pending;
    await Bun.sleep(25);
  }
}

function pendingRows(city: City): number {
  const [row] = city.ask<{ pending: number }>(
    `SELECT (SELECT count(*) FROM inbox WHERE state = 'pending') +
            (SELECT count(*) FROM outbox WHERE state = 'pending') AS pending`,
  );
  return row?.pending ?? 0;
}

function ask<T>(path: string, sql: string): T[] {
  const db = new Database(path, { readonly: true });
  try {
    return db.prepare(sql).all() as T[];
  } finally {
    db.close();
  }
}

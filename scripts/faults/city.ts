/** The surroundings of every scenario: the mocks in this process, a throw-away folder, one SQLite file. */
import { randomBytes } from 'node:crypto';
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
  /** Posts to the control door of a mock; throws when it refuses. */
  tell: <T>(mock: Mock, path: string, body: Record<string, unknown>) => Promise<T>;
  fault: (mock: Mock, fault: Record<string, unknown>) => Promise<void>;
  clearFaults: () => Promise<void>;
  /** Stops the mocks and removes the folder, or says where it is when something is to be looked at. */
  close: (options?: { keepFolder: boolean }) => Promise<void>;
}

type Mock = keyof Mocks['origins'];

export interface CityOptions {
  seed: number;
  patients: number;
  env?: Record<string, string>;
  /** Where the SQLite file lies; in the city's own folder unless told. */
  databasePath?: string;
}

const MOCKS = ['messaging', 'fhir', 'media', 'mhv'] as const;
/** A drain that settles nothing for so long is given up. */
const STALL_MS = 60_000;

/** Opens the mocks on any free ports, with patients who have no messages yet. */
export async function openCity(options: CityOptions): Promise<City> {
  const folder = mkdtempSync(join(tmpdir(), 'sm-exchange-faults-'));
  const mocks = await startMocks();
  reseed(mocks.world, { patients: options.patients, messagesPerPatient: 0, seed: options.seed });
  const { databasePath = join(folder, 'exchange.db') } = options;
  const tell: City['tell'] = async (mock, path, body) => {
    const response = await fetch(mocks.origins[mock] + path, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify(body),
      // A kept connection may be one that the mock's time-out is about to close.
      keepalive: false,
    });
    if (!response.ok) throw new Error(`POST ${path} of ${mock} was answered ${response.status}.`);
    const text = await response.text();
    return text === '' ? undefined : JSON.parse(text);
  };
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
      // What is killed, cut and restored is sealed, as it is where it matters.
      DATA_KEYS: `faults:${randomBytes(32).toString('base64')}`,
      LEASE_MS: '500',
      DELIVERY_TIMEOUT_MS: '250',
      RETRY_SCHEDULE: '0.05,0.1,0.2',
      MAX_ATTEMPTS: '1000',
      ...options.env,
    },
    patients: mocks.world.population.ordinary,
    ask: (sql) => ask(databasePath, sql),
    tell,
    fault: (mock, fault) => tell(mock, '/_mock/faults', fault),
    async clearFaults() {
      for (const mock of MOCKS) {
        await fetch(`${mocks.origins[mock]}/_mock/faults`, {
          method: 'DELETE',
          keepalive: false,
        });
      }
    },
    async close({ keepFolder } = { keepFolder: false }) {
      await mocks.stop();
      if (keepFolder) console.error(`The file and the log are kept in ${folder}`);
      else rmSync(folder, { recursive: true, force: true });
    },
  };
}

/**
 * Waits until no row is pending; returns how many still are when nothing was settled for a minute. A
 * machine that is busy with other things only makes it take longer.
 */
export async function drained(city: City): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  let movedAt = performance.now();
  for (;;) {
    const { inbox, outbox } = pendingRows(city);
    if (inbox + outbox === 0) return 0;
    // A row that is handed over is one step nearer, though as many rows are pending as before.
    const steps = 2 * inbox + outbox;
    if (steps < least) movedAt = performance.now();
    least = Math.min(least, steps);
    if (performance.now() - movedAt > STALL_MS) return inbox + outbox;
    await Bun.sleep(25);
  }
}

function pendingRows(city: City): { inbox: number; outbox: number } {
  const [row] = city.ask<{ inbox: number; outbox: number }>(
    `SELECT (SELECT count(*) FROM inbox WHERE state = 'pending') AS inbox,
            (SELECT count(*) FROM outbox WHERE state = 'pending') AS outbox`,
  );
  return row ?? { inbox: 0, outbox: 0 };
}

function ask<T>(path: string, sql: string): T[] {
  const db = new Database(path, { readonly: true });
  try {
    return db.prepare(sql).all() as T[];
  } finally {
    db.close();
  }
}

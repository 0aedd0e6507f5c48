/**
 * The directory of triage groups, on the SQLite file at DATABASE_PATH, also while an exchange runs on it:
 *
 *   bun run directory import FILE.csv [--actor NAME]     a line for each name of a pool, all or nothing
 *   bun run directory import --from-apis [--mhv-correlation-id ID] [--actor NAME]
 *   bun run directory export [FILE.csv]                  to standard output unless FILE is named
 *   bun run directory check [--mhv-correlation-id ID]    status 0 only when it agrees with the APIs
 *
 * What asks the APIs takes the environment of the exchange. Ends with 1 when something was left or does
 * not agree, else with a status of sysexits.h.
 */
import { parseArgs } from 'node:util';
import { createClients } from '../src/clients.ts';
import { ConfigError, databasePath, parseConfig } from '../src/config.ts';
import type { DirectoryChange } from '../src/store/directory.ts';
import { openStore } from '../src/store/sqlite.ts';
import type { Store } from '../src/store/store.ts';
import { UpstreamError } from '../src/upstream.ts';
import { complaintsOf, findGroups } from './directory/apis.ts';
import { BadCsv, readCsv, writeCsv } from './directory/csv.ts';

/** The claims that these bound are never made here. */
const CLAIMS = { leaseMs: 60_000, maxAttempts: 1 };
const USAGE = 'Say import FILE, import --from-apis, export [FILE], or check.';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    'from-apis': { type: 'boolean', default: false },
    'mhv-correlation-id': { type: 'string' },
    actor: { type: 'string', default: process.env['USER'] ?? 'script' },
  },
});
const [command, file, ...more] = positionals;
try {
  process.exitCode = await run();
} catch (error) {
  process.exitCode = endWith(error);
}

async function run(): Promise<number> {
  if (more.length > 0) return misused();
  if (command === 'import' && values['from-apis'] && file === undefined) return importFromApis();
  if (command === 'import' && !values['from-apis'] && file !== undefined) return importCsv(file);
  if (command === 'export') return exportCsv();
  if (command === 'check' && file === undefined) return check();
  return misused();
}

function misused(): number {
  console.error(USAGE);
  return 64;
}

async function importCsv(from: string): Promise<number> {
  const source = Bun.file(from);
  if (!(await source.exists())) {
    console.error(`There is no file ${from}.`);
    return 66;
  }
  const groups = readCsv(new Uint8Array(await source.arrayBuffer()));
  return withStore(async ({ directory }) => {
    print(await directory.put(groups, 'csv', values.actor));
    return 0;
  });
}

async function importFromApis(): Promise<number> {
  const config = parseConfig(process.env, { hasTokens: true });
  return withStore(async ({ directory }) => {
    const { oh, mhv, left } = await findGroups(
      asked(),
      await directory.list(),
      config.OH_DEFAULT_STATION_NUMBER,
    );
    const changes = [
      await directory.put(mhv, 'mhv', values.actor),
      await directory.put(oh, 'oh', values.actor),
    ];
    print(changes.reduce(sum));
    for (const sentence of left) console.log(`left: ${sentence}`);
    return left.length === 0 ? 0 : 1;
  });
}

async function exportCsv(): Promise<number> {
  return withStore(async ({ directory }) => {
    const csv = writeCsv(await directory.list());
    if (file === undefined) process.stdout.write(csv);
    else await Bun.write(file, csv);
    return 0;
  });
}

async function check(): Promise<number> {
  return withStore(async ({ directory }) => {
    const complaints = await complaintsOf(asked(), await directory.list());
    for (const complaint of complaints) console.log(complaint);
    console.log(`${complaints.length} complaints`);
    return complaints.length === 0 ? 0 : 1;
  });
}

function asked() {
  const clients = createClients(parseConfig(process.env, { hasTokens: true }), Date.now);
  return { clients, mhvCorrelationId: values['mhv-correlation-id'] };
}

async function withStore(work: (store: Store) => Promise<number>): Promise<number> {
  const store = openStore({ path: databasePath(process.env), now: Date.now, ...CLAIMS });
  try {
    return await work(store);
  } finally {
    store.close();
  }
}

function print({ added, changed, removed, unchanged }: DirectoryChange): void {
  console.log(`${added} added, ${changed} changed, ${removed} removed, ${unchanged} unchanged`);
}

function sum(a: DirectoryChange, b: DirectoryChange): DirectoryChange {
  return {
    added: a.added + b.added,
    changed: a.changed + b.changed,
    removed: a.removed + b.removed,
    unchanged: a.unchanged + b.unchanged,
  };
}

/** Says why on standard error; returns the status. Anything that is a bug is thrown on. */
function endWith(error: unknown): number {
  if (error instanceof BadCsv) {
    for (const fault of error.faults) console.error(fault);
    return 65;
  }
  if (error instanceof ConfigError) {
    for (const { variable, detail } of error.faults) console.error(`${variable}: ${detail}`);
    return 78;
  }
  if (error instanceof UpstreamError) {
    console.error(error.message);
    return 69;
  }
  throw error;
}

/**
 * Backfills history through a running exchange on the same SQLite file, in the same environment:
 *
 *   bun run migrate-history --patients FILE      one ICN a line, `-` for standard input
 *   bun run migrate-history --archive FOLDER|URL archived Atom documents (RFC 5005)
 *
 * Options: --since, --until (dates or instants of ISO 8601), --dry-run, --rate N, --concurrency N,
 * --report FILE, --verify-at-mhv. What is done is in the file, so after a kill the same command goes on.
 * Status 0: nothing is missing. 1: something is. 64: bad arguments. 65: a line that is no ICN.
 */
import pLimit from 'p-limit';
import { parseConfig } from '../src/config.ts';
import { createClients } from '../src/exchange.ts';
import { openStore } from '../src/store/sqlite.ts';
import { migrateArchive } from './migrate/archive.ts';
import { type Options, readOptions, UsageError } from './migrate/options.ts';
import { countPatients, migratePatients } from './migrate/patients.ts';
import { type Finding, missingOf, print, writeCsv } from './migrate/report.ts';

const VERIFY_AT_ONCE = 8;

async function run(options: Options): Promise<boolean> {
  const config = parseConfig(process.env);
  const store = openStore({
    path: config.DATABASE_PATH,
    leaseMs: config.LEASE_MS,
    maxAttempts: config.MAX_ATTEMPTS,
    now: Date.now,
  });
  const around = { store, config, options };
  try {
    if (options.patients !== undefined && options.dryRun) return await countPatients(around);
    const migrated =
      options.archive === undefined
        ? { findings: await migratePatients(around), isComplete: true }
        : await migrateArchive(around, options.archive);
    if (options.dryRun) return migrated.isComplete;
    if (options.verifyAtMhv) await verify(migrated.findings);
    if (options.report !== undefined) await writeCsv(options.report, migrated.findings);
    print(migrated.findings);
    return migrated.isComplete && missingOf(migrated.findings).length === 0;
  } finally {
    store.close();
  }

  /** MHV is asked for each message that the exchange holds for delivered, but for those from MHV. */
  async function verify(findings: Finding[]): Promise<void> {
    const { mhv } = createClients(config, Date.now);
    const limit = pLimit(VERIFY_AT_ONCE);
    await limit.map(findings, async (finding) => {
      if (finding.status !== 'SENT' || finding.isOurs) return;
      const context = {
        signal: AbortSignal.timeout(config.DELIVERY_TIMEOUT_MS),
        correlationId: Bun.randomUUIDv7(),
      };
      try {
        const found = await mhv.findByOhMessageId(finding.ohMessageId, context);
        if (found) return;
        Object.assign(finding, { status: 'MISSING', why: 'MHV does not have it.' });
      } catch (error) {
        const why = error instanceof Error ? error.message : 'MHV could not be asked.';
        Object.assign(finding, { status: 'UNVERIFIED', why });
      }
    });
  }
}

try {
  process.exitCode = (await run(await readOptions(process.argv.slice(2)))) ? 0 : 1;
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  console.error(error.message);
  process.exitCode = error.status;
}

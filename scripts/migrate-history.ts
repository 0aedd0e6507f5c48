/**
 * Backfills history through a running exchange on the same SQLite file, in the same environment:
 *
 *   bun run migrate-history --patients FILE      one ICN a line, `-` for standard input
 *   bun run migrate-history --archive FOLDER|URL archived Atom documents (RFC 5005)
 *
 * Options: --since, --until (dates or instants of ISO 8601), --dry-run, --rate N, --concurrency N,
 * --wait SECONDS, --report FILE, --verify-at-mhv. What is done is in the file, so after a kill the same
 * command goes on. Status 0: nothing is missing. 1: something is. 64: bad arguments. 65: a line that is
 * no ICN. 66: nothing to read from. 73: the report can't be written. 75: no exchange polls the file.
 * 78: bad environment.
 */
import pLimit from 'p-limit';
import { createClients } from '../src/clients.ts';
import { ConfigError, parseConfig } from '../src/config.ts';
import { openOwnStore } from '../src/exchange.ts';
import { migrateArchive } from './migrate/archive.ts';
import { type Options, readOptions, UsageError } from './migrate/options.ts';
import { countPatients, migratePatients } from './migrate/patients.ts';
import { say } from './migrate/progress.ts';
import { type Finding, missingOf, print, writeCsv } from './migrate/report.ts';
import { createWatch, Unattended } from './migrate/watch.ts';

const VERIFY_AT_ONCE = 8;
const EX_TEMPFAIL = 75;
const EX_CONFIG = 78;

async function run(options: Options): Promise<boolean> {
  const config = parseConfig(process.env, { hasTokens: true });
  const clock = { now: Date.now, sleep: (ms: number) => Bun.sleep(ms) };
  const store = await openOwnStore(config, clock);
  const { waitMs } = options;
  const watch = createWatch({ ...clock, store, path: config.DATABASE_PATH, waitMs, say });
  const around = { store, config, options, watch, clock };
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

/** Says why on standard error; returns the status. Anything that is a bug is thrown on. */
function endWith(error: unknown): number {
  if (error instanceof UsageError) {
    console.error(error.message);
    return error.status;
  }
  if (error instanceof ConfigError) {
    console.error(error.message);
    return EX_CONFIG;
  }
  if (error instanceof Unattended) {
    console.error(error.message);
    return EX_TEMPFAIL;
  }
  throw error;
}

try {
  process.exitCode = (await run(await readOptions(process.argv.slice(2)))) ? 0 : 1;
} catch (error) {
  process.exitCode = endWith(error);
}

/**
 * Backfills history: `bun run migrate-history --patients FILE` asks for a session for each ICN (one a
 * line, `-` for standard input) and waits until all have ended; `bun run migrate-history --archive
 * FOLDER` takes in archived Atom documents (*.xml, *.atom) in the order of their names.
 *
 * It writes to the SQLite file of a running exchange, in the same environment; that exchange does
 * the work. Ends with status 0 only when nothing failed.
 */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { readPush } from '../src/atom/push.ts';
import { type Config, parseConfig } from '../src/config.ts';
import { ExchangeError, faultOf } from '../src/errors.ts';
import { extractionOf } from '../src/exchange.ts';
import { openStore } from '../src/store/sqlite.ts';
import type { SessionView, Store } from '../src/store/store.ts';

const ICN = /^[0-9]{10}V[0-9]{6}$/;
const POLL_MS = 500;

const { values } = parseArgs({
  options: { patients: { type: 'string' }, archive: { type: 'string' } },
});
if ((values.patients === undefined) === (values.archive === undefined)) {
  console.error('Say either --patients FILE (or -) or --archive FOLDER.');
  process.exit(64);
}

const config = parseConfig(process.env);
const store = openStore({
  path: config.DATABASE_PATH,
  leaseMs: config.LEASE_MS,
  maxAttempts: config.MAX_ATTEMPTS,
  now: Date.now,
});
try {
  const failed =
    values.patients === undefined
      ? await takeArchive(store, config, values.archive ?? '')
      : await loadPatients(store, await readIcns(values.patients));
  process.exitCode = failed === 0 ? 0 : 1;
} finally {
  store.close();
}

/** Reads all lines; a bad one ends the program before anything is asked for. */
async function readIcns(path: string): Promise<string[]> {
  const text = await (path === '-' ? Bun.stdin : Bun.file(path)).text();
  const lines = text.split('\n').map((line) => line.trim());
  const bad = lines.findIndex((line) => line !== '' && !ICN.test(line));
  if (bad >= 0) {
    console.error(`Line ${bad + 1} is not an ICN (ten digits, V, six digits).`);
    process.exit(65);
  }
  return [...new Set(lines.filter((line) => line !== ''))];
}

/** Returns how many sessions ended in an error. */
async function loadPatients(into: Store, icns: string[]): Promise<number> {
  for (const icn of icns) await into.requestSession(icn);
  let ended: SessionView[] = [];
  for (;;) {
    const views = await Promise.all(icns.map((icn) => into.findSession(icn)));
    const now = views.filter(({ syncComplete }) => syncComplete);
    if (now.length !== ended.length) console.log(`${now.length} of ${icns.length} patients done`);
    ended = now;
    if (ended.length === icns.length) break;
    await Bun.sleep(POLL_MS);
  }
  const listed = ended.reduce((sum, view) => sum + view.listed, 0);
  const failed = ended.filter(({ status }) => status !== 'FINISHED');
  console.log(`${icns.length} patients, ${listed} messages listed, ${failed.length} failed`);
  // The position in the input, not the ICN: this output ends up in logs.
  for (const view of failed) console.log(`patient ${icns.indexOf(view.icn) + 1}: ${view.error}`);
  return failed.length;
}

/** Returns how many documents or entries could not be taken; they are in quarantine. */
async function takeArchive(into: Store, from: Config, folder: string): Promise<number> {
  const extraction = extractionOf(from);
  const names = (await readdir(folder)).filter((name) => /\.(xml|atom)$/i.test(name)).toSorted();
  const total = { accepted: 0, duplicates: 0, rejected: 0 };
  for (const name of names) {
    const body = new Uint8Array(await Bun.file(join(folder, name)).arrayBuffer());
    try {
      const { entries, tombstones, faults } = readPush(body, { extraction });
      const quarantine = { scope: 'entries' as const, body, faults };
      const result = await into.acceptDocument({
        entries,
        tombstones,
        ...(faults.length > 0 ? { quarantine } : {}),
      });
      total.accepted += result.accepted;
      total.duplicates += result.duplicates;
      total.rejected += faults.length;
    } catch (error) {
      if (!(error instanceof ExchangeError)) throw error;
      await into.quarantine({ scope: 'document', body, faults: [faultOf(error)] });
      total.rejected += 1;
      console.log(`${name}: ${error.message}`);
    }
  }
  const { accepted, duplicates, rejected } = total;
  console.log(
    `${names.length} documents: ${accepted} accepted, ${duplicates} known, ${rejected} rejected`,
  );
  return rejected;
}

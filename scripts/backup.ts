/**
 * `bun run backup [FILE] [--force]`: copies the file at DATABASE_PATH, while an exchange writes to it,
 * to FILE or to a name beside it with the time. Prints one JSON line; ends with a status of sysexits.h
 * and one line on standard error when it can't.
 */
import { parseArgs } from 'node:util';
import { databasePath } from '../src/config.ts';
import { backUp } from '../src/store/upkeep-backup.ts';
import { endWith } from './backup/refusal.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { force: { type: 'boolean', default: false } },
});
if (positionals.length > 1) {
  console.error('Say at most one FILE.');
  process.exit(64);
}

const from = databasePath(process.env);
const startedAt = Date.now();
const stamp = new Date(startedAt).toISOString().replaceAll(/[-:]|\.\d+/g, '');
const to = positionals[0] ?? `${from.replace(/\.db$/, '')}-${stamp}.db`;
try {
  const backedUp = await backUp(from, to, { replace: values.force });
  console.log(JSON.stringify({ ...backedUp, tookMs: Date.now() - startedAt }));
} catch (error) {
  endWith(error);
}

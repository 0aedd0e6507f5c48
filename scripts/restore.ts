/**
 * `bun run restore FILE`: puts the backup FILE in the place of the file at DATABASE_PATH, which no
 * exchange may use at that time and which is kept beside it. Prints one JSON line; ends with a status
 * of sysexits.h and one line on standard error when it can't, and has changed nothing then.
 */
import { databasePath } from '../src/config.ts';
import { restore } from '../src/store/upkeep-restore.ts';
import { endWith } from './backup/refusal.ts';

const [from, ...others] = process.argv.slice(2);
if (from === undefined || others.length > 0) {
  console.error('Say which FILE to restore.');
  process.exit(64);
}

const startedAt = Date.now();
try {
  const restored = await restore(from, databasePath(process.env), startedAt);
  console.log(JSON.stringify({ ...restored, tookMs: Date.now() - startedAt }));
} catch (error) {
  endWith(error);
}

/**
 * `bun run rekey [--pause MS]`: brings everything that is sealed in the file at DATABASE_PATH, and what
 * lies there in the clear, under the first key of DATA_KEYS, while an exchange runs on it; started again
 * after a kill it goes on. `--check` only counts by key. Prints one JSON line; progress goes to standard
 * error. Status 0: everything is under the first key, and the others can go. 1: something is not, and the
 * line says what. 64: bad arguments. 66: no file. 75: the exchange does not have the key yet, or the file is
 * busy. 78: bad DATA_KEYS.
 */
import { existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { ConfigError, databasePath, dataKeysOf } from '../src/config.ts';
import { Examination, type KeyCount } from '../src/store/examine.ts';
import { failureOf } from '../src/store/failures.ts';
import { RekeyRefusal, rekey } from '../src/store/rekey.ts';

type Keys = ReturnType<typeof dataKeysOf>;

const EX_USAGE = 64;
const EX_NOINPUT = 66;
const EX_TEMPFAIL = 75;
const EX_CONFIG = 78;
/** Between two batches of some milliseconds each. */
const DEFAULT_PAUSE_MS = '20';
const PROGRESS_EVERY_MS = 5000;

const { check, pauseMs } = readArguments();
const [first, ...others] = readKeys();
const path = databasePath(process.env);
if (!first) end(EX_CONFIG, 'DATA_KEYS: is missing: name the key to seal under first');
if (!existsSync(path)) end(EX_NOINPUT, `${path} is not there.`);
process.exitCode = check ? await count(first.id) : await reseal([first, ...others]);

async function reseal(keys: [Keys[number], ...Keys]): Promise<number> {
  let saidAt = performance.now();
  try {
    const { isDone, counts, ...rest } = await rekey({
      path,
      keys,
      now: Date.now,
      pause: async (resealed) => {
        if (performance.now() - saidAt >= PROGRESS_EVERY_MS) {
          saidAt = performance.now();
          console.error(`${resealed} values resealed`);
        }
        await sleep(pauseMs);
      },
    });
    print(keys[0].id, counts, rest);
    return isDone ? 0 : 1;
  } catch (error) {
    const failure = failureOf(error);
    if (failure) return end(EX_TEMPFAIL, `${path}: ${failure.sqliteCode}; run it again.`);
    if (!(error instanceof RekeyRefusal)) throw error;
    return end(error.code === 'another-key' ? EX_CONFIG : EX_TEMPFAIL, error.message);
  }
}

async function count(sealsUnder: string): Promise<number> {
  const file = new Examination(path);
  const facts = await file.sealing();
  file.close();
  if (!facts) return end(EX_TEMPFAIL, `${path} is of an older version: start the exchange first.`);
  print(sealsUnder, facts.counts, {});
  const isFirst = (key: string | undefined) => key === sealsUnder;
  return facts.counts.every(({ key }) => isFirst(key)) && facts.needed.every(isFirst) ? 0 : 1;
}

function print(sealsUnder: string, counts: KeyCount[], rest: Record<string, unknown>): void {
  const inTheClear = counts.find(({ key }) => key === undefined)?.values ?? 0;
  const keys = Object.fromEntries(
    counts.flatMap(({ key, values }) => (key === undefined ? [] : [[key, values]])),
  );
  console.log(JSON.stringify({ sealsUnder, keys, inTheClear, ...rest }));
}

function readArguments(): { check: boolean; pauseMs: number } {
  try {
    const { values } = parseArgs({
      options: {
        check: { type: 'boolean', default: false },
        pause: { type: 'string', default: DEFAULT_PAUSE_MS },
      },
    });
    if (/^\d{1,5}$/.test(values.pause)) {
      return { check: values.check, pauseMs: Number(values.pause) };
    }
  } catch {
    // Said below.
  }
  return end(EX_USAGE, 'Say nothing, --check, or --pause with milliseconds from 0 to 99999.');
}

function readKeys(): Keys {
  try {
    return dataKeysOf(process.env);
  } catch (error) {
    if (error instanceof ConfigError) return end(EX_CONFIG, error.message);
    throw error;
  }
}

function end(status: number, why: string): never {
  console.error(why);
  return process.exit(status);
}

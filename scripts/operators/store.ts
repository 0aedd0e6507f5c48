/** The SQLite file for programs by which a person says who may do what. */
import { databasePath } from '../../src/config.ts';
import { ExchangeError } from '../../src/errors.ts';
import { openStore } from '../../src/store/sqlite.ts';
import type { Store } from '../../src/store/store.ts';

/** The claims that these bound are never made here. */
const CLAIMS = { leaseMs: 60_000, maxAttempts: 1 };
/** EX_DATAERR of sysexits.h: what was asked can't be done. */
const EXIT_REFUSED = 65;

/** Whoever types, as far as the system knows: the audit shows that it was at a terminal. */
export function terminalActor(): string {
  // A container often sets neither; Bun's userInfo() knows no more than they do.
  const name = process.env['USER'] ?? process.env['LOGNAME'] ?? `uid-${process.getuid?.()}`;
  return `terminal:${name}`;
}

/** Runs on the file at DATABASE_PATH; what the store refuses is one line on standard error. */
export async function withStore(work: (store: Store) => Promise<number>): Promise<number> {
  const store = openStore({ path: databasePath(process.env), now: Date.now, ...CLAIMS });
  try {
    return await work(store);
  } catch (error) {
    if (!(error instanceof ExchangeError)) throw error;
    console.error(error.message);
    return EXIT_REFUSED;
  } finally {
    store.close();
  }
}

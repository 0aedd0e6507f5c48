/** What SQLite says when the file, the disk or the lock fails it, as the rest of the exchange hears it. */
import Database from 'better-sqlite3';
import { ExchangeError } from '../errors.ts';
import type { Write } from './group-commit.ts';

/** Result codes that speak of the file and not of the statement; extended codes begin with them. */
const FAILURE =
  /^SQLITE_(FULL|IOERR|READONLY|CORRUPT|BUSY|LOCKED|CANTOPEN|NOTADB|PROTOCOL|NOMEM)(_|$)/;
const RETRY_AFTER_S = 5;

/** Makes a failing database an ExchangeError `unavailable`. Other errors pass as they are. */
export class Failures {
  readonly #onFailure: (code: string) => void;
  #reported: unknown;

  /** `onFailure` is told SQLite's code, such as `SQLITE_FULL`, once for each failed statement or commit. */
  constructor(onFailure: (code: string) => void) {
    this.#onFailure = onFailure;
  }

  /** The same write function; nothing of a work that ends in `unavailable` was stored. */
  ofWrites(write: Write): Write {
    return (work) => write(work).catch((error: unknown) => Promise.reject(this.#translate(error)));
  }

  /** Does the reading and returns its result. */
  ofRead<T>(read: () => T): T {
    try {
      return read();
    } catch (error) {
      throw this.#translate(error);
    }
  }

  #translate(error: unknown): unknown {
    const failure = failureOf(error);
    if (!failure) return error;
    // A commit that fails many works throws one error at them all.
    if (error !== this.#reported) this.#onFailure(failure.sqliteCode);
    this.#reported = error;
    return failure.unavailable;
  }
}

/** What a failing file, disk or lock threw, as callers are told of it; undefined for any other error. */
export function failureOf(
  error: unknown,
): { sqliteCode: string; unavailable: ExchangeError } | undefined {
  if (!(error instanceof Database.SqliteError) || !FAILURE.test(error.code)) return undefined;
  const detail = 'The database cannot be used just now; nothing of this request was stored.';
  const unavailable = new ExchangeError('unavailable', detail, {
    retryAfterSeconds: RETRY_AFTER_S,
  });
  return { sqliteCode: error.code, unavailable };
}

/** The SQL migrations as data. Imported as a macro, so that a compiled program carries them. */
import { readMigrationFiles } from 'drizzle-orm/migrator';

/** One file of drizzle/, in the order in which they are applied. */
export interface Migration {
  /** The statements, without the breakpoints between them. */
  sql: string[];
  /** SHA-256 of the file in hex, by which a database knows it. */
  hash: string;
  /** When it was generated, in milliseconds since the epoch; later ones come later. */
  folderMillis: number;
}

/** Reads drizzle/ as its journal lists it. Throws when a file is missing. */
export function readMigrations(): Migration[] {
  const migrationsFolder = new URL('../../drizzle', import.meta.url).pathname;
  return readMigrationFiles({ migrationsFolder }).map(({ sql, hash, folderMillis }) => ({
    sql,
    hash,
    folderMillis,
  }));
}

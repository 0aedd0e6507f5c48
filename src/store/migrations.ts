/** Brings a file's tables up to the code's, and says how far they are. */
import type { Database } from 'better-sqlite3';
// A macro runs when this file is transpiled: at start from the sources, at build for the binary.
import { readMigrations } from './migration-files.ts' with { type: 'macro' };

const MIGRATIONS = readMigrations();

/** How the tables of a file stand against the code. */
export interface SchemaVersion {
  /** Migrations that were applied to the file; 0 when it is no file of an exchange. */
  applied: number;
  /** Migrations that the code has. */
  known: number;
  /** False when the file has a migration that the code does not know: another version made it. */
  isOurs: boolean;
}

/**
 * Applies what the file lacks, all of it or nothing. Two processes may start on one file: what the other
 * has applied by the time this one may write is not applied again. Not drizzle's migrator, because that
 * reads its files at run time, and looks before it locks.
 */
export function migrate(sqlite: Database): void {
  if (isUpToDate(sqlite)) return;
  sqlite
    .transaction(() => {
      sqlite.exec(`CREATE TABLE IF NOT EXISTS __drizzle_migrations
        (id SERIAL PRIMARY KEY, hash text NOT NULL, created_at numeric)`);
      const record = sqlite.prepare(
        'INSERT INTO __drizzle_migrations (hash, created_at) VALUES (?, ?)',
      );
      const latest = latestOf(sqlite);
      for (const { sql, hash, folderMillis } of MIGRATIONS) {
        if (folderMillis <= latest) continue;
        for (const statement of sql) sqlite.exec(statement);
        record.run(hash, folderMillis);
      }
    })
    .immediate();
}

/** How the file stands; changes nothing. */
export function schemaVersion(sqlite: Database): SchemaVersion {
  const known = MIGRATIONS.length;
  if (!hasTable(sqlite)) return { applied: 0, known, isOurs: true };
  const hashes = sqlite
    .prepare('SELECT hash FROM __drizzle_migrations ORDER BY created_at')
    .pluck()
    .all();
  const isOurs = hashes.every((hash, index) => hash === MIGRATIONS[index]?.hash);
  return { applied: hashes.length, known, isOurs };
}

function isUpToDate(sqlite: Database): boolean {
  return hasTable(sqlite) && latestOf(sqlite) >= (MIGRATIONS.at(-1)?.folderMillis ?? 0);
}

function hasTable(sqlite: Database): boolean {
  const table = "SELECT 1 FROM sqlite_master WHERE name = '__drizzle_migrations'";
  return sqlite.prepare(table).get() !== undefined;
}

/** When the latest applied migration was generated. */
function latestOf(sqlite: Database): number {
  const latest = sqlite.prepare('SELECT max(created_at) FROM __drizzle_migrations').pluck().get();
  return Number(latest ?? 0);
}

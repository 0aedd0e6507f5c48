/** Archived documents of a feed that were taken in, so that a second run leaves them alone. */
import { eq } from 'drizzle-orm';
import type { Instant } from '../message.ts';
import type { Write } from './group-commit.ts';
import type { Db } from './open.ts';
import { archivePages } from './schema-histories.ts';

/** A page that was taken in whole, and all pages before it. */
export interface ArchivePage {
  address: string;
  /** The OH messages that its entries announced. */
  ohMessageIds: string[];
  /** Address of the page before it; absent for the oldest. */
  older?: string;
}

export interface ArchiveStore {
  find(address: string): Promise<ArchivePage | undefined>;
  /** What is known of a page is replaced. */
  remember(page: ArchivePage): Promise<void>;
}

/** The archive on the SQLite file. */
export class SqliteArchive implements ArchiveStore {
  readonly #db: Db;
  readonly #write: Write;
  readonly #now: () => Instant;

  constructor({ db, write, now }: { db: Db; write: Write; now: () => Instant }) {
    this.#db = db;
    this.#write = write;
    this.#now = now;
  }

  async find(address: string) {
    return find(this.#db, address);
  }

  remember(page: ArchivePage) {
    return this.#write(() => remember(this.#db, page, this.#now()));
  }
}

/** A page that was remembered without its messages is to be read again. */
function find(db: Db, address: string): ArchivePage | undefined {
  const row = db.select().from(archivePages).where(eq(archivePages.address, address)).get();
  if (!row?.ohMessageIds) return undefined;
  const ohMessageIds = JSON.parse(row.ohMessageIds) as string[];
  return { address, ohMessageIds, ...(row.older === null ? {} : { older: row.older }) };
}

function remember(db: Db, { address, ohMessageIds, older }: ArchivePage, now: Instant): void {
  const row = { takenAt: now, ohMessageIds: JSON.stringify(ohMessageIds), older: older ?? null };
  db.insert(archivePages)
    .values({ address, ...row })
    .onConflictDoUpdate({ target: archivePages.address, set: row })
    .run();
}

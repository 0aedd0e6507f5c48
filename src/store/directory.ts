/** The directory: which pool of OH is which triage group, and by what name patients know it. */
import { and, asc, desc, eq, gt, sql } from 'drizzle-orm';
import { ExchangeError } from '../errors.ts';
import type { Instant } from '../message.ts';
import { record } from './audit.ts';
import { compiled } from './compiled.ts';
import { directoryFaults, type NewTriageGroup } from './directory-rules.ts';
import type { Write } from './group-commit.ts';
import type { Db } from './open.ts';
import { type DirectorySource, triageGroups } from './schema-directory.ts';
import type { Lane } from './store.ts';

export type { NewTriageGroup };

/** One name of one pool. */
export interface TriageGroup extends NewTriageGroup {
  preferred: boolean;
  source: DirectorySource;
  updatedAt: Instant;
  /** Who put it there. */
  actor: string;
}

/** How many names were written and how many were left as they are. */
export interface DirectoryChange {
  added: number;
  changed: number;
  removed: number;
  unchanged: number;
}

/** A part of the directory. */
interface DirectoryPage {
  groups: TriageGroup[];
  /** Where the next page begins; absent on the last. */
  next?: DirectoryCursor;
}

/** The last name of a page. One that is gone or no longer preferred since still has its place. */
export type DirectoryCursor = Pick<TriageGroup, 'ohPoolId' | 'preferred' | 'name'>;

/** Each verb is one transaction. What adds or changes a name ends the wait of messages without a pool. */
export interface DirectoryStore {
  /** By pool, the preferred name first; only those of one pool when it is named. */
  list(ohPoolId?: string): Promise<TriageGroup[]>;
  /** The same in pages of up to `limit` names. */
  page(
    filter: { ohPoolId?: string },
    page: { cursor?: DirectoryCursor; limit: number },
  ): Promise<DirectoryPage>;
  /** The preferred name of a pool. */
  groupOf(ohPoolId: string): Promise<TriageGroup | undefined>;
  /**
   * Makes each pool in the list what the list says: names that it does not have go, other pools stay.
   * ExchangeError `invalid` when a row can't be taken, and then none is.
   */
  put(groups: NewTriageGroup[], source: DirectorySource, actor: string): Promise<DirectoryChange>;
  /** Remembers a pool that a message brought up, unless it is known. */
  see(group: NewTriageGroup): Promise<void>;
  /** Removes a name; of those that are left one becomes the preferred. `not-found` when it is not there. */
  remove(ohPoolId: string, name: string, actor: string): Promise<void>;
}

/** The error code of a message that waits for the directory; partial indexes and wakes know it. */
export const UNMAPPED_POOL = 'directory:unmapped-pool';

const WAITING: Lane[] = [
  { stage: 'inbox', direction: 'oh-to-mhv' },
  { stage: 'inbox', direction: 'mhv-to-oh' },
];
const SEEN_BY = 'exchange';

/** What the directory shares with the rest of the store. */
interface Shared {
  db: Db;
  write: Write;
  now: () => Instant;
  announce: (due: Lane) => void;
}

/** The directory on the SQLite file. */
export class SqliteDirectory implements DirectoryStore {
  readonly #shared: Shared;

  constructor(shared: Shared) {
    this.#shared = shared;
  }

  async list(ohPoolId?: string) {
    return list(this.#shared.db, ohPoolId);
  }

  async page(
    filter: { ohPoolId?: string },
    { cursor, limit }: { cursor?: DirectoryCursor; limit: number },
  ) {
    const found = list(this.#shared.db, filter.ohPoolId, { cursor, limit: limit + 1 });
    const groups = found.slice(0, limit);
    const last = groups.at(-1);
    if (found.length <= limit || !last) return { groups };
    const { ohPoolId, preferred, name } = last;
    return { groups, next: { ohPoolId, preferred, name } };
  }

  async groupOf(ohPoolId: string) {
    return preferredOf(this.#shared.db, ohPoolId);
  }

  async put(groups: NewTriageGroup[], source: DirectorySource, actor: string) {
    const { db, write, now } = this.#shared;
    refuseFaulty(groups);
    const change = await write(() => {
      const made = put(db, groups, { source, actor, updatedAt: now() });
      const object = { kind: 'pool', id: poolsOf(groups) };
      const detail = { source, ...made };
      record(db, { actor, action: 'directory.put', object, detail }, now());
      return made;
    });
    if (change.added + change.changed > 0) this.#announceWaiting();
    return change;
  }

  async see(group: NewTriageGroup) {
    const { db, write, now } = this.#shared;
    refuseFaulty([group]);
    const isNew = await write(() => see(db, group, now()));
    if (isNew) this.#announceWaiting();
  }

  async remove(ohPoolId: string, name: string, actor: string) {
    const { db, write, now } = this.#shared;
    await write(() => {
      remove(db, ohPoolId, name);
      const object = { kind: 'pool', id: ohPoolId };
      record(db, { actor, action: 'directory.remove', object, detail: { name } }, now());
    });
  }

  #announceWaiting(): void {
    for (const lane of WAITING) this.#shared.announce(lane);
  }
}

/** Whether the directory grew or changed since then: a row in hand meanwhile has missed its wake. */
export function directoryChangedSince(db: Db, since: Instant): boolean {
  const changed = db
    .select({ one: sql`1` })
    .from(triageGroups)
    .where(gt(triageGroups.updatedAt, since))
    .limit(1)
    .get();
  return changed !== undefined;
}

/** Asked for every message, so compiled. */
function preferredOf(db: Db, ohPoolId: string): TriageGroup | undefined {
  const row = compiled<[string], Omit<Row, 'isPreferred'>>(
    db,
    `SELECT oh_pool_id AS ohPoolId, name, station_number AS stationNumber,
       mhv_triage_team_id AS mhvTriageTeamId, source, updated_at AS updatedAt, actor
     FROM triage_groups WHERE oh_pool_id = ? AND is_preferred`,
  ).get(ohPoolId);
  return row && toGroup({ ...row, isPreferred: true });
}

interface Part {
  cursor: DirectoryCursor | undefined;
  limit: number;
}

/** By pool, the preferred name first; only those of one pool when it is named, and only a part when told. */
export function list(db: Db, ohPoolId?: string, part?: Part): TriageGroup[] {
  const ofPool = ohPoolId === undefined ? undefined : eq(triageGroups.ohPoolId, ohPoolId);
  const after = part?.cursor && isAfter(part.cursor);
  return db
    .select()
    .from(triageGroups)
    .where(and(ofPool, after))
    .orderBy(asc(triageGroups.ohPoolId), desc(triageGroups.isPreferred), asc(triageGroups.name))
    .limit(part?.limit ?? -1)
    .all()
    .map(toGroup);
}

type Row = typeof triageGroups.$inferSelect;

function toGroup({ isPreferred, mhvTriageTeamId, ...same }: Row): TriageGroup {
  return {
    ...same,
    preferred: isPreferred,
    ...(mhvTriageTeamId === null ? {} : { mhvTriageTeamId }),
  };
}

/** The preferred name comes first, so `not preferred` grows as the order does. */
function isAfter({ ohPoolId, preferred, name }: DirectoryCursor) {
  const { ohPoolId: pool, isPreferred, name: own } = triageGroups;
  return sql`(${pool}, NOT ${isPreferred}, ${own}) > (${ohPoolId}, ${preferred ? 0 : 1}, ${name})`;
}

function refuseFaulty(groups: NewTriageGroup[]): void {
  const faults = directoryFaults(groups).map(({ row, field, detail }) => ({
    pointer: `/names/${row}/${field}`,
    detail,
  }));
  if (faults.length === 0) return;
  const where = faults.map(({ pointer, detail }) => `body${pointer}: ${detail}`).join('; ');
  throw new ExchangeError('invalid', where, { faults });
}

/** One pool by its id, several by their number. */
function poolsOf(groups: NewTriageGroup[]): string {
  const ids = [...new Set(groups.map(({ ohPoolId }) => ohPoolId))];
  return ids.length === 1 ? (ids[0] ?? '') : `${ids.length} pools`;
}

type Written = Pick<TriageGroup, 'source' | 'actor' | 'updatedAt'>;

function put(db: Db, groups: NewTriageGroup[], written: Written): DirectoryChange {
  const change: DirectoryChange = { added: 0, changed: 0, removed: 0, unchanged: 0 };
  for (const [ohPoolId, names] of Map.groupBy(groups, (group) => group.ohPoolId)) {
    const known = new Map(list(db, ohPoolId).map((row) => [row.name, row]));
    // Preferences first: at no time may a pool have two.
    db.update(triageGroups)
      .set({ isPreferred: false })
      .where(eq(triageGroups.ohPoolId, ohPoolId))
      .run();
    for (const group of names) {
      const preferred = group.preferred ?? names.length === 1;
      change[putName(db, { ...group, preferred }, known.get(group.name), written)] += 1;
      known.delete(group.name);
    }
    for (const { name } of known.values()) deleteName(db, ohPoolId, name);
    change.removed += known.size;
  }
  if (change.added + change.changed > 0) wake(db, written.updatedAt);
  return change;
}

function putName(
  db: Db,
  group: NewTriageGroup & { preferred: boolean },
  known: TriageGroup | undefined,
  written: Written,
): 'added' | 'changed' | 'unchanged' {
  const isSame =
    known?.stationNumber === group.stationNumber &&
    known.mhvTriageTeamId === group.mhvTriageTeamId &&
    known.preferred === group.preferred &&
    known.source !== 'seen';
  const { ohPoolId, name, stationNumber, mhvTriageTeamId = null, preferred } = group;
  const row = { stationNumber, mhvTriageTeamId, isPreferred: preferred };
  const set = isSame ? row : { ...row, ...written };
  db.insert(triageGroups)
    .values({ ohPoolId, name, ...row, ...written })
    .onConflictDoUpdate({ target: [triageGroups.ohPoolId, triageGroups.name], set })
    .run();
  if (!known) return 'added';
  return isSame ? 'unchanged' : 'changed';
}

function see(db: Db, group: NewTriageGroup, now: Instant): boolean {
  const { ohPoolId, name, stationNumber, mhvTriageTeamId = null } = group;
  if (list(db, ohPoolId).length > 0) return false;
  const written = { source: 'seen' as const, actor: SEEN_BY, updatedAt: now };
  db.insert(triageGroups)
    .values({ ohPoolId, name, stationNumber, mhvTriageTeamId, isPreferred: true, ...written })
    .run();
  wake(db, now);
  return true;
}

function remove(db: Db, ohPoolId: string, name: string): void {
  const found = list(db, ohPoolId).find((row) => row.name === name);
  if (!found) throw new ExchangeError('not-found', 'The directory has no such name of this pool.');
  deleteName(db, ohPoolId, name);
  const [next] = list(db, ohPoolId);
  if (!next || next.preferred) return;
  db.update(triageGroups)
    .set({ isPreferred: true })
    .where(and(eq(triageGroups.ohPoolId, ohPoolId), eq(triageGroups.name, next.name)))
    .run();
}

function deleteName(db: Db, ohPoolId: string, name: string): void {
  db.delete(triageGroups)
    .where(and(eq(triageGroups.ohPoolId, ohPoolId), eq(triageGroups.name, name)))
    .run();
}

/**
 * Makes due what waits for a pool; which one, only its next attempt can tell. A row in hand keeps its
 * lease, see `directoryChangedSince`. The conditions are literal, so that the partial index serves.
 */
function wake(db: Db, now: Instant): void {
  db.run(sql`UPDATE inbox SET due_at = ${now}
    WHERE state = 'pending' AND error_code = 'directory:unmapped-pool' AND due_at > ${now}
    AND NOT EXISTS (SELECT 1 FROM attempts WHERE message_id = inbox.id AND stage = 'inbox'
      AND ended_at IS NULL)`);
}

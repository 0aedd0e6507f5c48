/** Documents in quarantine: looked at, and taken in again. */
import { createHash } from 'node:crypto';
import { desc, eq, lt, sql } from 'drizzle-orm';
import { type DocumentFault, ExchangeError } from '../errors.ts';
import type { Instant } from '../message.ts';
import { insertEntries, insertQuarantined, insertTombstones } from './accept.ts';
import type { Db } from './open.ts';
import type {
  QuarantinePage,
  QuarantineReplay,
  QuarantineSummary,
  QuarantineView,
  ReadAgain,
} from './operator.ts';
import { quarantine } from './schema.ts';

const summaryColumns = {
  id: quarantine.id,
  scope: quarantine.scope,
  sha256: quarantine.sha256,
  contentType: quarantine.contentType,
  sizeBytes: sql<number>`length(${quarantine.body})`,
  firstSeenAt: quarantine.firstSeenAt,
  lastSeenAt: quarantine.lastSeenAt,
  pushes: quarantine.pushes,
  faultCount: sql<number>`json_array_length(${quarantine.faults})`,
  purgedAt: quarantine.purgedAt,
  replayedAt: quarantine.replayedAt,
};

/** Ids are UUIDv7: they sort by the time of the first push. */
export function listQuarantined(
  db: Db,
  { cursor, limit }: { cursor?: string; limit: number },
): QuarantinePage {
  const rows = db
    .select(summaryColumns)
    .from(quarantine)
    .where(cursor === undefined ? undefined : lt(quarantine.id, cursor))
    .orderBy(desc(quarantine.id))
    .limit(limit + 1)
    .all();
  const shown = rows.slice(0, limit);
  const last = shown.at(-1);
  return {
    documents: shown.map(toSummary),
    ...(rows.length > limit && last ? { next: last.id } : {}),
  };
}

export function findQuarantined(db: Db, id: string): QuarantineView {
  const row = db
    .select({ ...summaryColumns, faults: quarantine.faults, replay: quarantine.replay })
    .from(quarantine)
    .where(eq(quarantine.id, id))
    .get();
  if (!row) throw unknownDocument();
  const { faults, replay, ...summary } = row;
  return {
    ...toSummary(summary),
    faults: JSON.parse(faults) as DocumentFault[],
    ...(replay === null ? {} : { replay: JSON.parse(replay) as QuarantineReplay }),
  };
}

export function quarantinedBody(db: Db, id: string): Uint8Array<ArrayBuffer> {
  const row = db
    .select({ body: quarantine.body, purgedAt: quarantine.purgedAt })
    .from(quarantine)
    .where(eq(quarantine.id, id))
    .get();
  if (!row) throw unknownDocument();
  if (row.purgedAt !== null) {
    throw new ExchangeError('conflict', 'The document was purged; only its faults are left.');
  }
  return new Uint8Array(row.body);
}

export function takeQuarantined(
  db: Db,
  id: string,
  again: ReadAgain,
  now: Instant,
): QuarantineReplay {
  const { entries, tombstones, faults, actor, edited } = again;
  const accepted = insertEntries(db, entries, now);
  insertTombstones(db, tombstones, now);
  const replay = {
    actor,
    accepted,
    duplicates: entries.length - accepted,
    rejected: faults.length,
    faults,
    ...(edited ? { editedSha256: sha256(edited.body) } : {}),
  };
  record(db, eq(quarantine.id, id), replay, now);
  if (edited) {
    insertQuarantined(db, { scope: 'entries', ...edited, faults }, now);
    record(db, eq(quarantine.sha256, sha256(edited.body)), replay, now);
  }
  return replay;
}

export function noteFailedReplay(
  db: Db,
  id: string,
  { actor, faults, edited }: Omit<ReadAgain, 'entries' | 'tombstones'>,
  now: Instant,
): void {
  const replay = {
    actor,
    accepted: 0,
    duplicates: 0,
    rejected: faults.length,
    faults,
    ...(edited ? { editedSha256: sha256(edited.body) } : {}),
  };
  record(db, eq(quarantine.id, id), replay, now);
}

function record(
  db: Db,
  which: ReturnType<typeof eq>,
  replay: QuarantineReplay,
  now: Instant,
): void {
  const recorded = db
    .update(quarantine)
    .set({ replayedAt: now, replay: JSON.stringify(replay) })
    .where(which)
    .run();
  if (recorded.changes === 0) throw unknownDocument();
}

function toSummary(
  row: {
    [K in keyof typeof summaryColumns]: QuarantineSummary[K] | null;
  },
): QuarantineSummary {
  const { contentType, purgedAt, replayedAt, ...same } = row;
  return {
    ...(same as QuarantineSummary),
    ...(contentType ? { contentType } : {}),
    ...(purgedAt ? { purgedAt } : {}),
    ...(replayedAt ? { replayedAt } : {}),
  };
}

function sha256(body: Uint8Array): string {
  return createHash('sha256').update(body).digest('hex');
}

function unknownDocument(): ExchangeError {
  return new ExchangeError('not-found', 'No document in quarantine has this id.');
}

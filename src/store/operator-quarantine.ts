/** Documents in quarantine: looked at, and taken in again. */
import { createHash } from 'node:crypto';
import { desc, eq, lt } from 'drizzle-orm';
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
import { SealError, type SealedColumn } from './seal.ts';
import { opened, openedBytes, orConflict, type Stored, sealed } from './seals.ts';

const summaryColumns = {
  id: quarantine.id,
  scope: quarantine.scope,
  sha256: quarantine.sha256,
  contentType: quarantine.contentType,
  sizeBytes: quarantine.sizeBytes,
  firstSeenAt: quarantine.firstSeenAt,
  lastSeenAt: quarantine.lastSeenAt,
  pushes: quarantine.pushes,
  faultCount: quarantine.faultCount,
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
    faults: faultsOf(db, row.sha256, faults),
    ...replayOf(db, row.sha256, replay),
  };
}

/** Those that do not open say why. */
function faultsOf(db: Db, row: string, faults: Stored): DocumentFault[] {
  const text = readable(db, 'quarantine.faults', row, faults);
  return text instanceof SealError
    ? [{ detail: text.message }]
    : (JSON.parse(text) as DocumentFault[]);
}

function replayOf(db: Db, row: string, replay: Stored | null): Pick<QuarantineView, 'replay'> {
  const text = replay === null ? undefined : readable(db, 'quarantine.replay', row, replay);
  if (text === undefined || text instanceof SealError) return {};
  return { replay: JSON.parse(text) as QuarantineReplay };
}

function readable(db: Db, column: SealedColumn, row: string, stored: Stored): string | SealError {
  try {
    return opened(db, { column, row }, stored);
  } catch (error) {
    if (error instanceof SealError) return error;
    throw error;
  }
}

export function quarantinedBody(db: Db, id: string): Uint8Array<ArrayBuffer> {
  const row = db
    .select({
      sha256: quarantine.sha256,
      body: quarantine.body,
      bodySealed: quarantine.bodySealed,
      purgedAt: quarantine.purgedAt,
    })
    .from(quarantine)
    .where(eq(quarantine.id, id))
    .get();
  if (!row) throw unknownDocument();
  if (row.purgedAt !== null) {
    throw new ExchangeError('conflict', 'The document was purged; only its faults are left.');
  }
  if (!row.bodySealed) return new Uint8Array(row.body);
  return orConflict(
    () => new Uint8Array(openedBytes(db, { column: 'quarantine.body', row: row.sha256 }, row.body)),
  );
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
  record(db, shaOf(db, id), replay, now);
  if (edited) {
    insertQuarantined(db, { scope: 'entries', ...edited, faults }, now);
    record(db, sha256(edited.body), replay, now);
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
  record(db, shaOf(db, id), replay, now);
}

function record(db: Db, row: string, replay: QuarantineReplay, now: Instant): void {
  const text = sealed(db, { column: 'quarantine.replay', row }, JSON.stringify(replay));
  db.update(quarantine)
    .set({ replayedAt: now, replay: text, rejected: replay.rejected })
    .where(eq(quarantine.sha256, row))
    .run();
}

function shaOf(db: Db, id: string): string {
  const row = db
    .select({ sha256: quarantine.sha256 })
    .from(quarantine)
    .where(eq(quarantine.id, id))
    .get();
  if (!row) throw unknownDocument();
  return row.sha256;
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

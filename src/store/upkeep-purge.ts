/** Dropping what has been kept long enough: payloads and quarantined bodies, never ids or attempts. */
import { and, asc, eq, inArray, isNull, lte, or, sql } from 'drizzle-orm';
import type { Instant } from '../message.ts';
import type { Db } from './open.ts';
import { inbox, outbox, quarantine, uploads } from './schema.ts';

/** Until when a message, or a document, must have been over with for its contents to go. */
export interface Cutoffs {
  /** Of what needs nobody any more: delivered, duplicate, dismissed, or a document taken in again. */
  done: Instant;
  /** Of what waits for a person. */
  dead: Instant;
}

/** How far a purge has come: the last row it looked at. */
export interface PurgeCursor {
  settledAt: Instant;
  seq: number;
}

/** `next` is absent when there is nothing left to look at. */
export interface PurgedBatch {
  purged: number;
  next?: PurgeCursor;
}

/** What a purged payload is replaced by: JSON, for whoever reads the column. */
const NOTHING = '{}';
/** Freed pages are read one by one; a transaction frees about this much and a row more. */
const MAX_BATCH_BYTES = 16 * 1024 * 1024;
const BODIES_PER_BATCH = 20;

/**
 * Looks at up to `limit` messages after the cursor, in the order in which they were settled, and
 * drops the payloads of those whose time is over. A message is over when no stage of it is pending.
 */
export function purgeMessages(
  db: Db,
  cutoffs: Cutoffs,
  after: PurgeCursor | undefined,
  limit: number,
  now: Instant,
): PurgedBatch {
  const looked = withinBytes(candidates(db, cutoffs, after, limit));
  const ids = looked.filter((row) => isOver(row, cutoffs)).map(({ id }) => id);
  if (ids.length > 0) {
    const nothing = { payload: NOTHING, purgedAt: now };
    // Naming the rowid makes SQLite delete the row and insert it anew: only a delete merges pages that
    // are nearly empty by now, and the file would hardly shrink without.
    const anew = { ...nothing, seq: sql`seq` };
    db.update(inbox).set(anew).where(inArray(inbox.id, ids)).run();
    db.update(outbox).set(anew).where(inArray(outbox.id, ids)).run();
    db.update(uploads).set({ reference: NOTHING }).where(inArray(uploads.messageId, ids)).run();
  }
  const last = looked.at(-1);
  if (!last) return { purged: 0 };
  return { purged: ids.length, next: { settledAt: last.settledAt ?? 0, seq: last.seq } };
}

/** An inbox row is settled before its outbox row is, so its time is the earliest that counts. */
function candidates(db: Db, cutoffs: Cutoffs, after: PurgeCursor | undefined, limit: number) {
  return db
    .select({
      seq: inbox.seq,
      id: inbox.id,
      settledAt: inbox.settledAt,
      state: inbox.state,
      outboxState: outbox.state,
      outboxSettledAt: outbox.settledAt,
      bytes: sql<number>`octet_length(${inbox.payload}) + coalesce(octet_length(${outbox.payload}), 0)`,
    })
    .from(inbox)
    .leftJoin(outbox, eq(outbox.id, inbox.id))
    .where(
      and(
        isNull(inbox.purgedAt),
        lte(inbox.settledAt, Math.max(cutoffs.done, cutoffs.dead)),
        after && sql`(${inbox.settledAt}, ${inbox.seq}) > (${after.settledAt}, ${after.seq})`,
      ),
    )
    .orderBy(asc(inbox.settledAt), asc(inbox.seq))
    .limit(limit)
    .all();
}

type Candidate = ReturnType<typeof candidates>[number];

function withinBytes(rows: Candidate[]): Candidate[] {
  let bytes = 0;
  return rows.filter((row, index) => {
    bytes += row.bytes;
    return index === 0 || bytes <= MAX_BATCH_BYTES;
  });
}

function isOver(row: Candidate, cutoffs: Cutoffs): boolean {
  const states = [row.state, row.outboxState];
  if (states.includes('pending')) return false;
  const settledAt = Math.max(row.settledAt ?? 0, row.outboxSettledAt ?? 0);
  return settledAt <= (states.includes('dead') ? cutoffs.dead : cutoffs.done);
}

/** Nothing of the document was refused when a person had it taken in again. */
const wasTakenWhole = eq(quarantine.rejected, 0);

/** Drops the bodies of some quarantined documents; returns how many. Zero: there are no more. */
export function purgeQuarantine(db: Db, cutoffs: Cutoffs, now: Instant): number {
  const over = db
    .select({ id: quarantine.id })
    .from(quarantine)
    .where(
      and(
        isNull(quarantine.purgedAt),
        lte(quarantine.lastSeenAt, Math.max(cutoffs.done, cutoffs.dead)),
        or(
          lte(quarantine.lastSeenAt, cutoffs.dead),
          and(lte(quarantine.replayedAt, cutoffs.done), wasTakenWhole),
        ),
      ),
    )
    .orderBy(asc(quarantine.lastSeenAt))
    .limit(BODIES_PER_BATCH);
  return db
    .update(quarantine)
    .set({ body: Buffer.alloc(0), bodySealed: false, sizeBytes: 0, purgedAt: now })
    .where(inArray(quarantine.id, over))
    .run().changes;
}

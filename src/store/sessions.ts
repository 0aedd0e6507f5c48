/** Create-session: which patients' history was asked for, and how far its listing has come. */
import { and, asc, count, eq, inArray, lte, max, sql } from 'drizzle-orm';
import type { Instant, Undelivered } from '../message.ts';
import { insertEntries, ohOrderKey } from './accept.ts';
import { type ClaimBounds, queueTables } from './claim.ts';
import type { Db } from './open.ts';
import { inbox, type Stage, sessions } from './schema.ts';
import type { ClaimedSession, SessionProgress, SessionView } from './store.ts';

type Row = typeof sessions.$inferSelect;

const isPending = sql`state = 'pending'`;

export function requestSession(
  db: Db,
  icn: string,
  namedOhPatientId: string | undefined,
  now: Instant,
): SessionView {
  const named = namedOhPatientId === undefined ? {} : { namedOhPatientId };
  const fresh = {
    ...named,
    state: 'pending',
    requestedAt: now,
    dueAt: now,
    fruitlessAttempts: 0,
  } as const;
  db.insert(sessions)
    .values({ icn, ...fresh })
    .onConflictDoUpdate({
      target: sessions.icn,
      set: { ...fresh, errorCode: null, reason: null },
      setWhere: sql`state = 'dead'`,
    })
    .run();
  return findSession(db, icn);
}

export function findSession(db: Db, icn: string): SessionView {
  const row = db.select().from(sessions).where(eq(sessions.icn, icn)).get();
  if (!row) return { icn, status: 'NOT_STARTED', syncComplete: true, listed: 0 };
  const { listed } = row;
  if (row.state === 'dead') return failed(row, `${row.errorCode}: ${row.reason}`);
  if (row.state === 'pending' || isUnderWay(db, row)) {
    return { icn, status: 'IN_PROGRESS', syncComplete: false, listed };
  }
  const dead = countOfListed(db, row, 'dead');
  if (dead > 0) return failed(row, `${dead} of the patient's messages could not be delivered.`);
  return { icn, status: 'FINISHED', syncComplete: true, listed };
}

function isUnderWay(db: Db, row: Row): boolean {
  return countOfListed(db, row, 'pending') > 0;
}

/** The patient's rows of either stage that were accepted before the listing ended. */
function countOfListed(db: Db, row: Row, state: 'pending' | 'dead'): number {
  const orderKey = ohOrderKey(row.ohPatientId ?? '');
  // Literal, so that the partial indexes of live and dead rows serve.
  const inState = state === 'pending' ? sql`state = 'pending'` : sql`state = 'dead'`;
  const listed = db
    .select({ id: inbox.id })
    .from(inbox)
    .where(and(eq(inbox.orderKey, orderKey), lte(inbox.seq, row.lastSeq ?? 0)));
  const countIn = (table: (typeof queueTables)[Stage]) =>
    db
      .select({ rows: count() })
      .from(table)
      .where(and(eq(table.orderKey, orderKey), inState, inArray(table.id, listed)))
      .get()?.rows ?? 0;
  return countIn(queueTables.inbox) + countIn(queueTables.outbox);
}

export function claimSessions(
  db: Db,
  bounds: ClaimBounds,
  limit: number,
  now: Instant,
): ClaimedSession[] {
  const due = db
    .select({ icn: sessions.icn })
    .from(sessions)
    .where(and(isPending, lte(sessions.dueAt, now)))
    .orderBy(asc(sessions.dueAt))
    .limit(limit);
  return db
    .update(sessions)
    .set({
      dueAt: now + bounds.leaseMs,
      attempts: sql`${sessions.attempts} + 1`,
      fruitlessAttempts: sql`${sessions.fruitlessAttempts} + 1`,
    })
    .where(inArray(sessions.icn, due))
    .returning()
    .all()
    .map((row) => ({
      icn: row.icn,
      attempt: row.attempts,
      spent: row.fruitlessAttempts,
      correlationId: Bun.randomUUIDv7(undefined, now),
      ...(row.namedOhPatientId ? { namedOhPatientId: row.namedOhPatientId } : {}),
      ...(row.ohPatientId ? { ohPatientId: row.ohPatientId } : {}),
      ...(row.listedUntil === null ? {} : { listedUntil: row.listedUntil }),
    }));
}

export function advanceSession(
  db: Db,
  claimed: ClaimedSession,
  progress: SessionProgress,
  now: Instant,
): boolean {
  const { ohPatientId, entries, listedUntil, finished } = progress;
  const moved = db
    .update(sessions)
    .set({
      ohPatientId,
      listedUntil,
      listed: sql`${sessions.listed} + ${entries.length}`,
      fruitlessAttempts: 0,
      dueAt: now,
    })
    .where(isStillHeld(claimed))
    .run();
  if (moved.changes === 0) return false;
  insertEntries(db, entries, now);
  if (finished) {
    const lastSeq =
      db
        .select({ seq: max(inbox.seq) })
        .from(inbox)
        .get()?.seq ?? 0;
    db.update(sessions)
      .set({ state: 'listed', listedAt: now, lastSeq, errorCode: null, reason: null })
      .where(eq(sessions.icn, claimed.icn))
      .run();
  }
  return true;
}

export function failSession(
  db: Db,
  claimed: ClaimedSession,
  outcome: Undelivered,
  dueAt: Instant | undefined,
): boolean {
  const changed = db
    .update(sessions)
    .set({
      errorCode: outcome.code,
      reason: outcome.reason,
      ...(dueAt === undefined ? { state: 'dead' as const } : { dueAt }),
    })
    .where(isStillHeld(claimed))
    .run();
  return changed.changes > 0;
}

function isStillHeld(claimed: ClaimedSession) {
  return and(eq(sessions.icn, claimed.icn), eq(sessions.attempts, claimed.attempt), isPending);
}

export function nextSessionDueAt(db: Db): Instant | undefined {
  return db
    .select({ dueAt: sessions.dueAt })
    .from(sessions)
    .where(isPending)
    .orderBy(asc(sessions.dueAt))
    .limit(1)
    .get()?.dueAt;
}

function failed(row: Row, error: string): SessionView {
  return { icn: row.icn, status: 'ERROR', syncComplete: true, listed: row.listed, error };
}

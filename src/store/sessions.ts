/** Create-session: which patients' history was asked for, and how far its listing has come. */
import { and, asc, eq, inArray, lte, sql } from 'drizzle-orm';
import type { Instant, Undelivered } from '../message.ts';
import { insertEntries } from './accept.ts';
import type { ClaimBounds } from './claim.ts';
import { holdPending, ohOrderKey, release } from './held.ts';
import type { Db } from './open.ts';
import { countListed } from './reconcile.ts';
import { sessions } from './schema-histories.ts';
import { noteSession } from './session-events.ts';
import type { ClaimedSession, HistoryWish, SessionProgress, SessionView } from './store.ts';

type Row = typeof sessions.$inferSelect;

const isPending = sql`state = 'pending'`;

export function requestSession(
  db: Db,
  icn: string,
  { namedOhPatientId, since, until, traceparent }: HistoryWish,
  now: Instant,
): SessionView {
  const row = findRow(db, icn);
  const asker = {
    // Not the one named before: it may be why the listing failed.
    namedOhPatientId: namedOhPatientId ?? null,
    traceparent: traceparent ?? null,
  };
  const asked = { since: since ?? null, until: until ?? null };
  if (!row) {
    db.insert(sessions)
      .values({ icn, ...asker, ...asked, requestedAt: now, dueAt: now })
      .run();
    noteSession(db, icn, { at: now, event: 'asked', detail: 'the patient is new' });
  } else if (row.state === 'dead' || !covers(row, asked)) {
    // Anew, the identity too: the patient may have been combined since. What is known stays once.
    if (row.state === 'pending' && row.ohPatientId) release(db, row.ohPatientId, now);
    db.update(sessions)
      .set({
        ...asker,
        since: row.since === null || since === undefined ? null : Math.min(row.since, since),
        until: row.until === null || until === undefined ? null : Math.max(row.until, until),
        state: 'pending',
        ohPatientId: null,
        listedUntil: null,
        listedAt: null,
        requestedAt: now,
        dueAt: now,
        // Whoever lists at this moment lists for the former request.
        attempts: row.attempts + 1,
        fruitlessAttempts: 0,
        errorCode: null,
        reason: null,
      })
      .where(eq(sessions.icn, icn))
      .run();
    const why = row.state === 'dead' ? 'it was given up' : 'a longer stretch';
    noteSession(db, icn, { at: now, event: 'asked', detail: `anew: ${why}` });
  }
  return findSession(db, icn);
}

/** Null is without end on its side. */
interface Stretch {
  since: Instant | null;
  until: Instant | null;
}

function covers(known: Stretch, asked: Stretch): boolean {
  const begins = known.since === null || (asked.since !== null && known.since <= asked.since);
  const ends = known.until === null || (asked.until !== null && known.until >= asked.until);
  return begins && ends;
}

function findRow(db: Db, icn: string): Row | undefined {
  return db.select().from(sessions).where(eq(sessions.icn, icn)).get();
}

export function findSession(db: Db, icn: string): SessionView {
  const row = findRow(db, icn);
  if (!row) return { icn, status: 'NOT_STARTED', syncComplete: true, listed: 0, delivered: 0 };
  const known = row.ohPatientId ? countListed(db, ohOrderKey(row.ohPatientId)) : {};
  const { SENT: delivered = 0, IN_PROGRESS: underWay = 0, FAILED = 0, INVALID = 0 } = known;
  const undelivered = FAILED + INVALID;
  const counts = { icn, listed: delivered + underWay + undelivered, delivered };
  const ended = { ...counts, syncComplete: true };
  if (row.state === 'dead') {
    return { ...ended, status: 'ERROR', error: `${row.errorCode}: ${row.reason}` };
  }
  if (row.state === 'pending' || underWay > 0) {
    return { ...counts, status: 'IN_PROGRESS', syncComplete: false };
  }
  if (undelivered === 0) return { ...ended, status: 'FINISHED' };
  const error = `${undelivered} of the patient's messages could not be delivered.`;
  return { ...ended, status: 'ERROR', error };
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
      ...(row.since === null ? {} : { since: row.since }),
      ...(row.until === null ? {} : { until: row.until }),
      ...(row.listedUntil === null ? {} : { listedUntil: row.listedUntil }),
      ...(row.traceparent === null ? {} : { traceparent: row.traceparent }),
    }));
}

/** What a step of a session put into the inbox. */
interface Advanced {
  accepted: number;
  duplicates: number;
}

/** Undefined: somebody else has the session by now. */
export function advanceSession(
  db: Db,
  claimed: ClaimedSession,
  progress: SessionProgress,
  { now, traceparent }: { now: Instant; traceparent?: string | undefined },
): Advanced | undefined {
  const { ohPatientId } = progress;
  const isFinished = progress.step === 'listed' && progress.finished;
  const moved = db
    .update(sessions)
    .set({
      ohPatientId,
      ...(progress.step === 'listed' ? { listedUntil: progress.listedUntil } : {}),
      ...(isFinished ? { state: 'listed' as const, listedAt: now } : {}),
      errorCode: null,
      reason: null,
      fruitlessAttempts: 0,
      dueAt: now,
    })
    .where(isStillHeld(claimed))
    .run();
  if (moved.changes === 0) return undefined;
  if (progress.step === 'identified') {
    holdPending(db, ohPatientId, now);
    const { combinedFrom } = progress;
    const from = combinedFrom ? `, into whom ${combinedFrom} was combined` : '';
    const detail = `OH patient ${ohPatientId}${from}`;
    noteSession(db, claimed.icn, { at: now, event: 'identified', detail });
    return { accepted: 0, duplicates: 0 };
  }
  const accepted = insertEntries(db, progress.entries, now, traceparent);
  const advanced = { accepted, duplicates: progress.entries.length - accepted };
  if (!isFinished) return advanced;
  release(db, ohPatientId, now);
  const { listed } = findSession(db, claimed.icn);
  noteSession(db, claimed.icn, { at: now, event: 'listed', detail: `${listed} messages` });
  return advanced;
}

export function failSession(
  db: Db,
  claimed: ClaimedSession,
  outcome: Undelivered,
  dueAt: Instant | undefined,
  now: Instant,
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
  if (changed.changes === 0) return false;
  if (dueAt === undefined && claimed.ohPatientId) release(db, claimed.ohPatientId, now);
  const event = dueAt === undefined ? 'given up' : 'retry';
  noteSession(db, claimed.icn, { at: now, event, detail: `${outcome.code}: ${outcome.reason}` });
  return true;
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

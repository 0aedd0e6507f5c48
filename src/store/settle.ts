/** Letting rows go again: handed over, delivered, put back for later, or dead. */
import { and, eq, isNull, ne, sql } from 'drizzle-orm';
import type { DeliveredIds, Instant, Outcome, Outgoing } from '../message.ts';
import { queueTables } from './claim.ts';
import { directoryChangedSince, UNMAPPED_POOL } from './directory.ts';
import { learn } from './links.ts';
import type { Db } from './open.ts';
import { attempts, events, inbox, outbox } from './schema.ts';
import type { Claimed, Note, Settlement } from './store.ts';

export function handOver(db: Db, claimed: Claimed, outgoing: Outgoing, now: Instant) {
  const ids = idsOf(outgoing);
  if (!finish(db, claimed, { state: 'done', outcome: 'delivered', ...ids }, now)) return 'lost';
  const inserted = db
    .insert(outbox)
    .values({
      id: claimed.id,
      direction: claimed.lane.direction,
      orderKey: claimed.orderKey,
      payload: JSON.stringify(outgoing),
      dueAt: now,
      acceptedAt: now,
      // Doubt about an inbox row comes from a restored backup: it may have been delivered since.
      ...(claimed.inDoubtSince === undefined ? {} : { inDoubtSince: claimed.inDoubtSince }),
      ...ids,
    })
    .onConflictDoNothing()
    .run();
  if (inserted.changes > 0) {
    endAttempt(db, claimed, { outcome: 'delivered' }, now);
    return 'queued';
  }
  markDuplicate(db, claimed, ids.ohMessageId, now);
  return 'duplicate';
}

export function settleDuplicate(
  db: Db,
  claimed: Claimed,
  ids: DeliveredIds,
  now: Instant,
): boolean {
  const { ohMessageId, mhvMessageId, mhvThreadId } = ids;
  const changes = withoutAbsent({ ohMessageId, mhvMessageId, mhvThreadId });
  if (!finish(db, claimed, { state: 'done', ...changes }, now)) return false;
  markDuplicate(db, claimed, ohMessageId, now);
  return true;
}

function markDuplicate(
  db: Db,
  claimed: Claimed,
  ohMessageId: string | undefined,
  now: Instant,
): void {
  const carrier = db
    .select({ id: inbox.id })
    .from(inbox)
    .where(
      and(
        eq(inbox.ohMessageId, ohMessageId ?? ''),
        ne(inbox.id, claimed.id),
        isNull(inbox.duplicateOf),
      ),
    )
    .orderBy(inbox.seq)
    .limit(1)
    .get();
  db.update(inbox)
    .set({ outcome: 'duplicate', duplicateOf: carrier?.id ?? null })
    .where(eq(inbox.id, claimed.id))
    .run();
  endAttempt(db, claimed, { outcome: 'duplicate' }, now);
}

export function settle(
  db: Db,
  claimed: Claimed,
  settlement: Settlement,
  notes: Note[],
  now: Instant,
): boolean {
  const { outcome } = settlement;
  const verdict = verdictOf(outcome);
  if (settlement.state === 'pending') {
    if (!putBack(db, claimed, settlement, verdict, now)) return false;
  } else {
    const ids = outcome.kind === 'delivered' ? outcome.ids : {};
    const known = withoutAbsent({
      ohMessageId: ids.ohMessageId,
      mhvMessageId: ids.mhvMessageId,
      mhvThreadId: ids.mhvThreadId,
    });
    if (!finish(db, claimed, { state: settlement.state, ...verdict, ...known }, now)) return false;
    if (outcome.kind === 'delivered') remember(db, claimed, outcome.ids, known, now);
  }
  endAttempt(
    db,
    claimed,
    { ...verdict, ...(outcome.kind === 'delivered' ? { found: outcome.found } : {}) },
    now,
  );
  insertNotes(db, claimed, notes);
  return true;
}

function insertNotes(db: Db, claimed: Claimed, notes: Note[]): void {
  if (notes.length === 0) return;
  const { id: messageId, attempt } = claimed;
  const { stage } = claimed.lane;
  db.insert(events)
    .values(notes.map((note) => ({ ...note, messageId, attempt, stage })))
    .run();
}

/** The ids go on the inbox row too, so that every search looks in one place. */
function remember(db: Db, claimed: Claimed, ids: DeliveredIds, known: Known, now: Instant): void {
  if (Object.keys(known).length > 0) {
    db.update(inbox).set(known).where(eq(inbox.id, claimed.id)).run();
  }
  const { ohMessageId } = ids;
  if (ohMessageId === undefined) return;
  const { direction } = claimed.lane;
  const ohPoolId = poolOf(claimed.payload);
  learn(db, [{ ...ids, ohMessageId, direction, ...(ohPoolId ? { ohPoolId } : {}) }], now);
}

function putBack(
  db: Db,
  claimed: Claimed,
  settlement: Extract<Settlement, { state: 'pending' }>,
  verdict: Verdict,
  now: Instant,
): boolean {
  const table = queueTables[claimed.lane.stage];
  const postponed = settlement.outcome.kind === 'postponed' ? 1 : 0;
  const doubt = settlement.outcome.kind === 'in-doubt' ? claimed.startedAt : null;
  const missedItsWake =
    verdict.errorCode === UNMAPPED_POOL && directoryChangedSince(db, claimed.startedAt);
  const changed = db
    .update(table)
    .set({
      dueAt: missedItsWake ? now : Math.max(settlement.dueAt, now),
      postponements: sql`${table.postponements} + ${postponed}`,
      inDoubtSince: sql`coalesce(${table.inDoubtSince}, ${doubt})`,
      ...verdict,
    })
    .where(isStillHeld(claimed))
    .run();
  return changed.changes > 0;
}

function finish(
  db: Db,
  claimed: Claimed,
  changes: Partial<typeof outbox.$inferInsert>,
  now: Instant,
) {
  const clean = { errorCode: null, reason: null, httpStatus: null };
  const changed = db
    .update(queueTables[claimed.lane.stage])
    .set({ ...clean, ...changes, settledAt: now })
    .where(isStillHeld(claimed))
    .run();
  return changed.changes > 0;
}

/** Settle once: whoever claimed the row since then has raised `attempts`. */
function isStillHeld(claimed: Claimed) {
  const table = queueTables[claimed.lane.stage];
  return and(
    eq(table.id, claimed.id),
    eq(table.attempts, claimed.attempt),
    eq(table.state, 'pending'),
  );
}

function endAttempt(
  db: Db,
  claimed: Claimed,
  changes: Partial<typeof attempts.$inferInsert>,
  at: Instant,
) {
  db.update(attempts)
    .set({ ...changes, endedAt: at })
    .where(
      and(
        eq(attempts.messageId, claimed.id),
        eq(attempts.stage, claimed.lane.stage),
        eq(attempts.number, claimed.attempt),
      ),
    )
    .run();
}

type Known = { ohMessageId?: string; mhvMessageId?: string; mhvThreadId?: string };

interface Verdict {
  outcome: Outcome['kind'];
  errorCode: string | null;
  reason: string | null;
  httpStatus: number | null;
}

function verdictOf(outcome: Outcome): Verdict {
  if (outcome.kind === 'delivered') {
    return { outcome: 'delivered', errorCode: null, reason: null, httpStatus: null };
  }
  const { kind, code, reason, httpStatus } = outcome;
  return { outcome: kind, errorCode: code, reason, httpStatus: httpStatus ?? null };
}

/** The ids that the translated message brings to light. */
function idsOf(outgoing: Outgoing) {
  if (outgoing.direction === 'oh-to-mhv') {
    return { icn: outgoing.icn, ohMessageId: outgoing.ohMessageId };
  }
  const { icn, ohPatientId, mhvMessageId } = outgoing;
  return { icn, ohPatientId, ...(mhvMessageId ? { mhvMessageId } : {}) };
}

function poolOf(payload: Claimed['payload']): string | undefined {
  if ('triageGroup' in payload) {
    const { sender, triageGroup } = payload;
    // A clinician who is a triage group of their own is no pool for the rest of the conversation.
    const isOwn = sender.type === 'PERSONNEL' && sender.ohId === triageGroup.ohPoolId;
    return isOwn ? undefined : triageGroup.ohPoolId;
  }
  return 'receivingPoolId' in payload ? payload.receivingPoolId : undefined;
}

function withoutAbsent(ids: { [K in keyof Known]: string | undefined }): Known {
  return Object.fromEntries(Object.entries(ids).filter(([, id]) => id !== undefined));
}

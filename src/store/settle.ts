/** Letting rows go again: handed over, delivered, put back for later, or dead. */
import { and, eq, isNull, ne, sql } from 'drizzle-orm';
import type { DeliveredIds, Instant, Outcome, Outgoing } from '../message.ts';
import { queueTables } from './claim.ts';
import { compiled } from './compiled.ts';
import { directoryChangedSince, UNMAPPED_POOL } from './directory.ts';
import { learn } from './links.ts';
import type { Db } from './open.ts';
import { events, inbox } from './schema.ts';
import { type Stored, sealed } from './seals.ts';
import type { Claimed, Note, Settlement } from './store.ts';

export function handOver(
  db: Db,
  claimed: Claimed,
  outgoing: Outgoing,
  { now, payload, traceparent }: { now: Instant; payload: Stored; traceparent: string | undefined },
) {
  const ids = idsOf(outgoing);
  const verdict = { ...NO_ERROR, outcome: 'delivered' as const };
  if (!finish(db, claimed, 'done', verdict, ids, now)) return 'lost';
  const inserted = insertOutgoing(db, claimed, payload, { ...ids, traceparent }, now);
  if (inserted) {
    endAttempt(db, claimed, verdict, now);
    return 'queued';
  }
  markDuplicate(db, claimed, ids.ohMessageId, now);
  return 'duplicate';
}

/** The translation as `handOver` takes it: made before the write lock is taken, for a message may have files. */
export function payloadOf(db: Db, { id }: Claimed, outgoing: Outgoing): Stored {
  return sealed(db, { column: 'outbox.payload', row: id }, JSON.stringify(outgoing));
}

/** False when a row of the outbox carries this OH message already. */
function insertOutgoing(
  db: Db,
  claimed: Claimed,
  payload: Stored,
  ids: RowIds & { traceparent: string | undefined },
  now: Instant,
): boolean {
  const { id, lane, orderKey, inDoubtSince = null } = claimed;
  const inserted = compiled<(Stored | number | null)[]>(
    db,
    `INSERT INTO outbox (id, direction, order_key, payload, due_at, accepted_at, in_doubt_since,
       icn, oh_patient_id, oh_message_id, mhv_message_id, traceparent)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
  ).run(
    id,
    lane.direction,
    orderKey,
    payload,
    now,
    now,
    // Doubt about an inbox row comes from a restored backup: it may have been delivered since.
    inDoubtSince,
    ids.icn ?? null,
    ids.ohPatientId ?? null,
    ids.ohMessageId ?? null,
    ids.mhvMessageId ?? null,
    ids.traceparent ?? null,
  );
  return inserted.changes > 0;
}

export function settleDuplicate(
  db: Db,
  claimed: Claimed,
  ids: DeliveredIds,
  now: Instant,
): boolean {
  const verdict = { ...NO_ERROR, outcome: 'duplicate' as const };
  if (!finish(db, claimed, 'done', verdict, ids, now)) return false;
  markDuplicate(db, claimed, ids.ohMessageId, now);
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
  endAttempt(db, claimed, { ...NO_ERROR, outcome: 'duplicate' }, now);
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
    if (!finish(db, claimed, settlement.state, verdict, ids, now)) return false;
    if (outcome.kind === 'delivered') remember(db, claimed, outcome.ids, now);
  }
  endAttempt(db, claimed, verdict, now);
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
function remember(db: Db, claimed: Claimed, ids: DeliveredIds, now: Instant): void {
  const columns = newColumns(claimed, ids);
  if (columns.length > 0 && claimed.lane.stage === 'outbox') {
    const assignments = columns.map(([column]) => `${column} = ?`).join(', ');
    compiled<string[]>(db, `UPDATE inbox SET ${assignments} WHERE id = ?`).run(
      ...columns.map(([, id]) => id),
      claimed.id,
    );
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
  const { found: _, ...told } = verdict;
  const changed = db
    .update(table)
    .set({
      dueAt: missedItsWake ? now : Math.max(settlement.dueAt, now),
      postponements: sql`${table.postponements} + ${postponed}`,
      inDoubtSince: sql`coalesce(${table.inDoubtSince}, ${doubt})`,
      ...told,
    })
    .where(isStillHeld(claimed))
    .run();
  return changed.changes > 0;
}

/** Ends the row, if it is still held by this attempt: whoever claimed it since then has raised `attempts`. */
function finish(
  db: Db,
  claimed: Claimed,
  state: 'done' | 'dead',
  { outcome, errorCode, reason, httpStatus }: Verdict,
  ids: RowIds,
  now: Instant,
): boolean {
  const columns = newColumns(claimed, ids);
  const assignments = columns.map(([column]) => `, ${column} = ?`).join('');
  const { changes } = compiled<(string | number | null)[]>(
    db,
    `UPDATE ${claimed.lane.stage}
     SET state = ?, outcome = ?, error_code = ?, reason = ?, http_status = ?, settled_at = ?${assignments}
     WHERE id = ? AND attempts = ? AND state = 'pending'`,
  ).run(
    state,
    outcome,
    errorCode,
    reason,
    httpStatus,
    now,
    ...columns.map(([, id]) => id),
    claimed.id,
    claimed.attempt,
  );
  return changes > 0;
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

function endAttempt(db: Db, claimed: Claimed, verdict: Verdict, at: Instant): void {
  const { outcome, errorCode, reason, httpStatus, found } = verdict;
  compiled<(string | number | null)[]>(
    db,
    `UPDATE attempts SET ended_at = ?, outcome = ?, error_code = ?, reason = ?, http_status = ?, found = ?
     WHERE message_id = ? AND stage = ? AND number = ?`,
  ).run(
    at,
    outcome,
    errorCode,
    reason,
    httpStatus,
    found === undefined ? null : Number(found),
    claimed.id,
    claimed.lane.stage,
    claimed.attempt,
  );
}

/** The ids of other systems that a queue row has a column for. */
type RowIds = Partial<Record<keyof typeof ID_COLUMNS, string | undefined>>;

const ID_COLUMNS = {
  icn: 'icn',
  ohPatientId: 'oh_patient_id',
  ohMessageId: 'oh_message_id',
  mhvMessageId: 'mhv_message_id',
  mhvThreadId: 'mhv_thread_id',
};

/**
 * The ids that the rows of a message do not have yet. Those of its payload that have an index they were
 * accepted or queued with, and writing one again would write the index again.
 */
function newColumns({ payload }: Claimed, ids: RowIds): [column: string, id: string][] {
  const { icn, ohMessageId, mhvMessageId }: RowIds = payload;
  const known: RowIds = { icn, ohMessageId, mhvMessageId };
  return (Object.keys(ID_COLUMNS) as (keyof typeof ID_COLUMNS)[]).flatMap((name) => {
    const id = ids[name];
    return id === undefined || id === known[name] ? [] : [[ID_COLUMNS[name], id]];
  });
}

interface Verdict {
  outcome: Outcome['kind'] | 'duplicate';
  errorCode: string | null;
  reason: string | null;
  httpStatus: number | null;
  /** Only of a delivery: whether the destination already had the message. */
  found?: boolean;
}

const NO_ERROR = { errorCode: null, reason: null, httpStatus: null };

function verdictOf(outcome: Outcome): Verdict {
  if (outcome.kind === 'delivered') {
    return { ...NO_ERROR, outcome: 'delivered', found: outcome.found };
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

/** Looking at messages: where each one is, and lists of them. */
import { and, asc, desc, eq, getTableColumns, gte, lt, lte, type SQL, sql } from 'drizzle-orm';
import { blockerOf } from './blocked.ts';
import { compiled } from './compiled.ts';
import { withError } from './find-errors.ts';
import { newest, type Place } from './find-newest.ts';
import { isHeldKey } from './held.ts';
import { firstIdAt } from './ids.ts';
import type { Db } from './open.ts';
import { attempts, events, inbox, outbox, type Stage } from './schema.ts';
import { SealError } from './seal.ts';
import { opened } from './seals.ts';
import type {
  AttemptView,
  EventView,
  MessageFilter,
  MessagePage,
  MessageSummary,
  MessageView,
} from './views.ts';

const STAGES: Stage[] = ['inbox', 'outbox'];

/** A duplicate is where the message that carries it is. */
export const carrier = sql`${outbox.id} = coalesce(${inbox.duplicateOf}, ${inbox.id})`;

// A payload can be as large as a request may be, and no list shows it.
const { payload: _received, ...inboxColumns } = getTableColumns(inbox);
const { payload: _translated, ...outboxColumns } = getTableColumns(outbox);

function select(db: Db) {
  return db
    .select({ inbox: inboxColumns, outbox: outboxColumns })
    .from(inbox)
    .leftJoin(outbox, carrier)
    .$dynamic();
}

export function find(db: Db, id: string): MessageView | undefined {
  const row = select(db).where(eq(inbox.id, id)).get();
  if (!row) return undefined;
  const made = db
    .select()
    .from(attempts)
    .where(eq(attempts.messageId, id))
    .orderBy(asc(attempts.stage), asc(attempts.number))
    .all();
  const happened = db
    .select()
    .from(events)
    .where(eq(events.messageId, id))
    .orderBy(events.seq)
    .all();
  return {
    ...toSummary(row),
    ...present({ blockedBy: blockerOfFound(db, row) }),
    ...(waitsForHistory(row) ? { waitsForHistory: true } : {}),
    attempts: made.map(toAttempt),
    events: happened.map((event) => toEvent(db, event)),
  };
}

export function list(
  db: Db,
  filter: MessageFilter,
  page: { cursor?: number; limit: number },
): MessagePage {
  const rows = rowsOf(db, filter, placeOf(db, page.cursor), page.limit + 1);
  const shown = rows.slice(0, page.limit);
  const last = shown.at(-1);
  return {
    messages: shown.map(toSummary),
    ...(rows.length > page.limit && last ? { next: last.inbox.seq } : {}),
  };
}

/** Of the row of the cursor; if that got another `seq`, of its neighbour. */
function placeOf(db: Db, cursor: number | undefined): Place | undefined {
  if (cursor === undefined) return undefined;
  const last = db
    .select({ acceptedAt: inbox.acceptedAt, id: inbox.id })
    .from(inbox)
    .where(lte(inbox.seq, cursor))
    .orderBy(desc(inbox.seq))
    .limit(1)
    .get();
  return last ?? { acceptedAt: 0, id: '' };
}

/** At most `limit` rows that match, newest first, those that come after `place`. */
function rowsOf(
  db: Db,
  filter: MessageFilter,
  place: Place | undefined,
  limit: number,
): FoundRow[] {
  if (isNamed(filter)) {
    const after =
      place && sql`(${inbox.acceptedAt}, ${inbox.id}) < (${place.acceptedAt}, ${place.id})`;
    return matching(db, filter, after, limit);
  }
  if (filter.errorCode !== undefined) {
    return rowsWithError(db, { ...filter, errorCode: filter.errorCode }, place, limit);
  }
  return matching(db, filter, sql`${inbox.id} IN (${newest(filter, place, limit)})`, limit);
}

/** So many are looked at in one go. */
const ERRORS_AT_ONCE = 500;
/** How far the ids of a busy instant may run into the next ones; the filter itself goes by the instant. */
const ID_MARGIN_MS = 1000;

function rowsWithError(
  db: Db,
  filter: MessageFilter & { errorCode: string },
  place: Place | undefined,
  limit: number,
): FoundRow[] {
  const { errorCode, status, direction, since, until } = filter;
  const from = since === undefined ? undefined : firstIdAt(since);
  const found: FoundRow[] = [];
  let before = place?.id ?? (until === undefined ? undefined : firstIdAt(until + ID_MARGIN_MS));
  while (found.length < limit) {
    const ids = db
      .all<{ id: string }>(
        withError({ errorCode, status, direction, from, before }, ERRORS_AT_ONCE),
      )
      .map(({ id }) => id);
    const isOneOf = sql`${inbox.id} IN (SELECT value FROM json_each(${JSON.stringify(ids)}))`;
    found.push(...matching(db, filter, isOneOf, limit - found.length));
    if (ids.length < ERRORS_AT_ONCE) break;
    before = ids.at(-1);
  }
  return found;
}

/** `which` leads to the rows, by an index; the filter decides among them. */
function matching(
  db: Db,
  filter: MessageFilter,
  which: SQL | undefined,
  limit: number,
): FoundRow[] {
  return select(db)
    .where(and(which, ...conditions(filter)))
    .orderBy(desc(inbox.acceptedAt), desc(inbox.id))
    .limit(limit)
    .all();
}

/** Rows of either stage that are not settled yet. */
export function countPending(db: Db): number {
  return STAGES.reduce((sum, stage) => sum + pendingOf(db, stage), 0);
}

/** The index holds only pending rows, and SQLite, which can't know how few they are, is told to take it. */
function pendingOf(db: Db, stage: Stage): number {
  const text = `SELECT count(*) AS rows FROM ${stage} INDEXED BY ${stage}_due WHERE state = 'pending'`;
  return compiled<[], { rows: number }>(db, text).get()?.rows ?? 0;
}

/** Few messages have one of these, and each has an index. */
function isNamed({ icn, ohMessageId, mhvMessageId }: MessageFilter): boolean {
  return (icn ?? ohMessageId ?? mhvMessageId) !== undefined;
}

/**
 * The same for a list and for a replay, so that what one shows the other takes. A plus keeps SQLite, which knows
 * nothing of how many rows have a value, from the index of a common one.
 */
export function conditions(filter: MessageFilter): (SQL | undefined)[] {
  return [
    filter.status && sql`+${inbox.status} = ${filter.status}`,
    filter.direction && sql`+${inbox.direction} = ${filter.direction}`,
    filter.icn && eq(inbox.icn, filter.icn),
    filter.ohMessageId && eq(inbox.ohMessageId, filter.ohMessageId),
    filter.mhvMessageId && eq(inbox.mhvMessageId, filter.mhvMessageId),
    filter.errorCode &&
      sql`coalesce(${outbox.errorCode}, ${inbox.errorCode}) = ${filter.errorCode}`,
    filter.since === undefined ? undefined : gte(sql`+${inbox.acceptedAt}`, filter.since),
    filter.until === undefined ? undefined : lt(sql`+${inbox.acceptedAt}`, filter.until),
  ].map((condition) => condition || undefined);
}

interface FoundRow {
  inbox: Omit<typeof inbox.$inferSelect, 'payload'>;
  outbox: Omit<typeof outbox.$inferSelect, 'payload'> | null;
}

function blockerOfFound(db: Db, { inbox: accepted, outbox: queued }: FoundRow): string | undefined {
  const latest = queued ?? accepted;
  if (!latest.blocked || isHeldKey(latest.orderKey)) return undefined;
  return blockerOf(db, queued ? 'outbox' : 'inbox', latest);
}

function waitsForHistory({ inbox: accepted, outbox: queued }: FoundRow): boolean {
  return queued === null && accepted.state === 'pending' && isHeldKey(accepted.orderKey);
}

function toSummary(row: FoundRow): MessageSummary {
  const latest = row.outbox ?? row.inbox;
  const { errorCode, reason, httpStatus } = latest;
  return {
    id: row.inbox.id,
    direction: row.inbox.direction,
    status: row.inbox.status,
    stage: row.outbox ? 'outbox' : 'inbox',
    ...present({
      icn: row.inbox.icn,
      ohPatientId: row.inbox.ohPatientId ?? row.outbox?.ohPatientId,
      ohMessageId: row.inbox.ohMessageId,
      mhvMessageId: row.inbox.mhvMessageId ?? row.outbox?.mhvMessageId,
      mhvThreadId: row.inbox.mhvThreadId ?? row.outbox?.mhvThreadId,
      settledAt: row.inbox.status === 'IN_PROGRESS' ? null : latest.settledAt,
      dueAt: latest.state === 'pending' ? latest.dueAt : null,
    }),
    acceptedAt: row.inbox.acceptedAt,
    ...(errorCode && reason
      ? { error: { code: errorCode, reason, ...present({ httpStatus }) } }
      : {}),
  };
}

function toAttempt(row: typeof attempts.$inferSelect): AttemptView {
  const { stage, number, startedAt, correlationId, ...rest } = row;
  const { endedAt, outcome, found, errorCode, reason, httpStatus } = rest;
  return {
    stage,
    number,
    startedAt,
    correlationId,
    ...present({ endedAt, outcome, found, errorCode, reason, httpStatus }),
  };
}

function toEvent(db: Db, row: typeof events.$inferSelect): EventView {
  const { at, stage, event, attempt, actor } = row;
  return { at, stage, event, ...present({ attempt, detail: detailOf(db, row), actor }) };
}

/** One that does not open says why. */
function detailOf(db: Db, { messageId, at, detail }: typeof events.$inferSelect): string | null {
  try {
    const place = { column: 'events.detail', row: `${messageId}/${at}` } as const;
    return detail === null ? null : opened(db, place, detail);
  } catch (error) {
    if (error instanceof SealError) return error.message;
    throw error;
  }
}

type Present<T> = { [K in keyof T]?: NonNullable<T[K]> };

/** The same object without what is null or undefined. */
function present<T extends object>(fields: T): Present<T> {
  const entries = Object.entries(fields).filter(
    ([, value]) => value !== null && value !== undefined,
  );
  return Object.fromEntries(entries) as Present<T>;
}

/** Looking at messages: where each one is, and lists of them. */
import { and, asc, desc, eq, getTableColumns, gte, lt, lte, type SQL, sql } from 'drizzle-orm';
import { blockerOf } from './blocked.ts';
import { compiled } from './compiled.ts';
import { candidates } from './find-candidates.ts';
import { isHeldKey } from './held.ts';
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

/**
 * The four words of MHV's delivery status. What a settled row came to says its outcome, not its state:
 * a dismissed row is done, and yet was never delivered.
 */
export const status = sql<MessageSummary['status']>`CASE
  WHEN ${inbox.state} = 'pending' THEN 'IN_PROGRESS'
  WHEN ${inbox.outcome} = 'rejected' THEN 'INVALID'
  WHEN ${inbox.outcome} NOT IN ('delivered', 'duplicate') THEN 'FAILED'
  WHEN ${outbox.state} = 'pending' THEN 'IN_PROGRESS'
  WHEN ${outbox.outcome} = 'rejected' THEN 'INVALID'
  WHEN ${outbox.outcome} <> 'delivered' THEN 'FAILED'
  ELSE 'SENT' END`;

// A payload can be as large as a request may be, and no list shows it.
const { payload: _received, ...inboxColumns } = getTableColumns(inbox);
const { payload: _translated, ...outboxColumns } = getTableColumns(outbox);

function select(db: Db) {
  return db
    .select({ inbox: inboxColumns, outbox: outboxColumns, status })
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
  const rows = select(db)
    .where(and(candidates(db, filter), ...conditions(filter), before(db, page.cursor)))
    .orderBy(desc(inbox.acceptedAt), desc(inbox.seq))
    .limit(page.limit + 1)
    .all();
  const shown = rows.slice(0, page.limit);
  const last = shown.at(-1);
  return {
    messages: shown.map(toSummary),
    ...(rows.length > page.limit && last ? { next: last.inbox.seq } : {}),
  };
}

/** What comes after the row of the cursor in the order of a list; if that got another `seq`, after its neighbour. */
function before(db: Db, cursor: number | undefined): SQL | undefined {
  if (cursor === undefined) return undefined;
  const last = db
    .select({ acceptedAt: inbox.acceptedAt })
    .from(inbox)
    .where(lte(inbox.seq, cursor))
    .orderBy(desc(inbox.seq))
    .limit(1)
    .get();
  return sql`(${inbox.acceptedAt}, ${inbox.seq}) < (${last?.acceptedAt ?? 0}, ${cursor})`;
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

/** The same for a list and for a replay, so that what one shows the other takes. */
export function conditions(filter: MessageFilter): (SQL | undefined)[] {
  const { icn, ohMessageId, mhvMessageId, errorCode } = filter;
  // SQLite knows nothing of how many rows have a value: a plus keeps it from the index of a common one.
  const isRare =
    (icn ?? ohMessageId ?? mhvMessageId ?? errorCode) !== undefined ||
    filter.status === 'FAILED' ||
    filter.status === 'INVALID';
  const acceptedAt = isRare ? sql`+${inbox.acceptedAt}` : sql`${inbox.acceptedAt}`;
  return [
    filter.status && sql`${status} = ${filter.status}`,
    filter.direction &&
      (isRare
        ? sql`+${inbox.direction} = ${filter.direction}`
        : eq(inbox.direction, filter.direction)),
    filter.icn && eq(inbox.icn, filter.icn),
    filter.ohMessageId && eq(inbox.ohMessageId, filter.ohMessageId),
    filter.mhvMessageId && eq(inbox.mhvMessageId, filter.mhvMessageId),
    filter.errorCode &&
      sql`coalesce(${outbox.errorCode}, ${inbox.errorCode}) = ${filter.errorCode}`,
    filter.since === undefined ? undefined : gte(acceptedAt, filter.since),
    filter.until === undefined ? undefined : lt(acceptedAt, filter.until),
  ].map((condition) => condition || undefined);
}

interface FoundRow {
  inbox: Omit<typeof inbox.$inferSelect, 'payload'>;
  outbox: Omit<typeof outbox.$inferSelect, 'payload'> | null;
  status: MessageSummary['status'];
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
    status: row.status,
    stage: row.outbox ? 'outbox' : 'inbox',
    ...present({
      icn: row.inbox.icn,
      ohPatientId: row.inbox.ohPatientId ?? row.outbox?.ohPatientId,
      ohMessageId: row.inbox.ohMessageId,
      mhvMessageId: row.inbox.mhvMessageId ?? row.outbox?.mhvMessageId,
      mhvThreadId: row.inbox.mhvThreadId ?? row.outbox?.mhvThreadId,
      settledAt: row.status === 'IN_PROGRESS' ? null : latest.settledAt,
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

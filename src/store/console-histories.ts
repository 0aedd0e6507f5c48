/** Patients whose history was asked for, as a list shows them, and how far it all has come. */
import { desc, eq, lt, type SQL, sql } from 'drizzle-orm';
import type { Instant } from '../message.ts';
import { type Tally, tally } from './console-standing.ts';
import { ohOrderKey } from './held.ts';
import type { Db } from './open.ts';
import { countListed } from './reconcile.ts';
import { sessions } from './schema-histories.ts';
import type { SessionView } from './store.ts';

/** One patient's history. */
export interface HistoryView {
  icn: string;
  /** `LISTED`: too long to say here what became of its messages. */
  status: SessionView['status'] | 'LISTED';
  requestedAt: Instant;
  listedAt?: Instant;
  /** The stretch that is asked for; absent: from the beginning, and until now. */
  since?: Instant;
  until?: Instant;
  /** While it is listed: everything before this was. */
  listedUntil?: Instant;
  /** When the next try is due, while it is listed. */
  dueAt?: Instant;
  /** OH messages that were listed so far, each entry once. */
  listed: number;
  delivered?: number;
  /** Refused for good, out of attempts, or dismissed. */
  undelivered?: number;
  error?: { code: string; reason: string };
}

/** Newest request first. */
export interface HistoryPage {
  histories: HistoryView[];
  /** Cursor of the next page; absent on the last. */
  next?: number;
}

/** All histories together. */
export interface HistoryTotals {
  patients: { asked: number; pending: Tally; dead: Tally };
  /** Messages that OH listed. */
  listed: number;
}

/** Messages of all patients of one page whose fate is looked up: some ten milliseconds. */
const MOST_LOOKED_UP = 1000;

export function listHistories(
  db: Db,
  which: { state?: 'pending' | 'dead'; icn?: string },
  { cursor, limit }: { cursor?: number; limit: number },
): HistoryPage {
  const place = sql<number>`${sessions}.rowid`;
  const conditions: SQL[] = [
    // The first half is the words of the index.
    ...(which.state ? [sql`state <> 'listed' AND state = ${which.state}`] : []),
    ...(which.icn ? [eq(sessions.icn, which.icn)] : []),
    ...(cursor === undefined ? [] : [lt(place, cursor)]),
  ];
  const rows = db
    .select({ place, session: sessions })
    .from(sessions)
    .where(conditions.length > 0 ? sql.join(conditions, sql` AND `) : undefined)
    .orderBy(desc(place))
    .limit(limit + 1)
    .all();
  const shown = rows.slice(0, limit);
  const last = shown.at(-1);
  let mayLookUp = MOST_LOOKED_UP;
  const histories = shown.map(({ session }) => {
    const listed = session.ohPatientId ? countOf(db, session.ohPatientId) : 0;
    const isShort = listed <= mayLookUp;
    if (isShort) mayLookUp -= listed;
    return toView(session, listed, isShort ? fatesOf(db, session) : undefined);
  });
  return { histories, ...(rows.length > limit && last ? { next: last.place } : {}) };
}

/** `listed` is counted by `countAllListed`, which takes as long as there are messages of histories. */
export function historyTotals(db: Db, listed: number): HistoryTotals {
  const patients = db.get<{ rows: number }>(sql`SELECT count(*) AS rows FROM sessions`);
  return {
    patients: {
      asked: patients?.rows ?? 0,
      pending: tally(db, sql`FROM sessions WHERE state <> 'listed' AND state = 'pending'`),
      dead: tally(db, sql`FROM sessions WHERE state <> 'listed' AND state = 'dead'`),
    },
    listed,
  };
}

/** Messages that OH listed, of all patients. */
export function countAllListed(db: Db): number {
  const row = db.get<{ rows: number }>(
    sql`SELECT count(*) AS rows FROM inbox WHERE source = 'history'`,
  );
  return row?.rows ?? 0;
}

type Session = typeof sessions.$inferSelect;
type Fates = ReturnType<typeof countListed>;

function countOf(db: Db, ohPatientId: string): number {
  const row = db.get<{ rows: number }>(sql`SELECT count(*) AS rows FROM inbox
    WHERE source = 'history' AND order_key = ${ohOrderKey(ohPatientId)}`);
  return row?.rows ?? 0;
}

function fatesOf(db: Db, { ohPatientId }: Session): Fates {
  return ohPatientId ? countListed(db, ohOrderKey(ohPatientId)) : {};
}

function toView(session: Session, listed: number, fates: Fates | undefined): HistoryView {
  const { icn, requestedAt, listedAt, since, until, listedUntil, errorCode, reason } = session;
  const isPending = session.state === 'pending';
  return {
    icn,
    requestedAt,
    status: statusOf(session, fates),
    listed,
    ...(fates
      ? {
          delivered: fates.SENT ?? 0,
          undelivered: (fates.FAILED ?? 0) + (fates.INVALID ?? 0),
        }
      : {}),
    ...(listedAt === null ? {} : { listedAt }),
    ...(since === null ? {} : { since }),
    ...(until === null ? {} : { until }),
    ...(isPending && listedUntil !== null ? { listedUntil } : {}),
    ...(isPending ? { dueAt: session.dueAt } : {}),
    ...(errorCode === null ? {} : { error: { code: errorCode, reason: reason ?? '' } }),
  };
}

function statusOf({ state }: Session, fates: Fates | undefined): HistoryView['status'] {
  if (state === 'dead') return 'ERROR';
  if (state === 'pending') return 'IN_PROGRESS';
  if (!fates) return 'LISTED';
  if (fates.IN_PROGRESS) return 'IN_PROGRESS';
  return fates.FAILED || fates.INVALID ? 'ERROR' : 'FINISHED';
}

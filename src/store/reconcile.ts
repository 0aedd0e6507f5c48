/** What OH has of a patient, or of an archive, against what became of it. */
import { and, count, eq, getTableColumns, inArray, type SQL, sql } from 'drizzle-orm';
import type { Status } from '../message.ts';
import { carrier } from './find.ts';
import { ohOrderKey } from './held.ts';
import type { Db } from './open.ts';
import { inbox, outbox } from './schema.ts';
import { sessions } from './schema-histories.ts';
import { links } from './schema-links.ts';
import type { Reconciled } from './store.ts';

/** Most ids that one statement asks for. */
const IDS_AT_ONCE = 500;

// Literal, so that the partial index of listed messages serves.
const isHistory = sql`${inbox.source} = 'history'`;

/** How many of a patient's listed messages there are of each status, each OH message once. */
export function countListed(db: Db, orderKey: string): Partial<Record<Status, number>> {
  const rows = db
    .select({ status: inbox.status, messages: count() })
    .from(inbox)
    .where(and(isHistory, eq(inbox.orderKey, orderKey)))
    .groupBy(sql`+${inbox.status}`)
    .all();
  return Object.fromEntries(rows.map((row) => [row.status, row.messages]));
}

/** What became of each message that OH listed of the patient. */
export function reconcileListed(db: Db, icn: string): Reconciled[] {
  const session = db.select().from(sessions).where(eq(sessions.icn, icn)).get();
  if (!session?.ohPatientId) return [];
  return reconcile(db, and(isHistory, eq(inbox.orderKey, ohOrderKey(session.ohPatientId))));
}

/** What became of each of these OH messages; one that was never accepted is left out. */
export function reconcileIds(db: Db, ohMessageIds: string[]): Reconciled[] {
  const found = new Map<string, Reconciled>();
  for (let start = 0; start < ohMessageIds.length; start += IDS_AT_ONCE) {
    const ids = ohMessageIds.slice(start, start + IDS_AT_ONCE);
    for (const one of reconcile(db, inArray(inbox.ohMessageId, ids))) {
      if (found.get(one.ohMessageId)?.status !== 'SENT') found.set(one.ohMessageId, one);
    }
  }
  return [...found.values()];
}

function reconcile(db: Db, which: SQL | undefined): Reconciled[] {
  const { id, ohMessageId } = getTableColumns(inbox);
  return db
    .select({
      id,
      ohMessageId,
      status: inbox.status,
      mhvMessageId: sql<string | null>`coalesce(${links.mhvMessageId}, ${inbox.mhvMessageId})`,
      isOurs: sql<number>`coalesce(${links.direction} = 'mhv-to-oh', 0)`,
      errorCode: sql<string | null>`coalesce(${outbox.errorCode}, ${inbox.errorCode})`,
      reason: sql<string | null>`coalesce(${outbox.reason}, ${inbox.reason})`,
    })
    .from(inbox)
    .leftJoin(outbox, carrier)
    .leftJoin(links, eq(links.ohMessageId, inbox.ohMessageId))
    .where(which)
    .orderBy(inbox.seq)
    .all()
    .map((row) => ({
      id: row.id,
      ohMessageId: row.ohMessageId ?? '',
      status: row.status,
      isOurs: row.isOurs === 1,
      ...(row.mhvMessageId ? { mhvMessageId: row.mhvMessageId } : {}),
      ...(row.errorCode ? { why: `${row.errorCode}: ${row.reason}` } : {}),
    }));
}

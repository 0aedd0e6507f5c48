/**
 * Which rows a list needs to look at, so that it takes as long as its page and not as long as the file: the
 * conditions of the filter still decide, these only narrow.
 */
import { inArray, type SQL, sql } from 'drizzle-orm';
import { compiled } from './compiled.ts';
import type { Db } from './open.ts';
import { inbox } from './schema.ts';
import type { MessageFilter } from './store.ts';

/** Pending rows up to which those of a list are sought out; with more of them, going through the newest meets them. */
const MAX_PENDING = 5000;

/** The rows that can match; undefined when the newest rows, or an index of the filter itself, will do. */
export function candidates(db: Db, { status, errorCode }: MessageFilter): SQL | undefined {
  if (errorCode !== undefined) {
    return withRowsOf(sql`error_code = ${errorCode}`, sql`error_code = ${errorCode}`);
  }
  // Literal, so that the partial indexes serve.
  if (status === 'FAILED' || status === 'INVALID') {
    return withRowsOf(
      sql`state <> 'pending' AND outcome NOT IN ('delivered', 'duplicate')`,
      sql`state <> 'pending' AND outcome <> 'delivered'`,
    );
  }
  if (status === 'IN_PROGRESS' && arePendingFew(db)) {
    return withRowsOf(sql`state = 'pending'`, sql`state = 'pending'`);
  }
  return undefined;
}

/** Rows of the inbox that are so themselves, or whose outbox row is, or that of the message they duplicate. */
function withRowsOf(inInbox: SQL, inOutbox: SQL): SQL {
  const queued = sql`SELECT id FROM outbox WHERE ${inOutbox}`;
  return inArray(
    inbox.seq,
    sql`(SELECT seq FROM inbox WHERE ${inInbox}
      UNION ALL SELECT seq FROM inbox WHERE id IN (${queued})
      UNION ALL SELECT seq FROM inbox WHERE duplicate_of IN (${queued}))`,
  );
}

function arePendingFew(db: Db): boolean {
  const row = compiled<[number, number], { pending: number }>(
    db,
    `SELECT (SELECT count(*) FROM (SELECT 1 FROM inbox WHERE state = 'pending' LIMIT ?))
      + (SELECT count(*) FROM (SELECT 1 FROM outbox WHERE state = 'pending' LIMIT ?)) AS pending`,
  ).get(MAX_PENDING, MAX_PENDING);
  return (row?.pending ?? 0) < MAX_PENDING;
}

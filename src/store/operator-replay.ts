/** Which messages match a filter, and can be replayed. */
import { and, asc, count, desc, gte, lt, type SQL, sql } from 'drizzle-orm';
import { conditions } from './find.ts';
import { firstIdAt } from './ids.ts';
import type { Db } from './open.ts';
import type { Replayable, ReplayFilter } from './operator.ts';
import { attempts, inbox, outbox } from './schema.ts';

/** The pool of a send in the clear, from before it had a column. A payload that is no JSON would end the query. */
export const POOL_IN_PAYLOAD = `iif(inbox.direction = 'mhv-to-oh' AND typeof(inbox.payload) = 'text'
    AND json_valid(inbox.payload),
    json_extract(inbox.payload, '$.receivingPoolId'), NULL)`;

const errorCode = sql<string>`coalesce(${outbox.errorCode}, ${inbox.errorCode}, 'none')`;

export function countReplayable(db: Db, filter: ReplayFilter): Replayable {
  const rows = db
    .select({ errorCode, messages: count() })
    .from(inbox)
    .leftJoin(outbox, sql`${outbox.id} = ${inbox.id}`)
    .where(matching(filter))
    .groupBy(errorCode)
    .orderBy(desc(count()))
    .all();
  return {
    matching: rows.reduce((sum, { messages }) => sum + messages, 0),
    byErrorCode: Object.fromEntries(rows.map((row) => [row.errorCode, row.messages])),
  };
}

/** Oldest first, so that one patient's messages keep their order. */
export function idsToReplay(db: Db, filter: ReplayFilter, limit: number): string[] {
  return db
    .select({ id: inbox.id })
    .from(inbox)
    .leftJoin(outbox, sql`${outbox.id} = ${inbox.id}`)
    .where(matching(filter))
    .orderBy(asc(inbox.seq))
    .limit(limit)
    .all()
    .map(({ id }) => id);
}

function matching(filter: ReplayFilter): SQL | undefined {
  const { httpStatusClass, receivingPoolId, since, until } = filter;
  return and(
    ofStatus(filter.status),
    ...conditions(filter),
    // Ids begin with the instant of acceptance, and have an index.
    since === undefined ? undefined : gte(inbox.id, firstIdAt(since)),
    until === undefined ? undefined : lt(inbox.id, firstIdAt(until)),
    httpStatusClass &&
      sql`coalesce(${outbox.httpStatus}, ${inbox.httpStatus}) / 100 = ${Number(httpStatusClass[0])}`,
    receivingPoolId === undefined ? undefined : isForPool(receivingPoolId),
    sql`coalesce(${inbox.outcome}, '') <> 'duplicate'`,
    sql`iif(${outbox.id} IS NULL, ${inbox.purgedAt}, ${outbox.purgedAt}) IS NULL`,
    sql`NOT EXISTS (SELECT 1 FROM ${attempts} WHERE ${attempts.messageId} = ${inbox.id}
      AND ${attempts.endedAt} IS NULL)`,
  );
}

/** The states are literal, so that the partial indexes of dead and of pending rows serve. */
function ofStatus(wanted: ReplayFilter['status']): SQL | undefined {
  if (wanted === 'SENT') {
    return and(sql`${outbox.state} = 'done'`, sql`${outbox.outcome} = 'delivered'`);
  }
  if (wanted === 'IN_PROGRESS') {
    return sql`${inbox.id} IN (SELECT id FROM inbox WHERE state = 'pending'
      UNION ALL SELECT id FROM outbox WHERE state = 'pending')`;
  }
  return sql`${inbox.id} IN (SELECT id FROM inbox WHERE state = 'dead'
    UNION ALL SELECT id FROM outbox WHERE state = 'dead')`;
}

function isForPool(poolId: string): SQL {
  return sql`coalesce(${inbox.receivingPoolId}, ${sql.raw(POOL_IN_PAYLOAD)}) = ${poolId}`;
}

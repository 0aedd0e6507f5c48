/**
 * The messages that met an error, however many did: both stages have an index of their errors in the order of
 * ids, which is that of a list, and with what else such a list asks for.
 */
import { type SQL, sql } from 'drizzle-orm';
import type { Direction, Status } from '../message.ts';

export interface ErrorFilter {
  errorCode: string;
  /** `GIVEN_UP`: FAILED or INVALID, and nobody has dismissed it. What was delivered has no error. */
  status?: Status | 'GIVEN_UP' | undefined;
  direction?: Direction | undefined;
  /** Ids from this on, and before that; absent: from the first, and to the last. */
  from?: string | undefined;
  before?: string | undefined;
}

/**
 * `SELECT id`, the greatest first, at most `limit`: of the messages that have the error in either stage, and of the
 * duplicates of those. They may be FAILED where INVALID is asked for, and vice versa.
 */
export function withError(filter: ErrorFilter, limit: number): SQL {
  const ofStage = (table: 'inbox' | 'outbox') =>
    greatest(sql`SELECT e.id FROM ${sql.raw(table)} AS e WHERE`, sql`e.id`, filter, limit);
  // A duplicate is where the message that carries it is.
  const duplicates = greatest(
    sql`SELECT d.id FROM outbox AS e JOIN inbox AS d ON d.duplicate_of = e.id WHERE`,
    sql`d.id`,
    filter,
    limit,
  );
  return sql`${ofStage('inbox')} UNION ${ofStage('outbox')} UNION ${duplicates}
    ORDER BY id DESC LIMIT ${limit}`;
}

function greatest(select: SQL, id: SQL, filter: ErrorFilter, limit: number): SQL {
  const { errorCode, status, direction, from, before } = filter;
  const conditions = [
    // Literal, so that the partial indexes serve.
    sql`e.error_code IS NOT NULL AND e.error_code = ${errorCode}`,
    ...(status === undefined ? [] : [inState(status)]),
    ...(direction === undefined ? [] : [sql`e.direction = ${direction}`]),
    ...(from === undefined ? [] : [sql`${id} >= ${from}`]),
    ...(before === undefined ? [] : [sql`${id} < ${before}`]),
  ];
  const rows = sql`${select} ${sql.join(conditions, sql` AND `)}`;
  return sql`SELECT id FROM (${rows} ORDER BY ${id} DESC LIMIT ${limit})`;
}

function inState(status: Status | 'GIVEN_UP'): SQL {
  if (status === 'IN_PROGRESS') return sql`e.state = 'pending'`;
  if (status === 'GIVEN_UP') return sql`e.state = 'dead'`;
  return status === 'SENT' ? sql`FALSE` : sql`e.state <> 'pending'`;
}

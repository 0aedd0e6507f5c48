/**
 * The newest messages of a status, a direction and a stretch of time, however many others are newer: each status
 * one way is a stretch of the index `inbox_status`, and SQLite merges the stretches as it reads them.
 */
import { type SQL, sql } from 'drizzle-orm';
import type { Direction, Instant, Status } from '../message.ts';

export interface Stretch {
  status?: Status | undefined;
  direction?: Direction | undefined;
  /** Accepted at or after. */
  since?: Instant | undefined;
  /** Accepted before. */
  until?: Instant | undefined;
}

/** A message in the order of a list. */
export interface Place {
  acceptedAt: Instant;
  id: string;
}

const STATUSES: Status[] = ['IN_PROGRESS', 'SENT', 'FAILED', 'INVALID'];
const DIRECTIONS: Direction[] = ['oh-to-mhv', 'mhv-to-oh'];

/** `SELECT id`, newest first: at most `limit` rows, those that come after `place`. */
export function newest(stretch: Stretch, place: Place | undefined, limit: number): SQL {
  const after = place
    ? sql` AND (accepted_at, id) < (${place.acceptedAt}, ${place.id})`
    : sql.empty();
  const arms = merged(stretch, (within) => sql`SELECT id, accepted_at ${within}${after}`);
  return sql`SELECT id FROM (${arms} ORDER BY accepted_at DESC, id DESC LIMIT ${limit})`;
}

/** `SELECT at, direction` of what was accepted in the stretch, newest first; reads the index alone. */
export function acceptedIn(stretch: Stretch): SQL {
  const arms = merged(stretch, (within) => sql`SELECT accepted_at AS at, direction ${within}`);
  return sql`${arms} ORDER BY at DESC`;
}

function merged(stretch: Stretch, arm: (within: SQL) => SQL): SQL {
  const { since, until } = stretch;
  const directions = stretch.direction ? [stretch.direction] : DIRECTIONS;
  const statuses = stretch.status ? [stretch.status] : STATUSES;
  const arms = directions.flatMap((direction) =>
    statuses.map((status) =>
      arm(sql`FROM inbox INDEXED BY inbox_status WHERE status = ${status} AND direction = ${direction}
        ${since === undefined ? sql.empty() : sql`AND accepted_at >= ${since}`}
        ${until === undefined ? sql.empty() : sql`AND accepted_at < ${until}`}`),
    ),
  );
  return sql.join(arms, sql` UNION ALL `);
}

/**
 * Messages that a person looks for. Unlike `list` it never reads more than some thousand rows at a time:
 * where a page is not full by then, it says how far back it has looked.
 */
import { type SQL, sql } from 'drizzle-orm';
import type { Direction, Instant, Status } from '../message.ts';
import { carrier } from './find.ts';
import { withError } from './find-errors.ts';
import { newest, type Place } from './find-newest.ts';
import { firstIdAt, instantOf } from './ids.ts';
import type { Db } from './open.ts';
import { inbox, outbox, type Stage } from './schema.ts';

/** What a person knows of a message. */
export interface SearchFilter {
  /** An id that names it: the exchange's, OH's or MHV's, or the patient's ICN. */
  named?: { by: 'id' | 'ohMessageId' | 'mhvMessageId' | 'icn'; value: string };
  /** `GIVEN_UP`: FAILED or INVALID, and nobody has dismissed it. */
  status?: Status | 'GIVEN_UP';
  direction?: Direction;
  errorCode?: string;
  /** Accepted at or after. */
  since?: Instant;
  /** Accepted before. */
  until?: Instant;
}

/** A message as a list shows it. */
export interface FoundMessage {
  id: string;
  direction: Direction;
  status: Status;
  stage: Stage;
  icn?: string;
  ohMessageId?: string;
  mhvMessageId?: string;
  acceptedAt: Instant;
  settledAt?: Instant;
  /** Of the present stage. */
  attempts: number;
  error?: { code: string; reason: string };
}

/** Newest first. */
export interface SearchPage {
  messages: FoundMessage[];
  /** Cursor of the next page; absent on the last. */
  next?: string;
  /** Set when the search stopped before it was through: everything accepted since then was looked at. */
  searchedTo?: Instant;
}

/** Rows that one page looks at: together some ten milliseconds. */
const MOST_LOOKED_AT = 3000;

/** `cursor` is the `next` of the page before. */
export function search(
  db: Db,
  filter: SearchFilter,
  { cursor, limit }: { cursor?: string; limit: number },
): SearchPage {
  const ids = sql`${candidates(db, filter, cursor, limit + 1)} ORDER BY id DESC LIMIT ${MOST_LOOKED_AT}`;
  const rows = db.all<Row>(sql`SELECT ${columns} FROM (${ids}) AS c
    JOIN ${inbox} ON ${inbox.id} = c.id LEFT JOIN ${outbox} ON ${carrier}
    ${remaining(filter)} ORDER BY c.id DESC LIMIT ${limit + 1}`);
  const shown = rows.slice(0, limit);
  const last = shown.at(-1);
  const messages = shown.map(toFound);
  if (rows.length > limit && last) return { messages, next: last.id };
  const end = db.get<{ rows: number; id: string }>(
    sql`SELECT count(*) AS rows, min(id) AS id FROM (${ids})`,
  );
  if (!end || end.rows < MOST_LOOKED_AT) return { messages };
  return { messages, next: end.id, searchedTo: instantOf(end.id) };
}

/** The index that names the fewest rows decides whose ids are looked at. */
function candidates(db: Db, filter: SearchFilter, cursor: string | undefined, limit: number): SQL {
  const { named, errorCode, status, direction, since, until } = filter;
  const within = sql.join(
    [
      sql`id >= ${firstIdAt(since ?? 0)}`,
      ...(until === undefined ? [] : [sql`id < ${firstIdAt(until)}`]),
      ...(cursor === undefined ? [] : [sql`id < ${cursor}`]),
    ],
    sql` AND `,
  );
  const either = (where: SQL) => sql`SELECT id FROM inbox WHERE ${where} AND ${within}
    UNION SELECT id FROM outbox WHERE ${where} AND ${within}`;
  if (named) return sql`SELECT id FROM inbox WHERE ${isNamed(named)} AND ${within}`;
  if (errorCode !== undefined) {
    const from = since === undefined ? undefined : firstIdAt(since);
    const before = cursor ?? (until === undefined ? undefined : firstIdAt(until));
    const ids = withError({ errorCode, status, direction, from, before }, MOST_LOOKED_AT);
    return sql`SELECT id FROM (${ids})`;
  }
  if (status === 'GIVEN_UP') {
    // Literal, so that the partial indexes serve.
    return either(sql`settled_at IS NOT NULL AND outcome NOT IN ('delivered', 'duplicate')`);
  }
  return newest({ status, direction, since, until }, placeOf(db, cursor), limit);
}

function placeOf(db: Db, cursor: string | undefined): Place | undefined {
  if (cursor === undefined) return undefined;
  const row = db.get<{ at: Instant }>(
    sql`SELECT accepted_at AS at FROM inbox WHERE id = ${cursor}`,
  );
  return { acceptedAt: row?.at ?? instantOf(cursor), id: cursor };
}

function isNamed({ by, value }: NonNullable<SearchFilter['named']>): SQL {
  switch (by) {
    case 'id':
      return sql`id = ${value}`;
    case 'ohMessageId':
      return sql`oh_message_id = ${value}`;
    case 'mhvMessageId':
      return sql`mhv_message_id = ${value}`;
    case 'icn':
      return sql`icn = ${value}`;
  }
}

function remaining(filter: SearchFilter): SQL {
  const conditions = [
    filter.status === 'GIVEN_UP'
      ? sql`(${inbox.state} = 'dead' OR ${outbox.state} = 'dead')`
      : filter.status && sql`+${inbox.status} = ${filter.status}`,
    filter.direction && sql`+${inbox.direction} = ${filter.direction}`,
    filter.errorCode &&
      sql`coalesce(${outbox.errorCode}, ${inbox.errorCode}) = ${filter.errorCode}`,
  ].filter((condition) => typeof condition === 'object');
  return conditions.length === 0 ? sql`` : sql`WHERE ${sql.join(conditions, sql` AND `)}`;
}

const columns = sql`${inbox.id} AS id, ${inbox.direction} AS direction, ${inbox.status} AS status,
  iif(${outbox.id} IS NULL, 'inbox', 'outbox') AS stage,
  coalesce(${inbox.icn}, ${outbox.icn}) AS icn,
  coalesce(${inbox.ohMessageId}, ${outbox.ohMessageId}) AS ohMessageId,
  coalesce(${inbox.mhvMessageId}, ${outbox.mhvMessageId}) AS mhvMessageId,
  ${inbox.acceptedAt} AS acceptedAt,
  iif(${outbox.id} IS NULL, ${inbox.settledAt}, ${outbox.settledAt}) AS settledAt,
  coalesce(${outbox.attempts}, ${inbox.attempts}) AS attempts,
  coalesce(${outbox.errorCode}, ${inbox.errorCode}) AS code,
  coalesce(${outbox.reason}, ${inbox.reason}) AS reason`;

interface Row {
  id: string;
  direction: Direction;
  status: Status;
  stage: Stage;
  icn: string | null;
  ohMessageId: string | null;
  mhvMessageId: string | null;
  acceptedAt: Instant;
  settledAt: Instant | null;
  attempts: number;
  code: string | null;
  reason: string | null;
}

function toFound(row: Row): FoundMessage {
  const { icn, ohMessageId, mhvMessageId, settledAt, code, reason, ...same } = row;
  return {
    ...same,
    ...(icn === null ? {} : { icn }),
    ...(ohMessageId === null ? {} : { ohMessageId }),
    ...(mhvMessageId === null ? {} : { mhvMessageId }),
    ...(settledAt === null ? {} : { settledAt }),
    ...(code === null ? {} : { error: { code, reason: reason ?? '' } }),
  };
}

/**
 * Messages that a person looks for. Unlike `list` it never reads more than some thousand rows at a time:
 * where a page is not full by then, it says how far back it has looked.
 */
import { type SQL, sql } from 'drizzle-orm';
import type { Direction, Instant, Status } from '../message.ts';
import { tally } from './console-standing.ts';
import { carrier, status } from './find.ts';
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
  const ids = sql`${candidates(db, filter, cursor)} ORDER BY id DESC LIMIT ${MOST_LOOKED_AT}`;
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
function candidates(db: Db, filter: SearchFilter, cursor: string | undefined): SQL {
  const { named, errorCode, since, until } = filter;
  const within = sql.join(
    [
      // Ids are UUIDv7: they begin with the instant of acceptance.
      sql`id >= ${firstIdAt(since ?? 0)}`,
      ...(until === undefined ? [] : [sql`id < ${firstIdAt(until)}`]),
      ...(cursor === undefined ? [] : [sql`id < ${cursor}`]),
    ],
    sql` AND `,
  );
  const either = (where: SQL) => sql`SELECT id FROM inbox WHERE ${where} AND ${within}
    UNION SELECT id FROM outbox WHERE ${where} AND ${within}`;
  const all = sql`SELECT id FROM inbox WHERE ${within}`;
  if (named) return sql`SELECT id FROM inbox WHERE ${isNamed(named)} AND ${within}`;
  if (errorCode !== undefined) {
    return either(sql`error_code IS NOT NULL AND error_code = ${errorCode}`);
  }
  // Literal, so that the partial indexes serve.
  if (['FAILED', 'INVALID', 'GIVEN_UP'].includes(filter.status ?? '')) {
    return either(sql`settled_at IS NOT NULL AND outcome NOT IN ('delivered', 'duplicate')`);
  }
  if (filter.status === 'IN_PROGRESS' && isBacklogShort(db)) {
    // The bound within keeps SQLite from walking all ids in order to find the few.
    const pending = (table: string) => sql`SELECT id FROM (SELECT id FROM ${sql.raw(table)}
      WHERE state = 'pending' LIMIT ${MOST_LOOKED_AT}) WHERE ${within}`;
    return sql`${pending('inbox')} UNION ${pending('outbox')}`;
  }
  return all;
}

/** A long backlog would have to be sorted; then the newest messages are nearly all in it. */
function isBacklogShort(db: Db): boolean {
  return [inbox, outbox].every(
    (table) => !tally(db, sql`FROM ${table} WHERE state = 'pending'`, MOST_LOOKED_AT).isMore,
  );
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
      : filter.status && sql`${status} = ${filter.status}`,
    filter.direction && sql`${inbox.direction} = ${filter.direction}`,
    filter.errorCode &&
      sql`coalesce(${outbox.errorCode}, ${inbox.errorCode}) = ${filter.errorCode}`,
  ].filter((condition) => typeof condition === 'object');
  return conditions.length === 0 ? sql`` : sql`WHERE ${sql.join(conditions, sql` AND `)}`;
}

const columns = sql`${inbox.id} AS id, ${inbox.direction} AS direction, ${status} AS status,
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

/** The smallest UUIDv7 of an instant (RFC 9562 §5.7). */
function firstIdAt(at: Instant): string {
  const hex = Math.max(at, 0).toString(16).padStart(12, '0');
  return `${hex.slice(0, 8)}-${hex.slice(8)}`;
}

function instantOf(id: string): Instant {
  return Number.parseInt(id.replace('-', '').slice(0, 12), 16);
}

/** How it stands with the file at this moment. Every count has a bound, so that a look never takes long. */
import { statSync } from 'node:fs';
import { eq, type SQL, sql } from 'drizzle-orm';
import type { Direction, Instant } from '../message.ts';
import { queueTables } from './claim.ts';
import type { Connection, Db } from './open.ts';
import { pollerLock, type Stage } from './schema.ts';
import type { Lane } from './store.ts';
import { freeDiskBytes, WAL_MAX_BYTES, walBytes } from './upkeep-disk.ts';

/** How many there are, or that there are more than anybody counted. */
export interface Tally {
  count: number;
  /** True: there are more than `count`. */
  isMore: boolean;
}

interface LaneStanding {
  lane: Lane;
  pending: Tally;
  dead: Tally;
  /** When the one that has waited longest came into this stage; absent when none waits. */
  oldestAt?: Instant;
}

/** The file at one moment. */
export interface Standing {
  lanes: LaneStanding[];
  /** Deliveries that may have arrived; their destination is asked before they are sent again. */
  inDoubt: Record<Direction, Tally>;
  /** Messages whose pool is not in the directory. */
  unmapped: Tally;
  /** Documents that nobody has taken in again. */
  quarantined: Tally;
  /** Patients whose history is being listed, or could not be. */
  histories: { pending: Tally; dead: Tally };
  /** Of what waits one way in either stage, how many have waited how long; see `AGES_MS`. */
  ages: Record<Direction, number[]>;
  /** What stands in the way of messages that wait or were given up, the most frequent first. */
  errors: { code: string; direction: Direction; messages: Tally }[];
  /** Who polls the file, and when they last said so. */
  poller?: { owner: string; heartbeatAt: Instant };
  databaseBytes: number;
  walBytes: number;
  walMaxBytes: number;
  /** Left on the disk for this process. */
  freeDiskBytes: number;
}

/** Where the bars of `ages` end: under a minute, ten minutes, an hour, a day, and longer. */
const AGES_MS = [60_000, 600_000, 3_600_000, 86_400_000, Number.POSITIVE_INFINITY];

/** A pool that is not in the directory, and what waits for it. */
export interface WaitingPool {
  /** As the reason names it; absent where the message names no pool. */
  ohPoolId?: string;
  reason: string;
  messages: number;
  oldestAt: Instant;
}

const STAGES: Stage[] = ['inbox', 'outbox'];
const DIRECTIONS: Direction[] = ['oh-to-mhv', 'mhv-to-oh'];
const MOST_COUNTED = 100_000;
/** Of what must be looked at row by row. */
const MOST_LOOKED_AT = 5000;
const MOST_DEAD = 1000;
const MOST_OF_AN_ERROR = 300;
const MOST_ERRORS = 10;

export function standing({ db, sqlite }: Connection, now: Instant): Standing {
  const lock = db.select().from(pollerLock).where(eq(pollerLock.id, 1)).get();
  return {
    lanes: STAGES.flatMap((stage) => DIRECTIONS.map((direction) => ofLane(db, stage, direction))),
    inDoubt: { 'oh-to-mhv': inDoubt(db, 'oh-to-mhv'), 'mhv-to-oh': inDoubt(db, 'mhv-to-oh') },
    unmapped: tally(
      db,
      // Told to: it takes the index of errors otherwise, and reads each row for its state.
      sql`FROM inbox INDEXED BY inbox_unmapped
        WHERE state = 'pending' AND error_code = 'directory:unmapped-pool'`,
    ),
    quarantined: tally(
      db,
      sql`FROM quarantine WHERE purged_at IS NULL AND replayed_at IS NULL`,
      MOST_LOOKED_AT,
    ),
    histories: {
      pending: tally(db, sql`FROM sessions WHERE state <> 'listed' AND state = 'pending'`),
      dead: tally(db, sql`FROM sessions WHERE state <> 'listed' AND state = 'dead'`),
    },
    ages: { 'oh-to-mhv': ages(db, 'oh-to-mhv', now), 'mhv-to-oh': ages(db, 'mhv-to-oh', now) },
    errors: errors(db),
    ...(lock ? { poller: { owner: lock.owner, heartbeatAt: lock.heartbeatAt } } : {}),
    databaseBytes: statSync(sqlite.name, { throwIfNoEntry: false })?.size ?? 0,
    walBytes: walBytes(sqlite),
    walMaxBytes: WAL_MAX_BYTES,
    freeDiskBytes: freeDiskBytes(sqlite.name),
  };
}

function ofLane(db: Db, stage: Stage, direction: Direction): LaneStanding {
  const table = queueTables[stage];
  // The states are literal, so that the partial indexes serve.
  const pending = sql`FROM ${table} WHERE state = 'pending' AND direction = ${direction}`;
  const dead = sql`FROM ${table} WHERE state = 'dead' AND direction = ${direction}`;
  const oldest = db.get<{ at: Instant | null }>(sql`SELECT min(accepted_at) AS at ${pending}`);
  return {
    lane: { stage, direction },
    pending: tally(db, pending),
    dead: tally(db, dead, MOST_DEAD),
    ...(oldest?.at ? { oldestAt: oldest.at } : {}),
  };
}

function inDoubt(db: Db, direction: Direction): Tally {
  return tally(
    db,
    sql`FROM outbox WHERE state = 'pending' AND in_doubt_since IS NOT NULL
      AND direction = ${direction}`,
    MOST_LOOKED_AT,
  );
}

/** Counts what `from` selects, and stops at `most`. */
export function tally(db: Db, from: SQL, most = MOST_COUNTED): Tally {
  const row = db.get<{ rows: number }>(
    sql`SELECT count(*) AS rows FROM (SELECT 1 ${from} LIMIT ${most + 1})`,
  );
  const rows = row?.rows ?? 0;
  return { count: Math.min(rows, most), isMore: rows > most };
}

/** Of a long backlog only the first some thousand rows are looked at. */
function ages(db: Db, direction: Direction, now: Instant): number[] {
  const of = (
    stage: Stage,
  ) => sql`SELECT i.accepted_at AS at FROM (SELECT id FROM ${queueTables[stage]}
    WHERE state = 'pending' AND direction = ${direction} LIMIT ${MOST_LOOKED_AT}) AS q
    JOIN inbox AS i ON i.id = q.id`;
  const rows = db.all<{ at: Instant }>(sql`${of('inbox')} UNION ALL ${of('outbox')}`);
  const bars = AGES_MS.map(() => 0);
  for (const { at } of rows) {
    const bar = AGES_MS.findIndex((endMs) => now - at < endMs);
    bars[bar] = (bars[bar] ?? 0) + 1;
  }
  return bars;
}

/** Each code that a row has, found by leaping through the index from one to the next. */
function errors(db: Db): Standing['errors'] {
  const found = STAGES.flatMap((stage) => {
    const table = queueTables[stage];
    const codes = db.all<{ code: string }>(sql`WITH RECURSIVE codes(code) AS (
      SELECT min(error_code) FROM ${table} WHERE error_code IS NOT NULL
      UNION ALL SELECT (SELECT min(error_code) FROM ${table} WHERE error_code > code AND error_code IS NOT NULL)
      FROM codes WHERE code IS NOT NULL)
      SELECT code FROM codes WHERE code IS NOT NULL LIMIT 50`);
    return codes.flatMap(({ code }) => {
      const rows = db.all<{
        direction: Direction;
        count: number;
        looked: number;
      }>(sql`SELECT direction,
        count(*) FILTER (WHERE state <> 'done') AS count, sum(count(*)) OVER () AS looked
        FROM (SELECT state, direction FROM ${table} WHERE error_code IS NOT NULL
          AND error_code = ${code} ORDER BY id DESC LIMIT ${MOST_OF_AN_ERROR})
        GROUP BY direction`);
      return rows.map(({ direction, count, looked }) => ({
        code,
        direction,
        messages: { count, isMore: looked === MOST_OF_AN_ERROR },
      }));
    });
  });
  return found
    .filter(({ messages }) => messages.count > 0)
    .toSorted((a, b) => b.messages.count - a.messages.count)
    .slice(0, MOST_ERRORS);
}

/** The pools that messages wait for, of the first some thousand that do. */
export function waitingPools(db: Db): WaitingPool[] {
  return db
    .all<{ reason: string; messages: number; oldestAt: Instant }>(
      sql`SELECT reason, count(*) AS messages, min(accepted_at) AS oldestAt FROM (
        SELECT reason, accepted_at FROM inbox INDEXED BY inbox_unmapped
        WHERE state = 'pending' AND error_code = 'directory:unmapped-pool' LIMIT ${MOST_LOOKED_AT})
        GROUP BY reason ORDER BY 3`,
    )
    .map((row) => {
      const ohPoolId = /^Pool (\d+) /.exec(row.reason)?.[1];
      return { ...row, ...(ohPoolId === undefined ? {} : { ohPoolId }) };
    });
}

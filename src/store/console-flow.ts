/**
 * How many messages were accepted, delivered and given up in each minute of the last day. A minute that is
 * over is counted once and remembered, so that a look at a busy file costs as little as at an idle one.
 */
import { sql } from 'drizzle-orm';
import type { Direction, Instant } from '../message.ts';
import { acceptedIn } from './find-newest.ts';
import type { Db } from './open.ts';

/** What happened one way in a stretch of time. */
export interface FlowBucket {
  /** When the stretch begins. */
  at: Instant;
  accepted: number;
  delivered: number;
  /** Given up: refused for good, or out of attempts. */
  failed: number;
}

/** Oldest first; the last of each is not over yet. */
export interface Flow {
  /** The last 60 minutes. */
  minutes: Record<Direction, FlowBucket[]>;
  /** The last 24 hours. */
  hours: Record<Direction, FlowBucket[]>;
  /** Hours that begin before this are not counted in full yet; the next looks go on. */
  countedSince: Instant;
}

type Kind = Exclude<keyof FlowBucket, 'at'>;
type Counts = Record<Direction, Record<Kind, number>>;

const MINUTE_MS = 60_000;
const HOUR_MINUTES = 60;
const DAY_HOURS = 24;
/** A commit may come a little after the instant it writes down; so may a clock that is set back. */
const FINAL_AFTER_MINUTES = 2;
/** Index entries that one statement reads: some milliseconds. */
const ENTRIES_PER_SLICE = 10_000;
const SLICES_PER_READ = 5;

export class FlowCounter {
  readonly #db: Db;
  /** By minute since the epoch. */
  readonly #minutes = new Map<number, Counts>();

  constructor(db: Db) {
    this.#db = db;
  }

  /** Counts what is missing, the newest first, some slices of it at a time. */
  async read(now: Instant): Promise<Flow> {
    const present = Math.floor(now / MINUTE_MS);
    const firstHour = Math.floor(present / HOUR_MINUTES) - DAY_HOURS + 1;
    const first = firstHour * HOUR_MINUTES;
    this.#forget((minute) => minute < first || minute > present - FINAL_AFTER_MINUTES);
    for (let slice = 0; slice < SLICES_PER_READ; slice += 1) {
      const gap = this.#newestGap(first, present);
      if (!gap) break;
      this.#count(gap);
      // Whoever is to be acknowledged goes in between.
      await Bun.sleep(0);
    }
    const gap = this.#newestGap(first, present);
    const hours = Array.from({ length: DAY_HOURS }, (_, index) => firstHour + index);
    const lastHour = Array.from({ length: HOUR_MINUTES }, (_, index) => present - 59 + index);
    return {
      minutes: this.#buckets(lastHour, 1),
      hours: this.#buckets(hours, HOUR_MINUTES),
      countedSince: (gap ? gap.end : first) * MINUTE_MS,
    };
  }

  #buckets(starts: number[], lengthMinutes: number): Record<Direction, FlowBucket[]> {
    const of = (direction: Direction) =>
      starts.map((start) => {
        const bucket = { at: start * lengthMinutes * MINUTE_MS, ...none() };
        for (let minute = 0; minute < lengthMinutes; minute += 1) {
          const counts = this.#minutes.get(start * lengthMinutes + minute)?.[direction] ?? none();
          bucket.accepted += counts.accepted;
          bucket.delivered += counts.delivered;
          bucket.failed += counts.failed;
        }
        return bucket;
      });
    return { 'oh-to-mhv': of('oh-to-mhv'), 'mhv-to-oh': of('mhv-to-oh') };
  }

  /** The minutes from `start` to before `end` that nobody has counted, up to the newest such. */
  #newestGap(first: number, present: number): { start: number; end: number } | undefined {
    let last = present;
    while (last >= first && this.#minutes.has(last)) last -= 1;
    if (last < first) return undefined;
    let start = last;
    while (start > first && !this.#minutes.has(start - 1)) start -= 1;
    return { start, end: last + 1 };
  }

  #count({ start, end }: { start: number; end: number }): void {
    const counted: [Kind, Counted][] = statements.map(([kind, statement]) => [
      kind,
      count(this.#db, statement, start, end),
    ]);
    const from = Math.max(...counted.map(([, { since }]) => since));
    for (let minute = from; minute < end; minute += 1) {
      this.#minutes.set(minute, { 'oh-to-mhv': none(), 'mhv-to-oh': none() });
    }
    for (const [kind, { rows }] of counted) {
      for (const { minute, direction, messages } of rows) {
        const counts = this.#minutes.get(minute);
        if (counts && minute >= from) counts[direction][kind] += messages;
      }
    }
  }

  #forget(isToForget: (minute: number) => boolean): void {
    for (const minute of this.#minutes.keys()) {
      if (isToForget(minute)) this.#minutes.delete(minute);
    }
  }
}

interface Counted {
  /** The first minute that was counted whole. */
  since: number;
  rows: { minute: number; direction: Direction; messages: number }[];
}

type Statement = (from: Instant, to: Instant) => ReturnType<typeof sql>;

/** Each reads an index of its own, which has all it asks for; the words must be those of the index. */
const statements: [Kind, Statement][] = [
  ['accepted', (since, until) => acceptedIn({ since, until })],
  [
    'delivered',
    (from, to) => sql`SELECT settled_at AS at, direction FROM outbox INDEXED BY outbox_delivered_at
      WHERE settled_at IS NOT NULL AND outcome = 'delivered'
      AND settled_at >= ${from} AND settled_at < ${to} ORDER BY settled_at DESC`,
  ],
  ...(['inbox', 'outbox'] as const).map((table): [Kind, Statement] => [
    'failed',
    (from, to) => sql`SELECT settled_at AS at, direction
      FROM ${sql.raw(table)} INDEXED BY ${sql.raw(`${table}_failed_at`)}
      WHERE settled_at IS NOT NULL AND outcome NOT IN ('delivered', 'duplicate')
      AND settled_at >= ${from} AND settled_at < ${to} ORDER BY settled_at DESC`,
  ]),
];

function count(db: Db, statement: Statement, start: number, end: number): Counted {
  const to = end * MINUTE_MS;
  const bounded = sql`${statement(start * MINUTE_MS, to)} LIMIT ${ENTRIES_PER_SLICE}`;
  const rows = grouped(db, bounded);
  if (total(rows) < ENTRIES_PER_SLICE) return { since: start, rows };
  const oldest = Math.min(...rows.map(({ minute }) => minute));
  if (oldest < end - 1) return { since: oldest + 1, rows };
  // The newest minute alone has more than a slice.
  return { since: oldest, rows: grouped(db, statement(oldest * MINUTE_MS, to)) };
}

function grouped(db: Db, entries: ReturnType<typeof sql>): Counted['rows'] {
  return db.all(sql`SELECT at / ${sql.raw(String(MINUTE_MS))} AS minute, direction,
    count(*) AS messages FROM (${entries}) GROUP BY 1, 2`);
}

function total(rows: Counted['rows']): number {
  return rows.reduce((sum, { messages }) => sum + messages, 0);
}

function none(): Record<Kind, number> {
  return { accepted: 0, delivered: 0, failed: 0 };
}

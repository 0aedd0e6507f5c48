/** What waits in each lane of the queue, counted for the person on call. */
import type { Database } from 'better-sqlite3';
import type { Direction, Instant } from '../message.ts';
import type { Stage } from './schema.ts';

/** One stage of one direction. */
export interface LaneFacts {
  stage: Stage;
  direction: Direction;
  pending: number;
  /** Of the pending ones: they wait for an earlier message of the same patient. */
  blocked: number;
  /** Of the blocked ones: they wait until the patient's history is listed. */
  held: number;
  /** Of the pending ones: nobody knows yet whether the last send arrived. */
  inDoubt: number;
  /** They wait for a person. */
  dead: number;
  /** When the oldest pending one was accepted. */
  oldestAt?: Instant;
}

/** Messages at the head of their patient's line that have failed and are old, by what they fail of. */
export interface StuckHeads {
  stage: Stage;
  direction: Direction;
  errorCode: string;
  messages: number;
  oldestAt: Instant;
  /** Messages that wait behind them. */
  behind: number;
  /** The exchange's own id of the oldest. */
  oldestId: string;
}

const LANES: { stage: Stage; direction: Direction }[] = [
  { stage: 'inbox', direction: 'oh-to-mhv' },
  { stage: 'outbox', direction: 'oh-to-mhv' },
  { stage: 'inbox', direction: 'mhv-to-oh' },
  { stage: 'outbox', direction: 'mhv-to-oh' },
];

export function laneFacts(sqlite: Database): LaneFacts[] {
  return LANES.map(({ stage, direction }) => {
    const pending = sqlite
      .prepare(
        `SELECT count(*) AS pending, coalesce(sum(blocked), 0) AS blocked,
           coalesce(sum(order_key GLOB 'held:*'), 0) AS held,
           count(in_doubt_since) AS inDoubt, min(accepted_at) AS oldestAt
         FROM ${stage} WHERE state = 'pending' AND direction = ?`,
      )
      .get(direction) as Omit<LaneFacts, 'oldestAt'> & { oldestAt: number | null };
    const dead = sqlite
      .prepare(`SELECT count(*) FROM ${stage} WHERE state = 'dead' AND direction = ?`)
      .pluck()
      .get(direction);
    const { oldestAt, ...counted } = pending;
    return {
      ...counted,
      stage,
      direction,
      dead: Number(dead),
      ...(oldestAt === null ? {} : { oldestAt }),
    };
  });
}

/** Worst first; only heads that were accepted before `before`. */
export function stuckHeads(sqlite: Database, before: Instant): StuckHeads[] {
  return LANES.flatMap(({ stage, direction }) => {
    const rows = sqlite
      .prepare(
        `SELECT error_code AS errorCode, count(*) AS messages, min(accepted_at) AS oldestAt,
           sum((SELECT count(*) FROM ${stage} b
             WHERE b.state = 'pending' AND b.order_key = h.order_key AND b.seq > h.seq)) AS behind,
           id AS oldestId
         FROM ${stage} h
         WHERE state = 'pending' AND direction = ? AND blocked = 0 AND error_code IS NOT NULL
           AND accepted_at < ?
         GROUP BY error_code`,
      )
      .all(direction, before) as Omit<StuckHeads, 'stage' | 'direction'>[];
    return rows.map((row) => ({ ...row, stage, direction }));
  }).toSorted((a, b) => b.messages + b.behind - (a.messages + a.behind));
}

/** What must not go on waiting: for a process that has died, or for a time of day that a clock set back took away. */
import { type SQL, sql } from 'drizzle-orm';
import type { Instant } from '../message.ts';
import type { Db } from './open.ts';

/**
 * Ends the leases of a holder that has died: nobody will settle what it had in hand. What it was
 * translating is due at once, and so are histories that were being listed, for those only read. What it
 * was delivering is due after `answerWithinMs`: a request that left before the end may still be on its
 * way, and its destination must not be asked before that one has been stored. Within a transaction.
 */
export function endLeases(db: Db, answerWithinMs: number, now: Instant): void {
  db.run(sql`UPDATE inbox SET due_at = ${now} WHERE ${waits(now)} AND ${isInHand('inbox')}`);
  const answeredAt = now + answerWithinMs;
  db.run(
    sql`UPDATE outbox SET due_at = ${answeredAt} WHERE ${waits(answeredAt)} AND ${isInHand('outbox')}`,
  );
  db.run(sql`UPDATE sessions SET due_at = ${now} WHERE ${waits(now)}`);
}

/** Moves what waits by as much as the clock was set back. Within a transaction. */
export function bringForward(db: Db, byMs: number, now: Instant): void {
  const moved = sql`due_at = max(${now}, due_at - ${byMs})`;
  for (const table of ['inbox', 'outbox', 'sessions']) {
    db.run(sql`UPDATE ${sql.identifier(table)} SET ${moved} WHERE ${waits(now)}`);
  }
}

function waits(now: Instant): SQL {
  return sql`state = 'pending' AND due_at > ${now}`;
}

function isInHand(stage: 'inbox' | 'outbox'): SQL {
  const row = sql.identifier(stage);
  return sql`EXISTS (SELECT 1 FROM attempts WHERE message_id = ${row}.id AND stage = ${stage}
    AND number = ${row}.attempts AND ended_at IS NULL)`;
}

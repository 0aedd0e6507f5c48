/** Which row holds up which: what a dead row does to its order key, and whom a blocked row waits for. */
import { and, asc, eq, lt, type SQL, sql } from 'drizzle-orm';
import { queueTables } from './claim.ts';
import type { Db } from './open.ts';
import { type OnDead, type Stage, settings } from './schema.ts';

/**
 * Says in the file what a dead row does to later rows of its order key. Triggers block and free rows
 * by it; where it changes they look at every pending row once.
 */
export function configureOnDead(db: Db, onDead: OnDead): void {
  db.update(settings).set({ value: onDead }).where(eq(settings.name, 'on_dead')).run();
}

/** Id of the message that a blocked row waits for: a dead one while those hold, else the first of its key. */
export function blockerOf(
  db: Db,
  stage: Stage,
  row: { orderKey: string; seq: number },
): string | undefined {
  const holder = holdsBehindDead(db) ? firstBefore(db, stage, row, sql`state = 'dead'`) : undefined;
  return holder ?? firstBefore(db, stage, row, sql`state = 'pending'`);
}

function holdsBehindDead(db: Db): boolean {
  const row = db.select().from(settings).where(eq(settings.name, 'on_dead')).get();
  return row?.value === 'hold';
}

/** `inState` is literal SQL, so that the partial index of that state serves. */
function firstBefore(
  db: Db,
  stage: Stage,
  { orderKey, seq }: { orderKey: string; seq: number },
  inState: SQL,
): string | undefined {
  const table = queueTables[stage];
  return db
    .select({ id: table.id })
    .from(table)
    .where(and(inState, eq(table.orderKey, orderKey), lt(table.seq, seq)))
    .orderBy(asc(table.seq))
    .limit(1)
    .get()?.id;
}

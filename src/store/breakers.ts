/** Breakers that are not closed, so that whoever reads the file sees what holds a lane up. */
import { and, eq } from 'drizzle-orm';
import type { Instant } from '../message.ts';
import type { Db } from './open.ts';
import { breakers } from './schema-destinations.ts';
import type { Lane } from './store.ts';

/** A breaker that lets nothing through, or only a probe. */
export interface OpenBreaker {
  state: 'open' | 'half-open';
  /** Until then nothing is claimed: the end of the wait, or of the probe's lease. */
  until: Instant;
  /** Of the failure that opened it. */
  code: string;
}

/** Without `breaker` it is closed. */
export function noteBreaker(
  db: Db,
  { direction, stage }: Lane,
  breaker: OpenBreaker | undefined,
): void {
  db.delete(breakers)
    .where(and(eq(breakers.direction, direction), eq(breakers.stage, stage)))
    .run();
  if (breaker)
    db.insert(breakers)
      .values({ direction, stage, ...breaker })
      .run();
}

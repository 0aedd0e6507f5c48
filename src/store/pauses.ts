/** Destinations that an operator has paused. */
import { eq } from 'drizzle-orm';
import type { Direction, Instant } from '../message.ts';
import { record } from './audit.ts';
import { compiled } from './compiled.ts';
import type { Db } from './open.ts';
import { pauses } from './schema-destinations.ts';
import type { Pause } from './store.ts';

export function listPauses(db: Db): Pause[] {
  return compiled<[], Pause>(
    db,
    'SELECT destination, paused_at AS pausedAt, actor FROM pauses',
  ).all();
}

/** Pausing what is paused changes nothing: who paused it first is who must be asked. */
export function pause(db: Db, destination: Direction, actor: string, now: Instant): void {
  db.insert(pauses).values({ destination, actor, pausedAt: now }).onConflictDoNothing().run();
  record(db, { actor, action: 'destination.pause', object: objectOf(destination) }, now);
}

export function resume(db: Db, destination: Direction, actor: string, now: Instant): void {
  db.delete(pauses).where(eq(pauses.destination, destination)).run();
  record(db, { actor, action: 'destination.resume', object: objectOf(destination) }, now);
}

function objectOf(destination: Direction) {
  return { kind: 'destination', id: destination };
}

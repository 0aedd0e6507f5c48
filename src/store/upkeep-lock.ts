/** Who may poll the file: one process at a time, for as long as it renews its heartbeat. */
import { readlinkSync } from 'node:fs';
import { hostname } from 'node:os';
import { eq } from 'drizzle-orm';
import type { Instant } from '../message.ts';
import type { Db } from './open.ts';
import { pollerLock } from './schema.ts';

/** What came of asking for the lock. */
export type LockState =
  | { held: true; heartbeatAt: Instant }
  | { held: false; holder: string; heartbeatAt: Instant };

/** A lock whose heartbeat is this old is free. */
export const LOCK_EXPIRY_MS = 10_000;

/**
 * A name for one opening of the file: `host:pid:random`. The host comes with its process namespace,
 * since two containers may have one host name and the same process ids.
 */
export function ownerName(): string {
  return `${hostName()}:${process.pid}:${crypto.randomUUID().slice(0, 8)}`;
}

function hostName(): string {
  try {
    return `${hostname()}/${readlinkSync('/proc/self/ns/pid').replaceAll(/\D/g, '')}`;
  } catch {
    return hostname();
  }
}

/** Takes the lock if it is free or ours already, and renews its heartbeat. Within a transaction. */
export function takeLock(db: Db, owner: string, now: Instant): LockState {
  const row = db.select().from(pollerLock).get();
  if (row && row.owner !== owner && !isFree(row, now)) {
    return { held: false, holder: row.owner, heartbeatAt: row.heartbeatAt };
  }
  const lock = { owner, heartbeatAt: now };
  db.insert(pollerLock)
    .values({ id: 1, ...lock })
    .onConflictDoUpdate({ target: pollerLock.id, set: lock })
    .run();
  return { held: true, heartbeatAt: now };
}

/** Gives the lock back, unless somebody else has it by now. */
export function releaseLock(db: Db, owner: string): void {
  db.delete(pollerLock).where(eq(pollerLock.owner, owner)).run();
}

/** Who polls the file at this moment, if anybody does. */
export function lockHolder(db: Db, now: Instant): string | undefined {
  const row = db.select().from(pollerLock).get();
  return row && !isFree(row, now) ? row.owner : undefined;
}

function isFree(row: { owner: string; heartbeatAt: Instant }, now: Instant): boolean {
  // A heartbeat far in the future is that of a clock that was set back since.
  return Math.abs(now - row.heartbeatAt) >= LOCK_EXPIRY_MS || isDeadHere(row.owner);
}

/** True only when the owner's process was on this very host and is no more. */
function isDeadHere(owner: string): boolean {
  const [, host, pid] = /^(.*):(\d+):[^:]*$/.exec(owner) ?? [];
  if (host !== hostName()) return false;
  try {
    process.kill(Number(pid), 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH';
  }
}

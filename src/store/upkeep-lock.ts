/** Who may poll the file: one process at a time, for as long as it renews its heartbeat. */
import { readlinkSync } from 'node:fs';
import { hostname } from 'node:os';
import { eq } from 'drizzle-orm';
import type { Instant } from '../message.ts';
import type { Db } from './open.ts';
import { pollerLock } from './schema.ts';
import { bringForward, endLeases } from './upkeep-takeover.ts';

/** What came of asking for the lock. */
export type LockState =
  | {
      held: true;
      heartbeatAt: Instant;
      /** The owner that had died with the lock, when it was taken from one. */
      takenFrom?: string;
      /** How far the clock has been set back since the latest heartbeat, when it was. */
      setBackMs?: number;
    }
  | { held: false; holder: string; heartbeatAt: Instant };

/** A lock whose heartbeat is this old is free. */
export const LOCK_EXPIRY_MS = 10_000;
/** Clocks are slewed by less than this between two heartbeats; what goes back further was set back. */
const SET_BACK_MS = 1000;

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

/**
 * Takes the lock if it is free or ours already, and renews its heartbeat. What a dead owner had in hand
 * comes again, its deliveries after `answerWithinMs`; what waits for a time that a clock set back took
 * away waits no longer than it did. Within a transaction.
 */
export function takeLock(db: Db, owner: string, answerWithinMs: number, now: Instant): LockState {
  const row = db.select().from(pollerLock).get();
  if (row && row.owner !== owner && !isFree(row, now)) {
    return { held: false, holder: row.owner, heartbeatAt: row.heartbeatAt };
  }
  const setBackMs = row === undefined ? 0 : row.heartbeatAt - now;
  const isSetBack = setBackMs > SET_BACK_MS;
  if (isSetBack) bringForward(db, setBackMs, now);
  const isFromTheDead = row !== undefined && row.owner !== owner && isDeadHere(row.owner);
  if (isFromTheDead) endLeases(db, answerWithinMs, now);
  const lock = { owner, heartbeatAt: now };
  db.insert(pollerLock)
    .values({ id: 1, ...lock })
    .onConflictDoUpdate({ target: pollerLock.id, set: lock })
    .run();
  return {
    held: true,
    heartbeatAt: now,
    ...(isFromTheDead ? { takenFrom: row.owner } : {}),
    ...(isSetBack ? { setBackMs } : {}),
  };
}

/** Gives the lock back, unless somebody else has it by now. */
export function releaseLock(db: Db, owner: string): void {
  db.delete(pollerLock).where(eq(pollerLock.owner, owner)).run();
}

/** Who polls the file at this moment, if anybody does. */
export function lockHolder(db: Db, now: Instant): string | undefined {
  const row = lockRow(db, now);
  return row?.state === 'alive' ? row.owner : undefined;
}

/** Whoever has the lock, or had it and did not give it back. */
export interface LockHolder {
  owner: string;
  heartbeatAt: Instant;
  /** `dead`: its process was on this host and is no more. `silent`: not heard of for ten seconds. */
  state: 'alive' | 'silent' | 'dead';
}

export function lockRow(db: Db, now: Instant): LockHolder | undefined {
  const row = db.select().from(pollerLock).get();
  if (!row) return undefined;
  const { owner, heartbeatAt } = row;
  const state = isFree(row, now) ? 'silent' : 'alive';
  return { owner, heartbeatAt, state: isDeadHere(owner) ? 'dead' : state };
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

/** Keeps two processes from polling one file: the second waits until the first is gone. */
import type { Logger } from 'pino';
import { bugOf } from '../errors.ts';
import type { Instant } from '../message.ts';
import { LOCK_EXPIRY_MS, type LockState, type UpkeepStore } from '../store/upkeep.ts';
import { repeat } from './repeat.ts';

export interface PollerLockOptions {
  store: Pick<UpkeepStore, 'owner' | 'takeLock' | 'releaseLock'>;
  /** How long a destination may take to answer: so long after an owner's death nobody delivers what it had in hand. */
  answerWithinMs: number;
  now: () => Instant;
  log: Logger;
  /** How often the heartbeat is renewed; 2000 unless told. */
  renewEveryMs?: number;
  /** How often a lock that somebody else has is asked for; 1000 unless told. */
  tryEveryMs?: number;
}

export interface PollerLock {
  /** Tries for the lock at once and from then on; calls back each time it was taken. */
  start(onTaken: () => void): void;
  /** False from the moment in which another process could take the lock, if this one slept. */
  isHeld(): boolean;
  /** Gives the lock back. To be called when nothing is in hand any more. */
  stop(): Promise<void>;
}

const RENEW_EVERY_MS = 2000;
const TRY_EVERY_MS = 1000;
/** Our own claim to the lock ends well before others may take it. */
const HOLD_MS = LOCK_EXPIRY_MS * 0.8;

/** Makes the keeper of the lock of one opening of the file; it is not asked for yet. */
export function createPollerLock(options: PollerLockOptions): PollerLock {
  const { store, now, log } = options;
  const { renewEveryMs = RENEW_EVERY_MS, tryEveryMs = TRY_EVERY_MS } = options;
  let state: LockState | undefined;
  let onTaken: (() => void) | undefined;

  const isHeld = () => state?.held === true && Math.abs(now() - state.heartbeatAt) < HOLD_MS;

  async function turn(): Promise<number> {
    const before = { state, isHeld: isHeld() };
    try {
      state = await store.takeLock(options.answerWithinMs);
    } catch (error) {
      log.error({ event: 'lock', state: 'unknown', ...bugOf(error) });
      return tryEveryMs;
    }
    if (state.held && state.setBackMs !== undefined) {
      log.warn({ event: 'clock', setBackMs: state.setBackMs });
    }
    if (state.held && isHeld() && !before.isHeld) {
      const { takenFrom } = state;
      log.info({ event: 'lock', state: 'taken', owner: store.owner, takenFrom });
      onTaken?.();
    }
    if (!state.held && holderOf(before.state) !== state.holder) {
      const { holder, heartbeatAt } = state;
      const what = before.state?.held ? 'lost' : 'waiting';
      log.warn({ event: 'lock', state: what, holder, heartbeatAgeMs: now() - heartbeatAt });
    }
    return state.held ? renewEveryMs : tryEveryMs;
  }

  const turns = repeat(turn);
  return {
    start(callback) {
      onTaken = callback;
      turns.start();
    },
    isHeld,
    async stop() {
      await turns.stop();
      const wasTaken = state?.held === true;
      state = undefined;
      if (!wasTaken) return;
      try {
        await store.releaseLock();
      } catch (error) {
        // It expires by itself.
        log.error({ event: 'lock', state: 'unknown', ...bugOf(error) });
      }
    },
  };
}

function holderOf(state: LockState | undefined): string | undefined {
  return state && !state.held ? state.holder : undefined;
}

/** Histories of patients: asked for, listed window by window, and each message reconciled at the end. */
import type { Instant, Undelivered } from '../message.ts';
import type { ClaimBounds } from './claim.ts';
import type { Write } from './group-commit.ts';
import type {
  ClaimedSession,
  HistoryWish,
  Reconciled,
  SessionEvent,
  SessionProgress,
  SessionView,
} from './histories.ts';
import type { Db } from './open.ts';
import { reconcileIds, reconcileListed } from './reconcile.ts';
import { listSessionEvents } from './session-events.ts';
import {
  advanceSession,
  claimSessions,
  failSession,
  findSession,
  nextSessionDueAt,
  requestSession,
} from './sessions.ts';
import type { Accepted, Lane } from './store.ts';

export interface SessionStore {
  /**
   * Asks for a patient's history, once. One whose listing failed starts anew, and so does one that was
   * asked for a shorter stretch before. Throws ExchangeError `unavailable` when the disk is full.
   */
  request(icn: string, wish?: HistoryWish): Promise<SessionView>;
  find(icn: string): Promise<SessionView>;
  claim(limit: number): Promise<ClaimedSession[]>;
  /**
   * In one commit: has what the feed announces of the patient wait, or accepts a window of listed
   * messages, moves the cursor and after the last lets go what waited. False: somebody else has it.
   */
  advance(
    claimed: ClaimedSession,
    progress: SessionProgress,
    traceparent?: string,
  ): Promise<boolean>;
  fail(claimed: ClaimedSession, outcome: Undelivered, dueAt?: Instant): Promise<boolean>;
  nextDueAt(): Promise<Instant | undefined>;
  /** What became of each message that OH listed of the patient, or of each of these that was accepted. */
  reconcile(of: { icn: string } | { ohMessageIds: string[] }): Promise<Reconciled[]>;
  /** What happened to a patient's history, oldest first; the latest 50. */
  events(icn: string): Promise<SessionEvent[]>;
}

interface Shared {
  db: Db;
  write: Write;
  now: () => Instant;
  bounds: ClaimBounds;
  announce: (due: Lane | 'sessions') => void;
  onAccepted: (accepted: Accepted) => void;
  refuseWhenDiskIsFull: () => void;
}

/** The sessions on the SQLite file. */
export class SqliteSessions implements SessionStore {
  readonly #shared: Shared;

  constructor(shared: Shared) {
    this.#shared = shared;
  }

  async request(icn: string, wish: HistoryWish = {}) {
    const { db, write, now, announce, refuseWhenDiskIsFull } = this.#shared;
    refuseWhenDiskIsFull();
    const view = await write(() => requestSession(db, icn, wish, now()));
    announce('sessions');
    return view;
  }

  async find(icn: string) {
    return findSession(this.#shared.db, icn);
  }

  claim(limit: number) {
    const { db, write, now, bounds } = this.#shared;
    return write(() => claimSessions(db, bounds, limit, now()));
  }

  async advance(claimed: ClaimedSession, progress: SessionProgress, traceparent?: string) {
    const { db, write, now, announce, onAccepted } = this.#shared;
    const advanced = await write(() =>
      advanceSession(db, claimed, progress, { now: now(), traceparent }),
    );
    announce({ stage: 'inbox', direction: 'oh-to-mhv' });
    announce('sessions');
    if (advanced) onAccepted({ source: 'history', ...advanced });
    return advanced !== undefined;
  }

  async fail(claimed: ClaimedSession, outcome: Undelivered, dueAt?: Instant) {
    const { db, write, now, announce } = this.#shared;
    const held = await write(() => failSession(db, claimed, outcome, dueAt, now()));
    announce({ stage: 'inbox', direction: 'oh-to-mhv' });
    return held;
  }

  async nextDueAt() {
    return nextSessionDueAt(this.#shared.db);
  }

  async reconcile(of: { icn: string } | { ohMessageIds: string[] }) {
    const { db } = this.#shared;
    return 'icn' in of ? reconcileListed(db, of.icn) : reconcileIds(db, of.ohMessageIds);
  }

  async events(icn: string) {
    return listSessionEvents(this.#shared.db, icn);
  }
}

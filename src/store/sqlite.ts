/** The store on one SQLite file: runs each verb in its transaction and says what became due. */
import { ExchangeError } from '../errors.ts';
import type { DeliveredIds, Direction, Instant, Outgoing, Send, Undelivered } from '../message.ts';
import { insertEntries, insertQuarantined, insertSend, insertTombstones } from './accept.ts';
import { type ClaimBounds, claim, nextDueAt } from './claim.ts';
import { countPending, counts, find, list } from './find.ts';
import { groupCommit, type Write } from './group-commit.ts';
import { learn, linkOf, linksOfReferences } from './links.ts';
import { type Connection, type Db, open } from './open.ts';
import { listPauses, pause, resume } from './pauses.ts';
import {
  advanceSession,
  claimSessions,
  failSession,
  findSession,
  nextSessionDueAt,
  requestSession,
} from './sessions.ts';
import { handOver, settle, settleDuplicate } from './settle.ts';
import type {
  Claimed,
  ClaimedSession,
  Idempotency,
  Lane,
  Link,
  MessageFilter,
  Note,
  PushedDocument,
  QuarantinedDocument,
  SessionProgress,
  Settlement,
  Store,
  Upload,
} from './store.ts';

import { rememberUpload, uploadsOf } from './uploads.ts';

export interface StoreOptions extends ClaimBounds {
  path: string;
  now: () => Instant;
  /** How many writes may share a commit; 512 unless told. 1 is for comparison. */
  worksPerCommit?: number;
  /** Pending rows above which nothing more is accepted. */
  maxBacklog?: number;
}

/** The backlog is counted at most this often: the count takes as long as the backlog is large. */
const COUNT_EVERY_MS = 1000;
const RETRY_AFTER_S = 5;

/** Opens the file at `path`, or makes it. Throws when it can't be opened, migrated or made durable. */
export function openStore(options: StoreOptions): Store {
  return new SqliteStore(open(options.path), options);
}

class SqliteStore implements Store {
  readonly #connection: Connection;
  readonly #db: Db;
  readonly #write: Write;
  readonly #bounds: ClaimBounds;
  readonly #now: () => Instant;
  readonly #maxBacklog: number;
  #backlog = { rows: 0, countedAt: Number.NEGATIVE_INFINITY };
  readonly #listeners: ((due: Lane | 'sessions') => void)[] = [];

  constructor(connection: Connection, options: StoreOptions) {
    this.#connection = connection;
    this.#db = connection.db;
    this.#write = groupCommit(connection.sqlite, options.worksPerCommit);
    this.#bounds = options;
    this.#now = options.now;
    this.#maxBacklog = options.maxBacklog ?? Number.POSITIVE_INFINITY;
  }

  async acceptDocument({ entries, tombstones = [], quarantine }: PushedDocument) {
    this.#refuseWhenFull();
    const accepted = await this.#write(() => {
      if (quarantine) insertQuarantined(this.#db, quarantine, this.#now());
      insertTombstones(this.#db, tombstones, this.#now());
      return insertEntries(this.#db, entries, this.#now());
    });
    if (accepted > 0) this.#announce({ stage: 'inbox', direction: 'oh-to-mhv' });
    return { accepted, duplicates: entries.length - accepted };
  }

  async acceptSend(send: Send, idempotency?: Idempotency) {
    this.#refuseWhenFull();
    const result = await this.#write(() => insertSend(this.#db, send, idempotency, this.#now()));
    if (!result.repeated) this.#announce({ stage: 'inbox', direction: 'mhv-to-oh' });
    return result;
  }

  quarantine(document: QuarantinedDocument) {
    return this.#write(() => insertQuarantined(this.#db, document, this.#now()));
  }

  claim(lane: Lane, limit: number) {
    return this.#write(() => claim(this.#db, this.#bounds, lane, limit, this.#now()));
  }

  async handOver(claimed: Claimed, outgoing: Outgoing) {
    const result = await this.#write(() => handOver(this.#db, claimed, outgoing, this.#now()));
    if (result === 'queued') {
      this.#announce({ stage: 'outbox', direction: claimed.lane.direction });
    }
    this.#announce(claimed.lane);
    return result;
  }

  async settleDuplicate(claimed: Claimed, ids: DeliveredIds) {
    const held = await this.#write(() => settleDuplicate(this.#db, claimed, ids, this.#now()));
    this.#announce(claimed.lane);
    return held;
  }

  async settle(claimed: Claimed, settlement: Settlement, notes: Note[] = []) {
    const held = await this.#write(() => settle(this.#db, claimed, settlement, notes, this.#now()));
    // The next message of the same patient may go now.
    this.#announce(claimed.lane);
    return held;
  }

  async uploadsOf(messageId: string) {
    return uploadsOf(this.#db, messageId);
  }

  rememberUpload(messageId: string, upload: Upload) {
    return this.#write(() => rememberUpload(this.#db, messageId, upload, this.#now()));
  }

  async nextDueAt(lane: Lane) {
    return nextDueAt(this.#db, lane);
  }

  onDue(listener: (due: Lane | 'sessions') => void): void {
    this.#listeners.push(listener);
  }

  async find(id: string) {
    return find(this.#db, id);
  }

  async list(filter: MessageFilter, page: { cursor?: number; limit: number }) {
    return list(this.#db, filter, page);
  }

  async counts() {
    return counts(this.#db);
  }

  async linkOf(ohMessageId: string) {
    return linkOf(this.#db, ohMessageId);
  }

  async linksOfReferences(ohReferenceIds: string[]) {
    return linksOfReferences(this.#db, ohReferenceIds);
  }

  learn(learned: Link[]) {
    return this.#write(() => learn(this.#db, learned, this.#now()));
  }

  async pauses() {
    return listPauses(this.#db);
  }

  pause(destination: Direction, actor: string) {
    return this.#write(() => pause(this.#db, destination, actor, this.#now()));
  }

  async resume(destination: Direction) {
    await this.#write(() => resume(this.#db, destination));
    this.#announce({ stage: 'outbox', direction: destination });
  }

  async requestSession(icn: string) {
    const view = await this.#write(() => requestSession(this.#db, icn, this.#now()));
    this.#announce('sessions');
    return view;
  }

  async findSession(icn: string) {
    return findSession(this.#db, icn);
  }

  claimSessions(limit: number) {
    return this.#write(() => claimSessions(this.#db, this.#bounds, limit, this.#now()));
  }

  async advanceSession(claimed: ClaimedSession, progress: SessionProgress) {
    const held = await this.#write(() => advanceSession(this.#db, claimed, progress, this.#now()));
    this.#announce({ stage: 'inbox', direction: 'oh-to-mhv' });
    this.#announce('sessions');
    return held;
  }

  failSession(claimed: ClaimedSession, outcome: Undelivered, dueAt?: Instant) {
    return this.#write(() => failSession(this.#db, claimed, outcome, dueAt));
  }

  async nextSessionDueAt() {
    return nextSessionDueAt(this.#db);
  }

  async check() {
    this.#refuseWhenFull();
    await this.#write(() => void findSession(this.#db, ''));
  }

  close(): void {
    this.#connection.sqlite.close();
  }

  #refuseWhenFull(): void {
    const now = this.#now();
    if (now - this.#backlog.countedAt >= COUNT_EVERY_MS) {
      this.#backlog = { rows: countPending(this.#db), countedAt: now };
    }
    if (this.#backlog.rows < this.#maxBacklog) return;
    const detail = 'Too many messages are waiting; nothing of this request was stored.';
    throw new ExchangeError('unavailable', detail, { retryAfterSeconds: RETRY_AFTER_S });
  }

  #announce(due: Lane | 'sessions'): void {
    for (const listener of this.#listeners) listener(due);
  }
}

/** The store on one SQLite file: runs each verb in its transaction and says what became due. */
import type { DeliveredIds, Direction, Instant, Outgoing, Send } from '../message.ts';
import {
  insertEntries,
  insertQuarantined,
  insertSend,
  insertTombstones,
  sendRow,
} from './accept.ts';
import { type AccessStore, SqliteAccess } from './access.ts';
import { type ArchiveStore, SqliteArchive } from './archive.ts';
import { type AuditStore, SqliteAudit } from './audit.ts';
import { authorityOf } from './authority.ts';
import { configureOnDead } from './blocked.ts';
import { noteBreaker, type OpenBreaker } from './breakers.ts';
import { Capacity } from './capacity.ts';
import { type ClaimBounds, claim, nextDueAt } from './claim.ts';
import { type ConsoleStore, SqliteConsole } from './console.ts';
import { type KeyStore, SqliteKeys } from './data-keys.ts';
import { type DirectoryStore, SqliteDirectory } from './directory.ts';
import { Failures } from './failures.ts';
import { countPending, find, list } from './find.ts';
import { groupCommit, type Write } from './group-commit.ts';
import { learn, linkOf, linksOfReferences } from './links.ts';
import { noteOnce } from './notes.ts';
import { type Connection, type Db, open } from './open.ts';
import { type OperatorStore, SqliteOperator } from './operator.ts';
import { type OperatorAccounts, SqliteOperators } from './operators.ts';
import { listPauses, pause, resume } from './pauses.ts';
import type { DataKey } from './seal.ts';
import { notingKey } from './seals.ts';
import { type SessionStore, SqliteSessions } from './session-store.ts';
import { handOver, payloadOf, settle, settleDuplicate } from './settle.ts';
import type {
  Accepted,
  Claimed,
  Idempotency,
  Lane,
  Link,
  MessageFilter,
  Note,
  OnDead,
  PushedDocument,
  QuarantinedDocument,
  Settlement,
  Store,
  Upload,
} from './store.ts';
import { UpkeepStore } from './upkeep.ts';
import { checkpointForClose, freeDiskBytes } from './upkeep-disk.ts';
import { rememberUpload, uploadsOf } from './uploads.ts';

export interface StoreOptions extends ClaimBounds {
  path: string;
  now: () => Instant;
  /** The first seals contents, all of them open; kept in the clear unless told. */
  dataKeys?: DataKey[];
  /** How many writes may share a commit; 512 unless told. 1 is for comparison. */
  worksPerCommit?: number;
  /** Pending rows above which nothing more is accepted. */
  maxBacklog?: number;
  /** Free bytes on disk below which nothing more is accepted. */
  minFreeBytes?: number;
  /** Says how many bytes are free on the disk; asks the file system unless told. */
  freeBytes?: () => number;
  /** How long a write waits for another process; 5000 unless told. */
  busyTimeoutMs?: number;
  /** Told SQLite's code when the database fails. */
  onFailure?: (code: string) => void;
  /** Told what each commit put into the inbox; nothing is told of a commit that failed. */
  onAccepted?: (accepted: Accepted) => void;
  /** What a dead row does to later rows of its order key; left as the file has it unless told. */
  onDead?: OnDead;
}

/** Opens the file at `path`, or makes it. Throws when it can't be opened, migrated or made durable. */
export function openStore(options: StoreOptions): Store {
  return new SqliteStore(open(options.path, options.busyTimeoutMs, options.dataKeys), options);
}

class SqliteStore implements Store {
  readonly sessions: SessionStore;
  readonly operator: OperatorStore;
  readonly access: AccessStore;
  readonly audit: AuditStore;
  readonly operators: OperatorAccounts;
  readonly directory: DirectoryStore;
  readonly archive: ArchiveStore;
  readonly keys: KeyStore;
  readonly console: ConsoleStore;
  readonly upkeep: UpkeepStore;
  readonly #connection: Connection;
  readonly #db: Db;
  readonly #write: Write;
  readonly #bounds: ClaimBounds;
  readonly #now: () => Instant;
  readonly #capacity: Capacity;
  readonly #onAccepted: (accepted: Accepted) => void;
  readonly #listeners: ((due: Lane | 'sessions') => void)[] = [];

  constructor(connection: Connection, options: StoreOptions) {
    this.#connection = connection;
    this.#db = connection.db;
    const failures = new Failures(options.onFailure ?? (() => {}));
    const write = failures.ofWrites(groupCommit(connection.sqlite, options.worksPerCommit));
    this.#write = notingKey(write, this.#db, options.now);
    this.#bounds = options;
    this.#now = options.now;
    this.#onAccepted = options.onAccepted ?? (() => {});
    const freeBytes = options.freeBytes ?? (() => freeDiskBytes(options.path));
    this.#capacity = new Capacity({
      now: options.now,
      countPending: () => failures.ofRead(() => countPending(this.#db)),
      maxBacklog: options.maxBacklog ?? Number.POSITIVE_INFINITY,
      freeBytes,
      minFreeBytes: options.minFreeBytes ?? 0,
    });
    this.upkeep = new UpkeepStore(connection, this.#write, options.now, freeBytes);
    this.console = new SqliteConsole(connection, this.#write, options.now);
    if (options.onDead) configureOnDead(this.#db, options.onDead);
    const shared = {
      db: this.#db,
      write: this.#write,
      now: this.#now,
      announce: (due: Lane | 'sessions') => this.#announce(due),
      onAccepted: this.#onAccepted,
    };
    this.sessions = new SqliteSessions({
      ...shared,
      bounds: this.#bounds,
      refuseWhenDiskIsFull: () => this.#capacity.refuseWhenDiskIsFull(),
    });
    this.operator = new SqliteOperator({
      ...shared,
      refuseWhenFull: () => this.#capacity.refuseWhenFull(),
    });
    this.directory = new SqliteDirectory(shared);
    this.archive = new SqliteArchive(shared);
    // Its own write would note a key that it has yet to judge.
    this.keys = new SqliteKeys({ ...shared, write });
    this.audit = new SqliteAudit(shared);
    this.access = new SqliteAccess(shared);
    this.operators = new SqliteOperators(shared);
  }

  async acceptDocument({ entries, tombstones = [], quarantine, traceparent }: PushedDocument) {
    this.#capacity.refuseWhenFull();
    const accepted = await this.#write(() => {
      if (quarantine) insertQuarantined(this.#db, quarantine, this.#now());
      insertTombstones(this.#db, tombstones, this.#now());
      return insertEntries(this.#db, entries, this.#now(), traceparent);
    });
    if (accepted > 0) this.#announce({ stage: 'inbox', direction: 'oh-to-mhv' });
    const counts = { accepted, duplicates: entries.length - accepted };
    this.#onAccepted({ source: 'feed', ...counts });
    return counts;
  }

  async acceptSend(send: Send, idempotency?: Idempotency, traceparent?: string) {
    this.#capacity.refuseWhenFull();
    const row = sendRow(this.#db, send, idempotency, { now: this.#now(), traceparent });
    const result = await this.#write(() => insertSend(this.#db, row, idempotency));
    if (!result.repeated) this.#announce({ stage: 'inbox', direction: 'mhv-to-oh' });
    const accepted = result.repeated ? 0 : 1;
    this.#onAccepted({ source: 'send', accepted, duplicates: 1 - accepted });
    return result;
  }

  async quarantine(document: QuarantinedDocument) {
    this.#capacity.refuseWhenDiskIsFull();
    return this.#write(() => insertQuarantined(this.#db, document, this.#now()));
  }

  claim(lane: Lane, limit: number) {
    return this.#write(() => claim(this.#db, this.#bounds, lane, limit, this.#now()));
  }

  async handOver(claimed: Claimed, outgoing: Outgoing, traceparent?: string) {
    const payload = payloadOf(this.#db, claimed, outgoing);
    const result = await this.#write(() =>
      handOver(this.#db, claimed, outgoing, { now: this.#now(), payload, traceparent }),
    );
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

  note(claimed: Claimed, note: Note) {
    return this.#write(() => noteOnce(this.#db, claimed, note));
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

  async resume(destination: Direction, actor: string) {
    await this.#write(() => resume(this.#db, destination, actor, this.#now()));
    this.#announce({ stage: 'outbox', direction: destination });
  }

  noteBreaker(lane: Lane, breaker?: OpenBreaker) {
    return this.#write(() => noteBreaker(this.#db, lane, breaker));
  }

  belongsTo(authority: string) {
    return this.#write(() => authorityOf(this.#db, authority));
  }

  async check() {
    this.#capacity.refuseWhenFull();
    // Writes the file's first page: a transaction that changes nothing would commit on a full disk.
    await this.#write(() => void this.#connection.sqlite.pragma('user_version = 0'));
  }

  close(): void {
    const { sqlite } = this.#connection;
    if (sqlite.open) checkpointForClose(sqlite);
    sqlite.close();
  }

  #announce(due: Lane | 'sessions'): void {
    for (const listener of this.#listeners) listener(due);
  }
}

/**
 * The store as the rest sees it. Every verb is asynchronous and is one transaction: when its promise
 * resolves, what it did is on disk. No caller meets a transaction or a SQL type.
 */
import type { DocumentFault } from '../errors.ts';
import type {
  Delivered,
  DeliveredIds,
  Direction,
  Entry,
  Instant,
  Outgoing,
  Send,
  Undelivered,
} from '../message.ts';
import type { AccessStore } from './access.ts';
import type { ArchiveStore } from './archive.ts';
import type { AuditStore } from './audit.ts';
import type { OpenBreaker } from './breakers.ts';
import type { ConsoleStore } from './console.ts';
import type { KeyStore } from './data-keys.ts';
import type { DirectoryStore } from './directory.ts';
import type { OperatorStore } from './operator.ts';
import type { OperatorAccounts } from './operators.ts';
import type { Stage } from './schema.ts';
import type { SessionStore } from './session-store.ts';
import type { UpkeepStore } from './upkeep.ts';
import type { MessageFilter, MessagePage, MessageView } from './views.ts';

export type { OpenBreaker } from './breakers.ts';
export type {
  ClaimedSession,
  HistoryWish,
  Reconciled,
  SessionProgress,
  SessionView,
} from './histories.ts';
export type { OnDead, Stage } from './schema.ts';
export type { MessageFilter, MessageSummary, MessageView } from './views.ts';

/** One of the four queues: a stage of one direction. */
export interface Lane {
  stage: Stage;
  direction: Direction;
}

/** A pushed document, sorted into what can be worked on and what can't. */
export interface PushedDocument {
  entries: Entry[];
  /** Deleted entries (RFC 6721) that the document names. */
  tombstones?: Tombstone[];
  /** The document itself when some entry of it was rejected; kept in quarantine. */
  quarantine?: QuarantinedDocument;
  /** W3C Trace Context of the push, kept with each row. */
  traceparent?: string;
}

export interface Tombstone {
  /** `atom:id` of the deleted entry. */
  ref: string;
  deletedAt: Instant;
}

export interface QuarantinedDocument {
  scope: 'document' | 'entries';
  body: Uint8Array;
  contentType?: string;
  faults: DocumentFault[];
}

/** Scopes an Idempotency-Key, with the digest of the request that first used it. */
export interface Idempotency {
  key: string;
  requestDigest: string;
}

/** What was put into the inbox, told after the commit. Entries known before are duplicates. */
export interface Accepted {
  /** Sends go to OH, what a feed or a history announces goes to MHV. */
  source: Entry['source'] | 'send';
  accepted: number;
  duplicates: number;
}

/** A row in hand: its attempt is on disk and its lease runs. */
export interface Claimed<P = Entry | Send | Outgoing> {
  id: string;
  lane: Lane;
  orderKey: string;
  /** Number of this attempt, from 1. Whoever settles must still hold this number. */
  attempt: number;
  /** How many attempts, this one included, count against the bound. */
  spent: number;
  startedAt: Instant;
  acceptedAt: Instant;
  /** End of the attempt before; of a first one, when the row came into this stage. */
  waitingSince: Instant;
  /** W3C Trace Context of what put the row here. */
  traceparent?: string;
  correlationId: string;
  /** When a person last replayed it; its age counts from then. */
  replayedAt?: Instant;
  /** Set when an earlier attempt may have had an effect: ask the destination first. */
  inDoubtSince?: Instant;
  payload: P;
}

/** What becomes of a row in hand. */
export type Settlement =
  | { state: 'done'; outcome: Delivered }
  | { state: 'pending'; outcome: Undelivered; dueAt: Instant }
  | { state: 'dead'; outcome: Undelivered };

/** Something that happened within an attempt and belongs on the message's timeline. */
export interface Note {
  at: Instant;
  event: 'asked' | 'found' | 'not there' | 'combined';
  detail?: string;
}

/** A file of a message that already lies at the destination. */
export interface Upload {
  /** Place of the file in its message, from 0. */
  position: number;
  /** SHA-256 of the bytes in hex. */
  sha256: string;
  /** What the destination calls the file; its shape is the flow's affair. */
  reference: unknown;
}

/** An operator's word that nothing is to be sent one way until they say so. */
export interface Pause {
  /** The direction whose destination is paused. */
  destination: Direction;
  pausedAt: Instant;
  actor: string;
}

/** Which OH message is which MHV message. */
export interface Link extends DeliveredIds {
  ohMessageId: string;
  direction?: Direction;
  ohPoolId?: string;
}

export interface Store {
  /** Histories of patients. */
  readonly sessions: SessionStore;
  /** What a person does by hand. */
  readonly operator: OperatorStore;
  /** Who may call. */
  readonly access: AccessStore;
  /** Who may use the console. */
  readonly operators: OperatorAccounts;
  /** Who saw or did what. */
  readonly audit: AuditStore;
  /** Which pool is which triage group. */
  readonly directory: DirectoryStore;
  /** Which archived documents were taken in. */
  readonly archive: ArchiveStore;
  /** Under which keys contents are sealed. */
  readonly keys: KeyStore;
  /** What the operator console reads. */
  readonly console: ConsoleStore;
  /** What keeps the file in order, and who polls it. */
  readonly upkeep: UpkeepStore;

  /**
   * Takes each entry once: one inbox row for each that is not known yet. Like `acceptSend` it throws
   * ExchangeError `unavailable` when the backlog is full.
   */
  acceptDocument(document: PushedDocument): Promise<{ accepted: number; duplicates: number }>;
  /**
   * Takes a send; the same Idempotency-Key with another request is an ExchangeError. `traceparent` is
   * kept with the row.
   */
  acceptSend(
    send: Send,
    idempotency?: Idempotency,
    traceparent?: string,
  ): Promise<{ id: string; repeated: boolean }>;
  /** Keeps a document that could not be taken at all. */
  quarantine(document: QuarantinedDocument): Promise<void>;

  /** Leases up to `limit` due rows, at most one of each order key, and writes their attempts. */
  claim(lane: Lane, limit: number): Promise<Claimed[]>;
  /**
   * Ends an inbox row and queues its translation, in one commit. `duplicate`: another row already
   * carries this OH message. `lost`: the lease ran out and somebody else settled the row. The outbox
   * row carries `traceparent` on.
   */
  handOver(
    claimed: Claimed,
    outgoing: Outgoing,
    traceparent?: string,
  ): Promise<'queued' | 'duplicate' | 'lost'>;
  /** Ends an inbox row whose OH message is already at its destination or on its way there. */
  settleDuplicate(claimed: Claimed, ids: DeliveredIds): Promise<boolean>;
  /** Ends the attempt. False: the lease ran out and somebody else settled the row. */
  settle(claimed: Claimed, settlement: Settlement, notes?: Note[]): Promise<boolean>;
  /** Puts on the timeline what an attempt found out, once for each message. */
  note(claimed: Claimed, note: Note): Promise<void>;
  uploadsOf(messageId: string): Promise<Upload[]>;
  /** Remembers an upload as soon as it is answered: the send that needs it may still fail. */
  rememberUpload(messageId: string, upload: Upload): Promise<void>;
  /** When the lane next has something to claim, as far as can be known now. */
  nextDueAt(lane: Lane): Promise<Instant | undefined>;
  /** Calls back after a commit that made something due in a lane, or a session due. */
  onDue(listener: (due: Lane | 'sessions') => void): void;

  find(id: string): Promise<MessageView | undefined>;
  list(filter: MessageFilter, page: { cursor?: number; limit: number }): Promise<MessagePage>;

  linkOf(ohMessageId: string): Promise<Link | undefined>;
  linksOfReferences(ohReferenceIds: string[]): Promise<Link[]>;
  /** Adds what is newly known of OH messages; never forgets what was known. */
  learn(links: Link[]): Promise<void>;

  pauses(): Promise<Pause[]>;
  /** The actor of both is in the audit. */
  pause(destination: Direction, actor: string): Promise<void>;
  /** Wakes the lane that waited. */
  resume(destination: Direction, actor: string): Promise<void>;

  /** Says in the file how it stands with a lane's breaker; without `breaker` it is closed. */
  noteBreaker(lane: Lane, breaker?: OpenBreaker): Promise<void>;

  /** Whose file it is: that of the authority that was named first. Ids of another mean somebody else. */
  belongsTo(authority: string): Promise<string>;
  /** Throws when the file can't be written or the backlog is full. */
  check(): Promise<void>;
  close(): void;
}

/** What a person does by hand: replay, dismiss, and look into quarantine. */
import type { DocumentFault } from '../errors.ts';
import type { Entry, Instant } from '../message.ts';
import { record } from './audit.ts';
import type { Write } from './group-commit.ts';
import type { Db } from './open.ts';
import { dismiss, replayIfPossible, replayOne } from './operator-messages.ts';
import {
  findQuarantined,
  listQuarantined,
  noteFailedReplay,
  quarantinedBody,
  takeQuarantined,
} from './operator-quarantine.ts';
import { countReplayable, idsToReplay } from './operator-replay.ts';
import type { Accepted, Lane, MessageFilter, QuarantinedDocument, Tombstone } from './store.ts';

/** Which messages to replay. Without a `status`: those that were given up, FAILED and INVALID. */
export interface ReplayFilter
  extends Pick<MessageFilter, 'status' | 'direction' | 'icn' | 'errorCode' | 'since' | 'until'> {
  /** Class of the HTTP status that the last attempt ended with. */
  httpStatusClass?: '4xx' | '5xx';
  /** The OH pool that a message from MHV is for. */
  receivingPoolId?: string;
}

export interface ReplayPace {
  /** At most so many, the oldest first. */
  limit: number;
  /** How many of them become due in a second. */
  ratePerSecond: number;
}

/** What a replay would take. The error code of a message without error is `none`. */
export interface Replayable {
  matching: number;
  byErrorCode: Record<string, number>;
}

/** What came of taking a quarantined document in again. */
export interface QuarantineReplay {
  actor: string;
  accepted: number;
  duplicates: number;
  rejected: number;
  /** What is still wrong. */
  faults: DocumentFault[];
  /** Set when an edited copy was read in place of the document. */
  editedSha256?: string;
}

/** A quarantined document without its bytes. */
export interface QuarantineSummary {
  id: string;
  scope: QuarantinedDocument['scope'];
  sha256: string;
  contentType?: string;
  sizeBytes: number;
  firstSeenAt: Instant;
  lastSeenAt: Instant;
  /** How often the same document was pushed. */
  pushes: number;
  faultCount: number;
  /** When the bytes were dropped after their time. */
  purgedAt?: Instant;
  /** When it was last taken in again. */
  replayedAt?: Instant;
}

export interface QuarantineView extends QuarantineSummary {
  faults: DocumentFault[];
  replay?: QuarantineReplay;
}

/** Newest first; `next` is the cursor of the next page, absent on the last. */
export interface QuarantinePage {
  documents: QuarantineSummary[];
  next?: string;
}

/** A quarantined document, read again. */
export interface ReadAgain {
  entries: Entry[];
  tombstones: Tombstone[];
  /** What can still not be taken. */
  faults: DocumentFault[];
  actor: string;
  /** The bytes that were read, when they are not those of the document. */
  edited?: { body: Uint8Array; contentType: string };
}

/** Each verb but `replayAll` is one transaction. An unknown id is ExchangeError `not-found`. */
export interface OperatorStore {
  /**
   * Makes a message due now. A dead one starts its attempts anew in the stage it died in; of a delivered
   * one the destination is asked first; of a pending one only the wait ends. What may have been stored
   * stays in doubt. ExchangeError `conflict` when the message is in hand, is a duplicate, or was purged.
   */
  replayOne(id: string, actor: string): Promise<void>;
  countReplayable(filter: ReplayFilter): Promise<Replayable>;
  /**
   * As `replayOne` for each match that it would not refuse, some at a time. Returns how many;
   * `unavailable` when full.
   */
  replayAll(filter: ReplayFilter, pace: ReplayPace, actor: string): Promise<number>;
  /** Ends the wait of a dead message for a person. ExchangeError `conflict` when it is not dead. */
  dismiss(id: string, actor: string, reason: string): Promise<void>;

  /** `cursor` is the `next` of the page before. */
  listQuarantined(page: { cursor?: string; limit: number }): Promise<QuarantinePage>;
  findQuarantined(id: string): Promise<QuarantineView>;
  /** The bytes as they were pushed, after gunzip. ExchangeError `conflict` when they were purged. */
  quarantinedBody(id: string): Promise<Uint8Array<ArrayBuffer>>;
  /** Takes each entry once and keeps an edited copy beside the original; `unavailable` when full. */
  takeQuarantined(id: string, again: ReadAgain): Promise<QuarantineReplay>;
  /** Nothing could be taken. The document stays as it was, with a word of the try. */
  noteFailedReplay(id: string, again: Omit<ReadAgain, 'entries' | 'tombstones'>): Promise<void>;
}

/** Replaying one takes about a millisecond, and whoever is to be acknowledged waits meanwhile. */
const REPLAYED_PER_COMMIT = 50;

/** What the operator's store shares with the rest of the store. */
interface Shared {
  db: Db;
  write: Write;
  now: () => Instant;
  announce: (due: Lane) => void;
  onAccepted: (accepted: Accepted) => void;
  refuseWhenFull: () => void;
}

/** The operator's verbs on the SQLite file. */
export class SqliteOperator implements OperatorStore {
  readonly #shared: Shared;

  constructor(shared: Shared) {
    this.#shared = shared;
  }

  async replayOne(id: string, actor: string) {
    const { db, write, now, announce } = this.#shared;
    const lane = await write(() => {
      const replayed = replayOne(db, id, actor, now());
      record(db, { actor, action: 'message.replay', object: messageOf(id) }, now());
      return replayed;
    });
    announce(lane);
  }

  async countReplayable(filter: ReplayFilter) {
    return countReplayable(this.#shared.db, filter);
  }

  async replayAll(filter: ReplayFilter, { limit, ratePerSecond }: ReplayPace, actor: string) {
    const { db, write, now, announce, refuseWhenFull } = this.#shared;
    refuseWhenFull();
    const start = now();
    const waiting = idsToReplay(db, filter, limit);
    let replayed = 0;
    while (waiting.length > 0) {
      const some = waiting.splice(0, REPLAYED_PER_COMMIT);
      const before = replayed;
      const lanes = await write(() => {
        const taken: Lane[] = [];
        for (const id of some) {
          const dueAt = start + Math.floor(((before + taken.length) * 1000) / ratePerSecond);
          const lane = replayIfPossible(db, id, { dueAt, actor, now: now() });
          if (!lane) continue;
          taken.push(lane);
          record(db, { actor, action: 'message.replay', object: messageOf(id) }, now());
        }
        return taken;
      });
      replayed += lanes.length;
      for (const lane of lanes) announce(lane);
    }
    return replayed;
  }

  async dismiss(id: string, actor: string, reason: string) {
    const { db, write, now, announce } = this.#shared;
    // Where dead messages hold up later ones, the next of the same patient may go now.
    const lane = await write(() => {
      const dismissed = dismiss(db, id, actor, reason, now());
      record(db, { actor, action: 'message.dismiss', object: messageOf(id) }, now());
      return dismissed;
    });
    announce(lane);
  }

  async listQuarantined(page: { cursor?: string; limit: number }) {
    return listQuarantined(this.#shared.db, page);
  }

  async findQuarantined(id: string) {
    return findQuarantined(this.#shared.db, id);
  }

  async quarantinedBody(id: string) {
    return quarantinedBody(this.#shared.db, id);
  }

  async takeQuarantined(id: string, again: ReadAgain) {
    const { db, write, now, announce, onAccepted, refuseWhenFull } = this.#shared;
    refuseWhenFull();
    const replay = await write(() => {
      const taken = takeQuarantined(db, id, again, now());
      const { accepted, duplicates, rejected } = taken;
      noteQuarantine(db, id, again, { accepted, duplicates, rejected }, now());
      return taken;
    });
    const { accepted, duplicates } = replay;
    if (accepted > 0) announce({ stage: 'inbox', direction: 'oh-to-mhv' });
    onAccepted({ source: 'feed', accepted, duplicates });
    return replay;
  }

  noteFailedReplay(id: string, again: Omit<ReadAgain, 'entries' | 'tombstones'>) {
    const { db, write, now } = this.#shared;
    return write(() => {
      noteFailedReplay(db, id, again, now());
      noteQuarantine(db, id, again, { accepted: 0 }, now());
    });
  }
}

function messageOf(id: string) {
  return { kind: 'message', id };
}

function noteQuarantine(
  db: Db,
  id: string,
  { actor, edited }: Pick<ReadAgain, 'actor' | 'edited'>,
  counts: Record<string, number>,
  now: Instant,
): void {
  const detail = { ...counts, edited: edited !== undefined };
  const object = { kind: 'quarantined document', id };
  record(db, { actor, action: 'quarantine.replay', object, detail }, now);
}

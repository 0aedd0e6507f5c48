/** What the operator console reads. Every verb is bounded: a console must not slow down what it shows. */
import type { Instant } from '../message.ts';
import { record } from './audit.ts';
import {
  contentsOf,
  factsOf,
  type MessageContents,
  type MessageFacts,
} from './console-contents.ts';
import { type Flow, FlowCounter } from './console-flow.ts';
import {
  countAllListed,
  type HistoryPage,
  type HistoryTotals,
  historyTotals,
  listHistories,
} from './console-histories.ts';
import { type SearchFilter, type SearchPage, search } from './console-search.ts';
import { type Standing, standing, type WaitingPool, waitingPools } from './console-standing.ts';
import type { Write } from './group-commit.ts';
import type { Connection } from './open.ts';

export type { MessageContents, MessageFacts } from './console-contents.ts';
export type { Flow, FlowBucket } from './console-flow.ts';
export type { HistoryPage, HistoryTotals, HistoryView } from './console-histories.ts';
export type { FoundMessage, SearchFilter, SearchPage } from './console-search.ts';
export type { Standing, Tally, WaitingPool } from './console-standing.ts';

/** An unknown id is ExchangeError `not-found`. */
export interface ConsoleStore {
  /** What was accepted, delivered and given up in the last hour and the last day. */
  flow(): Promise<Flow>;
  /** At most a second old. */
  standing(): Promise<Standing>;
  /** `cursor` is the `next` of the page before. */
  search(filter: SearchFilter, page: { cursor?: string; limit: number }): Promise<SearchPage>;
  factsOf(id: string): Promise<MessageFacts>;
  /** What people wrote. That `actor` saw it is in the audit in the same transaction. */
  contentsOf(id: string, actor: string): Promise<MessageContents>;
  /** Of one patient, of those whose listing is under way or was given up, or of all. */
  histories(
    which: { state?: 'pending' | 'dead'; icn?: string },
    page: { cursor?: number; limit: number },
  ): Promise<HistoryPage>;
  historyTotals(): Promise<HistoryTotals>;
  /** Pools that are not in the directory and hold messages up. */
  waitingPools(): Promise<WaitingPool[]>;
}

/** Several who look at once share one reading. */
const KEEP_STANDING_MS = 1000;
/** It takes some ten milliseconds for a million. */
const COUNT_LISTED_EVERY_MS = 30_000;

/** The console's verbs on the SQLite file. */
export class SqliteConsole implements ConsoleStore {
  readonly #connection: Connection;
  readonly #write: Write;
  readonly #now: () => Instant;
  readonly #flow: FlowCounter;
  #standing: { at: Instant; value: Standing } | undefined;
  #listed: { at: Instant; messages: number } | undefined;

  constructor(connection: Connection, write: Write, now: () => Instant) {
    this.#connection = connection;
    this.#write = write;
    this.#now = now;
    this.#flow = new FlowCounter(connection.db);
  }

  flow() {
    return this.#flow.read(this.#now());
  }

  async standing() {
    const at = this.#now();
    if (!this.#standing || Math.abs(at - this.#standing.at) >= KEEP_STANDING_MS) {
      this.#standing = { at, value: standing(this.#connection, at) };
    }
    return this.#standing.value;
  }

  async search(filter: SearchFilter, page: { cursor?: string; limit: number }) {
    return search(this.#connection.db, filter, page);
  }

  async factsOf(id: string) {
    return factsOf(this.#connection.db, id);
  }

  contentsOf(id: string, actor: string) {
    const { db } = this.#connection;
    return this.#write(() => {
      const contents = contentsOf(db, id);
      record(db, { actor, action: 'message.view', object: { kind: 'message', id } }, this.#now());
      return contents;
    });
  }

  async histories(
    which: { state?: 'pending' | 'dead'; icn?: string },
    page: { cursor?: number; limit: number },
  ) {
    return listHistories(this.#connection.db, which, page);
  }

  async waitingPools() {
    return waitingPools(this.#connection.db);
  }

  async historyTotals() {
    const { db } = this.#connection;
    const at = this.#now();
    if (!this.#listed || Math.abs(at - this.#listed.at) >= COUNT_LISTED_EVERY_MS) {
      this.#listed = { at, messages: countAllListed(db) };
    }
    return historyTotals(db, this.#listed.messages);
  }
}

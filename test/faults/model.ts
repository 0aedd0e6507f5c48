/** The promise as a model: which rows there are, whose turn it is, and what each verb then answers. */
import type { Instant } from '../../src/message.ts';
import type { Claimed, Lane, Stage } from '../../src/store/store.ts';

export const LEASE_MS = 60_000;
export const MAX_ATTEMPTS = 4;

/** One row of inbox or outbox. */
export interface Row {
  id: string;
  stage: Stage;
  direction: Lane['direction'];
  orderKey: string;
  /** What is delivered: the same for two announcements of one OH message, else the row's own. */
  letter: string;
  state: 'pending' | 'done' | 'dead';
  dueAt: Instant;
  attempts: number;
  postponements: number;
  doubtSince?: Instant | undefined;
  /** Start of the attempt that nobody has ended. */
  openSince?: Instant | undefined;
}

/** A claim that a worker believes to have. */
export interface Held {
  claimed: Claimed;
  row: Row;
  leaseEnd: Instant;
}

export class Model {
  now: Instant;
  /** In order of acceptance, and of handing over. */
  readonly rows: Row[] = [];
  /** By dedupe key or Idempotency-Key. */
  readonly known = new Map<string, Row>();
  held: Held[] = [];

  constructor(now: Instant) {
    this.now = now;
  }

  accept(row: Pick<Row, 'id' | 'direction' | 'orderKey' | 'letter'>, key?: string): Row {
    const accepted = this.#add({ ...row, stage: 'inbox' });
    if (key !== undefined) this.known.set(key, accepted);
    return accepted;
  }

  /** What a claim must return, and what it does to the rows. */
  claim(lane: Lane, limit: number): { row: Row; doubtSince: Instant | undefined }[] {
    for (;;) {
      const due = this.#due(lane).slice(0, limit);
      const spent = due.filter((row) => row.attempts - row.postponements >= MAX_ATTEMPTS);
      if (spent.length === 0) return due.map((row) => this.#lease(row));
      for (const row of spent) end(row, 'dead');
    }
  }

  /** Whether the worker's claim still counts. */
  isCurrent({ claimed, row }: Held): boolean {
    return row.state === 'pending' && row.attempts === claimed.attempt;
  }

  handOver({ row }: Held): 'queued' | 'duplicate' {
    end(row, 'done');
    const isDuplicate =
      row.direction === 'oh-to-mhv' &&
      this.rows.some(({ stage, letter }) => stage === 'outbox' && letter === row.letter);
    if (isDuplicate) return 'duplicate';
    this.#add({ ...row, stage: 'outbox' });
    return 'queued';
  }

  putBack({ row, claimed }: Held, kind: 'retry' | 'in-doubt' | 'postponed', dueAt: Instant): void {
    row.dueAt = Math.max(dueAt, this.now);
    row.openSince = undefined;
    if (kind === 'postponed') row.postponements += 1;
    if (kind === 'in-doubt') row.doubtSince ??= claimed.startedAt;
  }

  finish({ row }: Held, state: 'done' | 'dead'): void {
    end(row, state);
  }

  #add(row: Pick<Row, 'id' | 'direction' | 'orderKey' | 'letter' | 'stage'>): Row {
    const { id, direction, orderKey, letter, stage } = row;
    const counts = { attempts: 0, postponements: 0 };
    const state = 'pending' as const;
    const added = { id, direction, orderKey, letter, stage, state, dueAt: this.now, ...counts };
    this.rows.push(added);
    return added;
  }

  /** The oldest pending row of each key, if it is due: the longest due first. */
  #due({ stage, direction }: Lane): Row[] {
    const waiting = this.rows.filter((row) => row.stage === stage && row.state === 'pending');
    const firsts = waiting.filter(
      (row, at) => waiting.findIndex(({ orderKey }) => orderKey === row.orderKey) === at,
    );
    return firsts
      .filter((row) => row.direction === direction && row.dueAt <= this.now)
      .toSorted((a, b) => a.dueAt - b.dueAt);
  }

  #lease(row: Row): { row: Row; doubtSince: Instant | undefined } {
    if (row.stage === 'outbox') row.doubtSince ??= row.openSince;
    row.attempts += 1;
    row.dueAt = this.now + LEASE_MS;
    row.openSince = this.now;
    return { row, doubtSince: row.doubtSince };
  }
}

function end(row: Row, state: 'done' | 'dead'): void {
  row.state = state;
  row.openSince = undefined;
}

/** The audit: who saw or did what. Rows are added in the transaction of the act and never changed. */
import { and, asc, eq, gt, gte, lt, lte, max } from 'drizzle-orm';
import { ExchangeError } from '../errors.ts';
import type { Instant } from '../message.ts';
import { type AuditEvent, type AuditRow, FIRST_HASH, hashOf } from './audit-chain.ts';
import type { Write } from './group-commit.ts';
import type { Db } from './open.ts';
import { audit, auditChain } from './schema-audit.ts';

/** A place in the chain, to be noted somewhere else and compared later. */
export interface AuditHead {
  seq: number;
  hash: string;
}

/** What a check found: all is well up to the head, or where the first fault is. */
export type AuditVerdict =
  | { ok: true; rows: number; head: AuditHead; anchor: AuditHead }
  | { ok: false; seq: number; fault: string };

/** Which rows: at or after `since`, before `until`. */
export interface AuditStretch {
  since?: Instant;
  until?: Instant;
}

/** Each verb is one transaction, but for `verify`, which reads many rows in several. */
export interface AuditStore {
  /** Writes down what changed nothing in the file: that somebody looked, or was refused. */
  record(event: AuditEvent): Promise<void>;
  /** Oldest first, up to `limit` rows after row `after`. */
  list(stretch: AuditStretch, page: { after: number; limit: number }): Promise<AuditRow[]>;
  /** Walks the chain from its anchor to its head. `noted` is a head that was written down before. */
  verify(noted?: AuditHead): Promise<AuditVerdict>;
  /**
   * Drops rows written before then, the oldest up to the first that is to stay, and notes in the audit who
   * did it and how many went. ExchangeError `invalid` when they are younger than six years (45 CFR
   * 164.316(b)(2)(i)).
   */
  prune(before: Instant, actor: string): Promise<number>;
}

const ROWS_PER_READ = 1000;
const MIN_KEPT_YEARS = 6;

interface Shared {
  db: Db;
  write: Write;
  now: () => Instant;
}

/** Adds a row within the transaction of the act. */
export function record(db: Db, { object, detail = {}, ...event }: AuditEvent, at: Instant): void {
  const { headSeq, headHash: prevHash } = chainOf(db);
  const row = {
    ...event,
    seq: headSeq + 1,
    at,
    objectKind: object.kind,
    objectId: object.id,
    detail: JSON.stringify(detail),
    prevHash,
  };
  db.insert(audit)
    .values({ ...row, hash: hashOf(row) })
    .run();
}

/** The audit on the SQLite file. */
export class SqliteAudit implements AuditStore {
  readonly #shared: Shared;

  constructor(shared: Shared) {
    this.#shared = shared;
  }

  record(event: AuditEvent) {
    const { db, write, now } = this.#shared;
    return write(() => record(db, event, now()));
  }

  async list({ since, until }: AuditStretch, { after, limit }: { after: number; limit: number }) {
    return this.#shared.db
      .select()
      .from(audit)
      .where(
        and(
          gt(audit.seq, after),
          since === undefined ? undefined : gte(audit.at, since),
          until === undefined ? undefined : lt(audit.at, until),
        ),
      )
      .orderBy(asc(audit.seq))
      .limit(limit)
      .all();
  }

  async verify(noted?: AuditHead): Promise<AuditVerdict> {
    const { db } = this.#shared;
    const { anchorSeq, anchorHash } = chainOf(db);
    let last: AuditHead = { seq: anchorSeq, hash: anchorHash };
    if (anchorSeq === 0 && anchorHash !== FIRST_HASH) return faultAt(0, 'the anchor was changed');
    for (;;) {
      // The head is read before the rows: an exchange may go on writing meanwhile.
      const { headSeq, headHash } = chainOf(db);
      const rows = await this.list({}, { after: last.seq, limit: ROWS_PER_READ });
      for (const row of rows) {
        const fault = faultOf(row, last, noted);
        if (fault !== undefined) return faultAt(last.seq + 1, fault);
        last = { seq: row.seq, hash: row.hash };
        if (row.seq === headSeq && row.hash !== headHash) {
          return faultAt(row.seq, 'the row is not the one that was written last');
        }
      }
      if (rows.length === ROWS_PER_READ) continue;
      const end = Math.max(headSeq, noted?.seq ?? 0);
      if (last.seq < end) return faultAt(last.seq + 1, `rows up to ${end} are missing at the end`);
      const anchor = { seq: anchorSeq, hash: anchorHash };
      return { ok: true, rows: last.seq - anchorSeq, head: last, anchor };
    }
  }

  prune(before: Instant, actor: string) {
    const { db, write, now } = this.#shared;
    const youngest = new Date(now());
    youngest.setUTCFullYear(youngest.getUTCFullYear() - MIN_KEPT_YEARS);
    return write(() => {
      if (before > youngest.getTime()) {
        const detail = `The audit is kept for ${MIN_KEPT_YEARS} years.`;
        throw new ExchangeError('invalid', detail);
      }
      return prune(db, before, actor, now());
    });
  }
}

function prune(db: Db, before: Instant, actor: string, now: Instant): number {
  const { anchorSeq } = chainOf(db);
  const stays = db.select().from(audit).where(gte(audit.at, before)).orderBy(asc(audit.seq)).get();
  const newest =
    db
      .select({ seq: max(audit.seq) })
      .from(audit)
      .get()?.seq ?? 0;
  const seq = stays ? stays.seq - 1 : newest;
  const last = db.select().from(audit).where(eq(audit.seq, seq)).get();
  if (!last) return 0;
  db.update(auditChain).set({ anchorSeq: seq, anchorHash: last.hash }).run();
  db.delete(audit).where(lte(audit.seq, seq)).run();
  const rows = seq - anchorSeq;
  const object = { kind: 'audit', id: String(seq) };
  record(db, { actor, action: 'audit.prune', object, detail: { rows } }, now);
  return rows;
}

function chainOf(db: Db) {
  const chain = db.select().from(auditChain).get();
  if (!chain) throw new Error('The head of the audit is missing.');
  return chain;
}

function faultOf(row: AuditRow, last: AuditHead, noted: AuditHead | undefined): string | undefined {
  if (row.seq !== last.seq + 1) return `rows up to ${row.seq - 1} are missing`;
  if (row.prevHash !== last.hash) return 'the row does not go on from the one before';
  if (row.hash !== hashOf(row)) return 'the row was changed';
  if (row.seq === noted?.seq && row.hash !== noted.hash) return 'the row is not the noted one';
  return undefined;
}

function faultAt(seq: number, fault: string): AuditVerdict {
  return { ok: false, seq, fault };
}

/** Taking messages in: what is here is on disk before anybody is told 2xx. */
import { createHash } from 'node:crypto';
import { eq, sql } from 'drizzle-orm';
import { ExchangeError } from '../errors.ts';
import type { Entry, Instant, Send } from '../message.ts';
import { held, isBeingListed, noteHeld, ohOrderKey } from './held.ts';
import type { Db } from './open.ts';
import { inbox, quarantine, tombstones } from './schema.ts';
import type { Idempotency, QuarantinedDocument, Tombstone } from './store.ts';

type Row = typeof inbox.$inferInsert;

/** Compiled once for each connection: triggers make the statement slow to compile, not to run. */
const inserts = new WeakMap<Db, ReturnType<typeof prepareInsert>>();

/**
 * Rows whose dedupe key is known are left as they are. What the feed announces of a patient whose
 * history is being listed is held until then. Returns how many were new.
 */
export function insertEntries(db: Db, entries: Entry[], now: Instant): number {
  let accepted = 0;
  for (const entry of entries) {
    const row = entryRow(entry, now);
    const isHeld = entry.source === 'feed' && isBeingListed(db, entry.ohPatientId);
    const inserted = insertRow(db, isHeld ? held(row) : row);
    if (isHeld && inserted > 0) noteHeld(db, [row.id], now);
    accepted += inserted;
  }
  return accepted;
}

/** Deleted entries are recorded and nothing more: a patient keeps what was sent to them. */
export function insertTombstones(db: Db, deleted: Tombstone[], now: Instant): void {
  for (const tombstone of deleted) {
    db.insert(tombstones)
      .values({ ...tombstone, receivedAt: now })
      .onConflictDoNothing()
      .run();
  }
}

export function insertSend(db: Db, send: Send, idempotency: Idempotency | undefined, now: Instant) {
  const known = idempotency && findByKey(db, idempotency.key);
  if (!known) {
    const row = sendRow(send, idempotency, now);
    if (insertRow(db, row) === 0) throw new Error('A new id is one that was given before.');
    return { id: row.id, repeated: false };
  }
  if (known.requestDigest !== idempotency.requestDigest) {
    const detail = 'This Idempotency-Key was used with another request.';
    throw new ExchangeError('idempotency-key-reused', detail);
  }
  return { id: known.id, repeated: true };
}

function findByKey(db: Db, key: string) {
  return db
    .select({ id: inbox.id, requestDigest: inbox.requestDigest })
    .from(inbox)
    .where(eq(inbox.dedupeKey, `idempotency:${key}`))
    .get();
}

export function insertQuarantined(db: Db, document: QuarantinedDocument, now: Instant): void {
  db.insert(quarantine)
    .values({
      id: Bun.randomUUIDv7(undefined, now),
      sha256: createHash('sha256').update(document.body).digest('hex'),
      firstSeenAt: now,
      lastSeenAt: now,
      contentType: document.contentType ?? null,
      body: Buffer.from(document.body),
      scope: document.scope,
      faults: JSON.stringify(document.faults),
    })
    .onConflictDoUpdate({
      target: quarantine.sha256,
      set: {
        lastSeenAt: now,
        pushes: sql`${quarantine.pushes} + 1`,
        // It may have been purged since: a document that still comes is one somebody must see.
        body: sql`excluded.body`,
        purgedAt: null,
      },
    })
    .run();
}

/** Returns 0 when a row with the same dedupe key is there. */
function insertRow(db: Db, row: Row): number {
  const insert = inserts.get(db) ?? prepareInsert(db);
  inserts.set(db, insert);
  const absent = {
    icn: null,
    ohPatientId: null,
    ohMessageId: null,
    mhvMessageId: null,
    source: null,
    blocked: false,
  };
  return insert.run({ ...absent, dedupeKey: null, requestDigest: null, ...row }).changes;
}

function prepareInsert(db: Db) {
  return db
    .insert(inbox)
    .values({
      id: sql.placeholder('id'),
      direction: sql.placeholder('direction'),
      orderKey: sql.placeholder('orderKey'),
      payload: sql.placeholder('payload'),
      dueAt: sql.placeholder('dueAt'),
      icn: sql.placeholder('icn'),
      ohPatientId: sql.placeholder('ohPatientId'),
      ohMessageId: sql.placeholder('ohMessageId'),
      mhvMessageId: sql.placeholder('mhvMessageId'),
      acceptedAt: sql.placeholder('acceptedAt'),
      dedupeKey: sql.placeholder('dedupeKey'),
      requestDigest: sql.placeholder('requestDigest'),
      source: sql.placeholder('source'),
      blocked: sql.placeholder('blocked'),
    })
    .onConflictDoNothing()
    .prepare();
}

function entryRow(entry: Entry, now: Instant): Row {
  return {
    id: Bun.randomUUIDv7(undefined, now),
    direction: 'oh-to-mhv',
    orderKey: ohOrderKey(entry.ohPatientId),
    payload: JSON.stringify(entry),
    dueAt: now,
    ohPatientId: entry.ohPatientId,
    ohMessageId: entry.ohMessageId,
    acceptedAt: now,
    source: entry.source,
    // The instant, not the text: 10:00Z and 12:00+02:00 are the same version (RFC 4287 §4.2.15).
    dedupeKey: `atom:${entry.updatedAt}:${entry.atomId}`,
  };
}

function sendRow(send: Send, idempotency: Idempotency | undefined, now: Instant): Row {
  return {
    id: Bun.randomUUIDv7(undefined, now),
    direction: 'mhv-to-oh',
    orderKey: `icn:${send.icn}`,
    payload: JSON.stringify(send),
    dueAt: now,
    icn: send.icn,
    mhvMessageId: send.mhvMessageId ?? null,
    acceptedAt: now,
    dedupeKey: idempotency ? `idempotency:${idempotency.key}` : null,
    requestDigest: idempotency?.requestDigest ?? null,
  };
}

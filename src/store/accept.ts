/** Taking messages in: what is here is on disk before anybody is told 2xx. */
import { createHash } from 'node:crypto';
import { eq, sql } from 'drizzle-orm';
import { ExchangeError } from '../errors.ts';
import type { Direction, Entry, Instant, Send } from '../message.ts';
import { compiled } from './compiled.ts';
import { held, isBeingListed, noteHeld, ohOrderKey } from './held.ts';
import type { Db } from './open.ts';
import { inbox, quarantine, tombstones } from './schema.ts';
import { keysOf, type Stored, sealed, sealedBytes } from './seals.ts';
import type { Idempotency, QuarantinedDocument, Tombstone } from './store.ts';

/** What a new row says; the other columns have their defaults, or are empty. */
interface Row {
  id: string;
  direction: Direction;
  orderKey: string;
  payload: Stored;
  dueAt: Instant;
  acceptedAt: Instant;
  icn: string | null;
  ohPatientId: string | null;
  ohMessageId: string | null;
  mhvMessageId: string | null;
  dedupeKey: string | null;
  requestDigest: string | null;
  source: Entry['source'] | null;
  receivingPoolId: string | null;
  /** 1: held, whatever is before it; 0: only behind an earlier row of its order key. */
  blocked: 0 | 1;
  traceparent: string | null;
}

/**
 * Rows whose dedupe key is known are left as they are. What the feed announces of a patient whose
 * history is being listed is held until then. Returns how many were new.
 */
export function insertEntries(
  db: Db,
  entries: Entry[],
  now: Instant,
  traceparent?: string,
): number {
  let accepted = 0;
  for (const entry of entries) {
    const row = entryRow(db, entry, now, traceparent);
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

export function insertSend(db: Db, row: Row, idempotency: Idempotency | undefined) {
  const known = idempotency && findByKey(db, idempotency.key);
  if (!known) {
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
  const { body, faults } = document;
  const sha256 = createHash('sha256').update(body).digest('hex');
  db.insert(quarantine)
    .values({
      id: Bun.randomUUIDv7(undefined, now),
      sha256,
      firstSeenAt: now,
      lastSeenAt: now,
      contentType: document.contentType ?? null,
      body: sealedBytes(db, { column: 'quarantine.body', row: sha256 }, body),
      bodySealed: keysOf(db).length > 0,
      sizeBytes: body.byteLength,
      scope: document.scope,
      faults: sealed(db, { column: 'quarantine.faults', row: sha256 }, JSON.stringify(faults)),
      faultCount: faults.length,
    })
    .onConflictDoUpdate({
      target: quarantine.sha256,
      set: {
        lastSeenAt: now,
        pushes: sql`${quarantine.pushes} + 1`,
        // It may have been purged since: a document that still comes is one somebody must see.
        body: sql`excluded.body`,
        bodySealed: sql`excluded.body_sealed`,
        sizeBytes: sql`excluded.size_bytes`,
        purgedAt: null,
      },
    })
    .run();
}

/** Returns 0 when a row with the same dedupe key is there. */
function insertRow(db: Db, row: Row): number {
  return compiled<[Row]>(db, INSERT).run(row).changes;
}

/**
 * Says itself whether the row must wait: a trigger would have to write the row, and its place in the
 * index of what is due, a second time. No earlier row has a greater seq, so each of the same order
 * key is before it.
 */
const INSERT = `INSERT INTO inbox (id, direction, status, order_key, payload, due_at, accepted_at, icn,
    oh_patient_id, oh_message_id, mhv_message_id, dedupe_key, request_digest, source, traceparent,
    receiving_pool_id, blocked)
  VALUES (@id, @direction, 'IN_PROGRESS', @orderKey, @payload, @dueAt, @acceptedAt, @icn,
    @ohPatientId, @ohMessageId, @mhvMessageId, @dedupeKey, @requestDigest, @source, @traceparent,
    @receivingPoolId, @blocked
    OR EXISTS (SELECT 1 FROM inbox WHERE state = 'pending' AND order_key = @orderKey)
    OR EXISTS (SELECT 1 FROM settings WHERE name = 'on_dead' AND value = 'hold')
    AND EXISTS (SELECT 1 FROM inbox WHERE state = 'dead' AND order_key = @orderKey))
  ON CONFLICT DO NOTHING`;

function entryRow(db: Db, entry: Entry, now: Instant, traceparent: string | undefined): Row {
  const id = Bun.randomUUIDv7(undefined, now);
  return {
    id,
    direction: 'oh-to-mhv',
    orderKey: ohOrderKey(entry.ohPatientId),
    payload: sealed(db, { column: 'inbox.payload', row: id }, JSON.stringify(entry)),
    dueAt: now,
    acceptedAt: now,
    icn: null,
    ohPatientId: entry.ohPatientId,
    ohMessageId: entry.ohMessageId,
    mhvMessageId: null,
    requestDigest: null,
    source: entry.source,
    receivingPoolId: null,
    blocked: 0,
    traceparent: traceparent ?? null,
    // The instant, not the text: 10:00Z and 12:00+02:00 are the same version (RFC 4287 §4.2.15).
    dedupeKey: `atom:${entry.updatedAt}:${entry.atomId}`,
  };
}

/** The row of a send, for `insertSend`: made before the write lock is taken, for a send may have files. */
export function sendRow(
  db: Db,
  send: Send,
  idempotency: Idempotency | undefined,
  { now, traceparent }: { now: Instant; traceparent: string | undefined },
): Row {
  const id = Bun.randomUUIDv7(undefined, now);
  return {
    id,
    direction: 'mhv-to-oh',
    orderKey: `icn:${send.icn}`,
    payload: sealed(db, { column: 'inbox.payload', row: id }, JSON.stringify(send)),
    dueAt: now,
    acceptedAt: now,
    icn: send.icn,
    ohPatientId: null,
    ohMessageId: null,
    mhvMessageId: send.mhvMessageId ?? null,
    source: null,
    receivingPoolId: send.receivingPoolId,
    blocked: 0,
    traceparent: traceparent ?? null,
    dedupeKey: idempotency ? `idempotency:${idempotency.key}` : null,
    requestDigest: idempotency?.requestDigest ?? null,
  };
}

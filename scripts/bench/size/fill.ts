/** A file as a few years would leave it, written by SQL in bulk; ids, keys and instants as the store makes them. */
import Database from 'better-sqlite3';
import { openStore } from '../../../src/store/sqlite.ts';

export interface Size {
  /** Messages that both stages are done with: two rows of the queues each, two attempts, a link. */
  done: number;
  /** Messages that wait in the inbox, some ten of each patient. */
  waiting: number;
}

/** One in so many of the done is dead instead, or the duplicate of the one before. */
const DEAD_EVERY = 1000;
const DUPLICATE_EVERY = 50;
const PATIENTS = 50_000;
const PER_PATIENT = 10;
/** Of the patients whose messages wait, those of one in so many wait for the directory, till tomorrow. */
const UNMAPPED_EVERY = 2;
const ACCEPTED_EVERY_MS = 60_000;
const DAY_MS = 24 * 60 * 60 * 1000;
const DOCUMENTS = 2000;
const DOCUMENT_BYTES = 5000;

const hex = (value: string, digits: number) => `printf('%0${digits}x', ${value})`;
/** UUIDv7 of the instant and the number. */
const id = (accepted: string, n: string) =>
  `substr(${hex(accepted, 12)}, 1, 8) || '-' || substr(${hex(accepted, 12)}, 9) || '-7000-8000-' || ${hex(n, 12)}`;
const body = 'An invented line of an invented message. '.repeat(6);

/** Makes the file at `path` and fills it. `now` is the instant after its youngest message. */
export function fill(path: string, size: Size, now: number): void {
  openStore({ path, leaseMs: 60_000, maxAttempts: 20, now: () => now }).close();
  const db = new Database(path);
  // Only while it is filled: a crash means to begin again.
  db.pragma('synchronous = OFF');
  db.pragma('cache_size = -262144');
  db.pragma('temp_store = MEMORY');
  db.pragma('foreign_keys = OFF');
  const first = now - (size.done + size.waiting) * ACCEPTED_EVERY_MS;
  db.transaction(() => {
    db.exec(`CREATE TEMP TABLE numbers
      (n INTEGER PRIMARY KEY, at INTEGER, id TEXT, fate TEXT CHECK (fate IN ('sent', 'dead', 'duplicate', 'waits')))`);
    const at = `(${first} + n * ${ACCEPTED_EVERY_MS})`;
    db.exec(
      `INSERT INTO numbers
       WITH RECURSIVE up (n) AS
         (SELECT 1 UNION ALL SELECT n + 1 FROM up WHERE n < ${size.done + size.waiting})
       SELECT n, ${at}, ${id(at, 'n')}, CASE WHEN n > ${size.done} THEN 'waits'
         WHEN n % ${DEAD_EVERY} = 0 THEN 'dead' WHEN n % ${DUPLICATE_EVERY} = 3 THEN 'duplicate' ELSE 'sent' END
       FROM up`,
    );
    insertInbox(db);
    insertOutbox(db);
    insertWaiting(db, size, now);
    insertAround(db, now);
  })();
  db.close();
}

/** A column of the row before, which the duplicate has the message of. */
function ofCarrier(column: string): string {
  return `iif(fate = 'duplicate', (SELECT c.${column} FROM numbers c WHERE c.n = numbers.n - 1), ${column})`;
}

function insertInbox(db: Database.Database): void {
  db.exec(
    `INSERT INTO inbox (seq, id, direction, state, order_key, payload, due_at, attempts, outcome, duplicate_of, icn,
       oh_patient_id, oh_message_id, mhv_message_id, mhv_thread_id, accepted_at, settled_at, dedupe_key, source, status)
     SELECT n, id, 'oh-to-mhv', 'done', 'oh:' || (n % ${PATIENTS}), '{"body":"${body}"}', at, 1,
       iif(fate = 'duplicate', 'duplicate', 'delivered'), iif(fate = 'duplicate', ${ofCarrier('id')}, NULL),
       printf('%010dV123456', n % ${PATIENTS}), n % ${PATIENTS}, (1000000000 + ${ofCarrier('n')}) || ':-6:0:0',
       iif(fate = 'sent', n, NULL), iif(fate = 'sent', n, NULL), at, at + 5, 'atom:' || at || ':urn:example:' || n,
       iif(n % 2, 'feed', 'history'), iif(fate = 'dead', 'INVALID', 'SENT')
     FROM numbers WHERE fate <> 'waits'`,
  );
}

function insertOutbox(db: Database.Database): void {
  const isDead = "fate = 'dead'";
  db.exec(
    `INSERT INTO outbox (seq, id, direction, state, order_key, payload, due_at, attempts, outcome, error_code,
       reason, http_status, icn, oh_message_id, mhv_message_id, mhv_thread_id, accepted_at, settled_at)
     SELECT n, id, 'oh-to-mhv', iif(${isDead}, 'dead', 'done'), 'oh:' || (n % ${PATIENTS}),
       '{"body":"${body}"}', at, 1, iif(${isDead}, 'rejected', 'delivered'), iif(${isDead}, 'mhv:119', NULL),
       iif(${isDead}, 'No such team.', NULL), iif(${isDead}, 400, NULL), printf('%010dV123456', n % ${PATIENTS}),
       (1000000000 + n) || ':-6:0:0', iif(${isDead}, NULL, n), iif(${isDead}, NULL, n), at + 5, at + 10
     FROM numbers WHERE fate IN ('sent', 'dead')`,
  );
  for (const [stage, fates] of [
    ['inbox', "'sent', 'dead', 'duplicate'"],
    ['outbox', "'sent', 'dead'"],
  ]) {
    db.exec(
      `INSERT INTO attempts (message_id, stage, number, correlation_id, started_at, ended_at, outcome)
       SELECT id, '${stage}', 1, id, at, at + 5, 'delivered' FROM numbers WHERE fate IN (${fates})`,
    );
  }
  db.exec(
    `INSERT INTO links (oh_message_id, direction, mhv_message_id, mhv_thread_id, oh_reference_id, linked_at)
     SELECT (1000000000 + n) || ':-6:0:0', 'oh-to-mhv', n, n, 'ref-' || n, at FROM numbers WHERE fate = 'sent'`,
  );
}

/** As a feed brings them while a destination is down: now one patient's, now another's. */
function insertWaiting(db: Database.Database, { waiting }: Size, now: number): void {
  const patients = Math.ceil(waiting / PER_PATIENT);
  // Knuth's multiplicative hash: the same patients in every run, and no order among them.
  const patient = `(n * 2654435761 / 65536) % ${patients}`;
  const isUnmapped = `nth = 1 AND patient % ${UNMAPPED_EVERY} = 0`;
  if (waiting === 0) return;
  db.exec(
    `INSERT INTO inbox (seq, id, direction, status, order_key, payload, due_at, attempts, error_code, reason,
       oh_patient_id, oh_message_id, blocked, accepted_at, dedupe_key, source)
     SELECT n, id, 'oh-to-mhv', 'IN_PROGRESS', 'oh:w' || patient, '{"body":"${body}"}',
       iif(${isUnmapped}, ${now + DAY_MS}, at), iif(${isUnmapped}, 1, 0),
       iif(${isUnmapped}, 'directory:unmapped-pool', NULL), iif(${isUnmapped}, 'Pool 2000009 is not in the directory.', NULL),
       'w' || patient, (1000000000 + n) || ':-6:0:0', nth > 1,
       at, 'atom:' || at || ':urn:example:' || n, 'feed'
     FROM (SELECT *, row_number() OVER (PARTITION BY patient ORDER BY n) AS nth FROM
       (SELECT n, at, id, ${patient} AS patient FROM numbers WHERE fate = 'waits'))
     ORDER BY n`,
  );
}

/** Histories of the patients, of which one in a hundred failed and one is under way, and broken documents. */
function insertAround(db: Database.Database, now: number): void {
  db.exec(
    `INSERT INTO sessions (icn, state, oh_patient_id, requested_at, listed_at, due_at, error_code, reason)
     SELECT DISTINCT icn, CASE CAST(oh_patient_id AS INTEGER) % 100 WHEN 7 THEN 'dead' WHEN 8 THEN 'pending' ELSE 'listed' END,
       oh_patient_id, ${now - DAY_MS}, ${now - DAY_MS / 2}, ${now + DAY_MS},
       iif(CAST(oh_patient_id AS INTEGER) % 100 = 7, 'fhir:404', NULL), iif(CAST(oh_patient_id AS INTEGER) % 100 = 7, 'No such patient.', NULL)
     FROM inbox WHERE icn IS NOT NULL AND seq <= ${PATIENTS}`,
  );
  db.exec(
    `INSERT INTO quarantine (id, sha256, first_seen_at, last_seen_at, content_type, body, size_bytes, scope, faults, fault_count)
     SELECT id, ${hex('n', 64)}, at, at, 'application/atom+xml', zeroblob(${DOCUMENT_BYTES}), ${DOCUMENT_BYTES}, 'document', '[{"detail":"no root"}]', 1
     FROM numbers WHERE n <= ${DOCUMENTS}`,
  );
}

/** A file as a few years would leave it, written by SQL in bulk; ids, keys and instants as the store makes them. */
import Database from 'better-sqlite3';
import { openStore } from '../../../src/store/sqlite.ts';

export interface Size {
  /** Messages that both stages are done with: two rows of the queues each, two attempts, a link. */
  done: number;
  /** Messages that wait in the inbox, ten of each patient. */
  waiting: number;
}

/** One in so many of the done is dead instead. */
const DEAD_EVERY = 1000;
const PATIENTS = 50_000;
const PER_PATIENT = 10;
const ACCEPTED_EVERY_MS = 60_000;

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
    db.exec('CREATE TEMP TABLE numbers (n INTEGER PRIMARY KEY, at INTEGER, id TEXT, dead INTEGER)');
    const at = `(${first} + n * ${ACCEPTED_EVERY_MS})`;
    db.exec(
      `INSERT INTO numbers
       WITH RECURSIVE up (n) AS
         (SELECT 1 UNION ALL SELECT n + 1 FROM up WHERE n < ${size.done + size.waiting})
       SELECT n, ${at}, ${id(at, 'n')}, n <= ${size.done} AND n % ${DEAD_EVERY} = 0 FROM up`,
    );
    insertDone(db, size);
    insertWaiting(db, size);
  })();
  db.close();
}

function insertDone(db: Database.Database, { done }: Size): void {
  db.exec(
    `INSERT INTO inbox (seq, id, direction, state, order_key, payload, due_at, attempts, outcome, icn,
       oh_patient_id, oh_message_id, mhv_message_id, mhv_thread_id, accepted_at, settled_at, dedupe_key, source)
     SELECT n, id, 'oh-to-mhv', 'done', 'oh:' || (n % ${PATIENTS}), '{"body":"${body}"}', at, 1,
       'delivered', printf('%010dV123456', n % ${PATIENTS}), n % ${PATIENTS}, (1000000000 + n) || ':-6:0:0', 
       iif(dead, NULL, n), iif(dead, NULL, n), at, at + 5, 'atom:' || at || ':urn:example:' || n, 'feed'
     FROM numbers WHERE n <= ${done}`,
  );
  db.exec(
    `INSERT INTO outbox (seq, id, direction, state, order_key, payload, due_at, attempts, outcome, error_code,
       reason, http_status, icn, oh_message_id, mhv_message_id, mhv_thread_id, accepted_at, settled_at)
     SELECT n, id, 'oh-to-mhv', iif(dead, 'dead', 'done'), 'oh:' || (n % ${PATIENTS}),
       '{"body":"${body}"}', at, 1, iif(dead, 'rejected', 'delivered'), iif(dead, 'mhv:119', NULL),
       iif(dead, 'No such team.', NULL), iif(dead, 400, NULL), printf('%010dV123456', n % ${PATIENTS}),
       (1000000000 + n) || ':-6:0:0', iif(dead, NULL, n), iif(dead, NULL, n), at + 5, at + 10
     FROM numbers WHERE n <= ${done}`,
  );
  for (const stage of ['inbox', 'outbox']) {
    db.exec(
      `INSERT INTO attempts (message_id, stage, number, correlation_id, started_at, ended_at, outcome)
       SELECT id, '${stage}', 1, id, at, at + 5, 'delivered' FROM numbers WHERE n <= ${done}`,
    );
  }
  db.exec(
    `INSERT INTO links (oh_message_id, direction, mhv_message_id, mhv_thread_id, oh_reference_id, linked_at)
     SELECT (1000000000 + n) || ':-6:0:0', 'oh-to-mhv', n, n, 'ref-' || n, at FROM numbers WHERE n <= ${done} AND NOT dead`,
  );
}

function insertWaiting(db: Database.Database, { done }: Size): void {
  // The trigger, if there is one, would look for each row whether it is blocked; here that is known.
  const name = 'inbox_blocked_when_accepted';
  const trigger = db
    .prepare<[string], { sql: string }>('SELECT sql FROM sqlite_schema WHERE name = ?')
    .get(name);
  db.exec(`DROP TRIGGER IF EXISTS ${name}`);
  db.exec(
    `INSERT INTO inbox (seq, id, direction, order_key, payload, due_at, oh_patient_id, oh_message_id, blocked,
       accepted_at, dedupe_key, source)
     SELECT n, id, 'oh-to-mhv', 'oh:w' || ((n - ${done} - 1) / ${PER_PATIENT}), '{"body":"${body}"}', at,
       'w' || ((n - ${done} - 1) / ${PER_PATIENT}), (1000000000 + n) || ':-6:0:0',
       (n - ${done} - 1) % ${PER_PATIENT} > 0, at, 'atom:' || at || ':urn:example:' || n, 'feed'
     FROM numbers WHERE n > ${done}`,
  );
  if (trigger) db.exec(trigger.sql);
}

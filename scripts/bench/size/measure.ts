/**
 * Costs on the file at PATH, next to the file at REFERENCE, for the `size` benchmark: `PATH REFERENCE NOW` in, one
 * JSON line out.
 */
import Database from 'better-sqlite3';
import { openStore } from '../../../src/store/sqlite.ts';
import { inTurn, median } from '../rounds.ts';
import { type Looks, type Sights, timeLooks } from './looks.ts';
import { type Bench, type Work, work } from './work.ts';

export interface Costs extends Work {
  /** Times what the reference costs, both measured in turn. */
  acceptSlowdown: number;
  claimSlowdown: number;
  settleSlowdown: number;
  rssMb: number;
  looks: Looks;
  /** Milliseconds of the views for a person with sqlite3, which go through everything that waits. */
  viewStuckMs: number;
  viewBacklogMs: number;
}

/** As many as there are invented patients, so that none waits for another. */
const MESSAGES = 1000;
/** Odd, for the median. */
const ROUNDS = 15;
const FIRST_INVENTED = 500_000;

const [path = '', referencePath = '', nowText = ''] = process.argv.slice(2);
const subject = benchOn(path);
const looks = await timeLooks(subject.store, subject.clock, sights());
const viewStuckMs = timeView('stuck');
const viewBacklogMs = timeView('backlog');
const reference = benchOn(referencePath);
const sides = {
  subject: () => work(subject, MESSAGES),
  reference: () => work(reference, MESSAGES),
};
await inTurn(1, sides);
const rounds = await inTurn(ROUNDS, sides);
const rssMb = process.memoryUsage.rss() / 1024 / 1024;
subject.store.close();
reference.store.close();

const micros = (side: Work[], figure: keyof Work) => median(side.map((round) => round[figure]));
const slowdown = (figure: keyof Work) =>
  micros(rounds.subject, figure) / micros(rounds.reference, figure);
const answer: Costs = {
  acceptMicros: micros(rounds.subject, 'acceptMicros'),
  claimMicros: micros(rounds.subject, 'claimMicros'),
  settleMicros: micros(rounds.subject, 'settleMicros'),
  acceptSlowdown: slowdown('acceptMicros'),
  claimSlowdown: slowdown('claimMicros'),
  settleSlowdown: slowdown('settleMicros'),
  rssMb,
  looks,
  viewStuckMs,
  viewBacklogMs,
};
console.log(JSON.stringify(answer));

function benchOn(file: string): Bench {
  const clock = { now: Number(nowText) };
  const bounds = { leaseMs: 600_000, maxAttempts: 20 };
  const store = openStore({ path: file, ...bounds, now: () => clock.now });
  const beside = new Database(file);
  return {
    store,
    clock,
    next: FIRST_INVENTED,
    checkpoint: () => beside.pragma('wal_checkpoint(PASSIVE)'),
  };
}

/** A message in the middle of the file. */
function sights(): Sights {
  const db = new Database(path, { readonly: true });
  const found = db
    .prepare<[], Sights>(
      `SELECT id, seq AS cursor, icn, oh_message_id AS ohMessageId, mhv_message_id AS mhvMessageId
       FROM inbox WHERE seq >= (SELECT max(seq) / 2 FROM inbox) AND mhv_message_id IS NOT NULL
       ORDER BY seq LIMIT 1`,
    )
    .get();
  db.close();
  if (!found) throw new Error('The file has no message to look at.');
  return found;
}

function timeView(name: string): number {
  const db = new Database(path, { readonly: true });
  const began = performance.now();
  db.prepare(`SELECT * FROM ${name} LIMIT 50`).all();
  const tookMs = performance.now() - began;
  db.close();
  return tookMs;
}

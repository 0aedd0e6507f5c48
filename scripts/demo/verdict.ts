/** Compares what the database says with what the mocks have, and prints each message's way. */
import Database from 'better-sqlite3';
import type { Expected } from './story.ts';
import { get, type MhvStored, type OhStored, type Town } from './town.ts';

const DEADLINE_MS = 30_000;

interface Step {
  message_id: string;
  at: string;
  direction: string;
  stage: string;
  event: string;
  detail: string | null;
}

/** Waits until nothing is pending, for 30 s at most. Returns whether that was reached. */
export async function waitUntilDone(databasePath: string, messages: number): Promise<boolean> {
  const until = Date.now() + DEADLINE_MS;
  while (Date.now() < until) {
    const [row] = ask<{ pending: number; accepted: number }>(
      databasePath,
      `SELECT (SELECT count(*) FROM inbox) AS accepted,
              (SELECT count(*) FROM inbox WHERE state = 'pending') +
              (SELECT count(*) FROM outbox WHERE state = 'pending') AS pending`,
    );
    if (row?.pending === 0 && row.accepted >= messages) return true;
    await Bun.sleep(100);
  }
  return false;
}

/** Prints one line a message, but for history: when each thing happened to it, from `timeline`. */
export function printWays(databasePath: string): void {
  const steps = ask<Step>(
    databasePath,
    "SELECT * FROM timeline WHERE message_id NOT IN (SELECT id FROM inbox WHERE source = 'history')",
  );
  const messages = Map.groupBy(steps, ({ message_id }) => message_id);
  for (const [id, way] of messages) {
    const began = Date.parse(way[0]?.at ?? '');
    const shown = way
      .filter(({ event, stage }) => event !== 'started' && !(stage === 'inbox' && event === 'done'))
      .map(({ at, event }) => `${event} +${Date.parse(at) - began} ms`);
    const arrow = way[0]?.direction === 'oh-to-mhv' ? 'OH -> MHV' : 'MHV -> OH';
    console.log(`${arrow}  ${id}  ${shown.join(', ')}`);
    const end = way.at(-1)?.detail;
    if (end) console.log(`           ${end}`);
  }
}

/** Prints the counts of both sides; returns what does not agree, nothing when all is well. */
export async function judge(
  town: Town,
  databasePath: string,
  expected: Expected,
): Promise<string[]> {
  const mhv = await get<MhvStored[]>(`${town.mhv}/_mock/messages`);
  const oh = await get<OhStored[]>(`${town.messaging}/_mock/messages`);
  const count = (sql: string) => ask<{ n: number }>(databasePath, sql)[0]?.n ?? -1;
  const delivered = (direction: string) =>
    count(`SELECT count(*) AS n FROM outbox WHERE state = 'done' AND direction = '${direction}'`);
  const sentIds = ask<{ id: string; oh_message_id: string }>(
    databasePath,
    "SELECT id, oh_message_id FROM outbox WHERE direction = 'mhv-to-oh' AND state = 'done'",
  );
  const rowsOf = (ohMessageId: string) =>
    count(`SELECT count(*) AS n FROM outbox WHERE oh_message_id = '${ohMessageId}'`);
  const copiesOf = (id: string) => mhv.filter(({ ohMessageId }) => ohMessageId === id).length;
  const invalid = "SELECT count(*) AS n FROM inbox WHERE state = 'dead' AND outcome = 'rejected'";
  const waited =
    "SELECT count(DISTINCT message_id) AS n FROM attempts WHERE error_code = 'directory:unmapped-pool'";
  const { history } = expected;
  const historic = count(
    `SELECT count(*) AS n FROM inbox i JOIN outbox o USING (id)
     WHERE i.source = 'history' AND o.state = 'done' AND i.icn = '${history.icn}'`,
  );
  const atMhv = mhv.filter(({ icn }) => icn === history.icn).length;
  const live = expected.toMhv.length;
  const rows: [string, number, number, number][] = [
    ['delivered to MHV', live, delivered('oh-to-mhv') - historic, mhv.length - atMhv],
    ['history to MHV', history.messages, historic, atMhv],
    ['delivered to OH', expected.toOh.length, delivered('mhv-to-oh'), oh.length],
    ['refused as INVALID', expected.invalid.length, count(invalid), expected.invalid.length],
    ['of one pushed twice', 1, rowsOf(expected.pushedTwice), copiesOf(expected.pushedTwice)],
    ['waited for its pool', 1, count(waited), copiesOf(expected.waitedForPool)],
    ['in quarantine', expected.quarantined, count('SELECT count(*) AS n FROM quarantine'), 1],
  ];
  printCounts(rows);
  const reply = sentIds.find(({ id }) => id === expected.patientReply.id);
  const checks: [boolean, string][] = [
    ...rows.map(([name, want, database, mocks]): [boolean, string] => [
      want === database && want === mocks,
      `${name}: expected ${want}, database ${database}, mocks ${mocks}`,
    ]),
    [
      expected.toMhv.every(
        (id) => mhv.filter(({ ohMessageId }) => ohMessageId === id).length === 1,
      ),
      'MHV does not have each OH message exactly once',
    ],
    [
      sentIds.every(({ oh_message_id: id }) => oh.some(({ ohMessageId }) => ohMessageId === id)),
      'OH does not have each sent message under the id in the database',
    ],
    ...checksOfContents(expected, reply?.oh_message_id, mhv, oh),
  ];
  return checks.filter(([ok]) => !ok).map(([, complaint]) => complaint);
}

/** What the messages themselves must show. */
function checksOfContents(
  expected: Expected,
  replyAtOh: string | undefined,
  mhv: MhvStored[],
  oh: OhStored[],
): [boolean, string][] {
  return [
    [
      mhv.some(
        ({ ohMessageId, inReplyToOhMessageId }) =>
          ohMessageId === expected.clinicianReply.id &&
          inReplyToOhMessageId === expected.clinicianReply.to,
      ),
      "the clinician's reply does not refer to the patient's message",
    ],
    [
      oh.some(
        ({ ohMessageId, previousMessageId }) =>
          ohMessageId === replyAtOh && previousMessageId === expected.patientReply.to,
      ),
      "the patient's reply does not refer to the clinician's message",
    ],
    [
      mhv.some(
        ({ ohMessageId, triageGroup }) =>
          ohMessageId === expected.waitedForPool && triageGroup.name === 'ZZTEST Cardiology East',
      ),
      'the pool that was mapped is not shown by its name in the directory',
    ],
    [mhv.some(({ attachments }) => attachments.length > 0), 'no file reached MHV'],
    [oh.some(({ attachments }) => (attachments ?? []).length > 0), 'no file reached OH'],
  ];
}

function printCounts(rows: [string, number, number, number][]): void {
  console.log('\n                     expected  database  mocks');
  for (const [name, ...numbers] of rows) {
    const cells = numbers.map((n) => String(n).padStart(8)).join('  ');
    console.log(`${name.padEnd(20)} ${cells}`);
  }
}

function ask<T>(databasePath: string, sql: string): T[] {
  const db = new Database(databasePath, { readonly: true });
  try {
    return db.prepare(sql).all() as T[];
  } finally {
    db.close();
  }
}

import { expect, spyOn, test } from 'bun:test';
import Database from 'better-sqlite3';
import type { Entry } from '../../src/message.ts';
import { open } from '../../src/store/open.ts';
import type { Claimed, Settlement } from '../../src/store/store.ts';
import type { Cutoffs, PurgeCursor } from '../../src/store/upkeep.ts';
import { entry, lanes, numbered, type Setup, START, setup, toMhv } from './setup.ts';

const DAY_MS = 24 * 60 * 60 * 1000;
const BATCH = 2;

const failed: Settlement = {
  state: 'dead',
  outcome: { kind: 'rejected', code: 'mhv:119', reason: 'No such team.' },
};

function delivered(from: Entry): Settlement {
  const ids = { ohMessageId: from.ohMessageId, mhvMessageId: '1', mhvThreadId: '2' };
  return { state: 'done', outcome: { kind: 'delivered', ids, found: false } };
}

async function queued(s: Setup, from: Entry): Promise<Claimed> {
  await s.store.acceptDocument({ entries: [from] });
  const [received] = await s.store.claim(lanes.fromOh, 1);
  if (!received) throw new Error('nothing claimed');
  await s.store.handOver(received, toMhv(from));
  const [translated] = await s.store.claim(lanes.toMhv, 1);
  if (!translated) throw new Error('nothing claimed');
  return translated;
}

async function settled(s: Setup, n: number, settlement?: Settlement): Promise<string> {
  const from = numbered(n, `70000${n}`);
  const claimed = await queued(s, from);
  await s.store.settle(claimed, settlement ?? delivered(from));
  return claimed.id;
}

/** 90 and 365 days before the present of the test's clock. */
function cutoffs({ clock }: Setup): Cutoffs {
  return { done: clock.now - 90 * DAY_MS, dead: clock.now - 365 * DAY_MS };
}

/** Purges to the end, in batches; returns what each batch purged. */
async function purge(s: Setup): Promise<number[]> {
  const batches: number[] = [];
  let after: PurgeCursor | undefined;
  do {
    const batch = await s.store.upkeep.purgeMessages(cutoffs(s), after, BATCH);
    after = batch.next;
    if (after) batches.push(batch.purged);
  } while (after);
  return batches;
}

const kept = "SELECT id FROM inbox WHERE payload <> '{}' AND purged_at IS NULL ORDER BY seq";

test('a delivered message loses its contents of both stages after its time and keeps its story', async () => {
  const s = setup();
  const id = await settled(s, 1);
  await s.store.rememberUpload(id, { position: 0, sha256: 'ab', reference: { name: 'scan.pdf' } });
  s.clock.now += 90 * DAY_MS - 1;
  expect(await purge(s)).toEqual([]);
  const before = await s.store.find(id);
  s.clock.now += 1;
  expect(await purge(s)).toEqual([1]);
  expect(
    s.query('SELECT payload, purged_at FROM inbox UNION ALL SELECT payload, purged_at FROM outbox'),
  ).toEqual([
    { payload: '{}', purged_at: s.clock.now },
    { payload: '{}', purged_at: s.clock.now },
  ]);
  expect(s.query('SELECT reference, sha256 FROM uploads')).toEqual([
    { reference: '{}', sha256: 'ab' },
  ]);
  expect(before?.attempts).toHaveLength(2);
  expect(await s.store.find(id)).toEqual(before);
  expect(await purge(s)).toEqual([]);
});

test('the time runs from the end of the last stage, and not while one is pending', async () => {
  const s = setup();
  const from = numbered(1);
  const claimed = await queued(s, from);
  s.clock.now += 400 * DAY_MS;
  expect(await purge(s)).toEqual([0]);
  const [again] = await s.store.claim(lanes.toMhv, 1);
  if (!again) throw new Error('nothing claimed');
  await s.store.settle(again, delivered(from));
  s.clock.now += 89 * DAY_MS;
  expect(await purge(s)).toEqual([0]);
  s.clock.now += DAY_MS;
  expect(await purge(s)).toEqual([1]);
  expect(s.query(kept)).toEqual([]);
  expect(claimed.id).toBe(again.id);
});

test('a dead message keeps its contents for a person, until it is dismissed or a year has passed', async () => {
  const s = setup();
  const dismissed = await settled(s, 1, failed);
  const waiting = await settled(s, 2, failed);
  s.clock.now += 100 * DAY_MS;
  await purge(s);
  expect(s.query(kept)).toEqual([{ id: dismissed }, { id: waiting }]);
  await s.store.operator.dismiss(dismissed, 'ann', 'Told by phone.');
  await purge(s);
  expect(s.query(kept)).toEqual([{ id: waiting }]);
  s.clock.now += 265 * DAY_MS;
  await purge(s);
  expect(s.query(kept)).toEqual([]);
});

test('a dead message that a person replayed is kept until it is over again', async () => {
  const s = setup();
  const id = await settled(s, 1, failed);
  s.clock.now += 364 * DAY_MS;
  await s.store.operator.replayOne(id, 'ann');
  s.clock.now += 10 * DAY_MS;
  await purge(s);
  expect(s.query(kept)).toEqual([{ id }]);
});

test('a purge goes in bounded batches and passes over what must stay', async () => {
  const s = setup();
  const ids: string[] = [];
  for (const n of [1, 2, 3, 4, 5]) {
    ids.push(await settled(s, n, n === 2 ? failed : undefined));
    s.clock.now += 1;
  }
  s.clock.now = START + 91 * DAY_MS;
  expect(await purge(s)).toEqual([1, 2, 1]);
  expect(s.query(kept)).toEqual([{ id: ids[1] }]);
});

test('a batch of large messages is cut short, and the next goes on where it ended', async () => {
  const s = setup();
  for (const n of [1, 2]) {
    const id = await settled(s, n);
    const db = new Database(s.path);
    db.prepare('UPDATE inbox SET payload = zeroblob(12 * 1024 * 1024) WHERE id = ?').run(id);
    db.close();
  }
  s.clock.now += 91 * DAY_MS;
  expect(await purge(s)).toEqual([1, 1]);
});

test('what is to be purged is found by an index, however many messages there are', async () => {
  const s = setup();
  const prepare = spyOn(Database.prototype, 'prepare');
  await s.store.upkeep.purgeMessages(cutoffs(s), { settledAt: 1, seq: 1 }, BATCH);
  await s.store.upkeep.purgeQuarantine(cutoffs(s));
  const statements = prepare.mock.calls.map(([sql]) => sql);
  prepare.mockRestore();
  const plans = statements
    .filter((sql) => /purged_at/.test(sql))
    .flatMap((sql) =>
      s.query<{ detail: string }>(
        `EXPLAIN QUERY PLAN ${sql}`,
        ...Array.from({ length: sql.split('?').length - 1 }, () => 0),
      ),
    )
    .map(({ detail }) => detail);
  expect(plans).toContainEqual(expect.stringContaining('INDEX inbox_unpurged (settled_at'));
  expect(plans).toContainEqual(expect.stringContaining('outbox USING INDEX outbox_id'));
  expect(plans).toContainEqual(expect.stringContaining('INDEX quarantine_unpurged (last_seen_at'));
  expect(plans.filter((detail) => /^SCAN|TEMP B-TREE/.test(detail))).toEqual([]);
});

test('a quarantined document goes after a year, or 90 days after it was taken in whole', async () => {
  const s = setup();
  for (const body of ['<one', '<two', '<three']) {
    await s.store.quarantine({
      scope: 'document',
      body: new TextEncoder().encode(body),
      faults: [{ detail: 'Broken.' }],
    });
  }
  const taken = s.query<{ id: string }>(
    "SELECT id FROM quarantine WHERE body = CAST('<one' AS BLOB)",
  );
  const refused = s.query<{ id: string }>(
    "SELECT id FROM quarantine WHERE body = CAST('<two' AS BLOB)",
  );
  const again = { tombstones: [], actor: 'ann' };
  await s.store.operator.takeQuarantined(taken[0]?.id ?? '', {
    ...again,
    entries: [entry()],
    faults: [],
  });
  await s.store.operator.noteFailedReplay(refused[0]?.id ?? '', {
    actor: 'ann',
    faults: [{ detail: 'Still broken.' }],
  });
  s.clock.now += 90 * DAY_MS;
  expect(await s.store.upkeep.purgeQuarantine(cutoffs(s))).toBe(1);
  expect(await s.store.upkeep.purgeQuarantine(cutoffs(s))).toBe(0);
  expect(s.query('SELECT id FROM quarantine WHERE purged_at IS NOT NULL')).toEqual(taken);
  s.clock.now += 275 * DAY_MS;
  expect(await s.store.upkeep.purgeQuarantine(cutoffs(s))).toBe(2);
  expect(s.query('SELECT DISTINCT length(body) AS bytes, faults FROM quarantine')).toEqual([
    { bytes: 0, faults: '[{"detail":"Broken."}]' },
  ]);
});

test('a document that is pushed again after its purge is kept again', async () => {
  const s = setup();
  const document = {
    scope: 'document' as const,
    body: new TextEncoder().encode('<feed'),
    faults: [{ detail: 'Broken.' }],
  };
  await s.store.quarantine(document);
  s.clock.now += 366 * DAY_MS;
  await s.store.upkeep.purgeQuarantine(cutoffs(s));
  await s.store.quarantine(document);
  expect(s.query('SELECT CAST(body AS TEXT) AS body, pushes, purged_at FROM quarantine')).toEqual([
    { body: '<feed', pushes: 2, purged_at: null },
  ]);
});

test('a fresh file can shrink in steps, and its log is bounded', () => {
  const { path } = setup();
  const { sqlite } = open(path);
  expect(sqlite.pragma('auto_vacuum', { simple: true })).toBe(2);
  expect(sqlite.pragma('wal_autocheckpoint', { simple: true })).toBe(1000);
  expect(sqlite.pragma('journal_size_limit', { simple: true })).toBe(64 * 1024 * 1024);
  sqlite.close();
});

test('a file that could not shrink is refused rather than left to grow', () => {
  const { path } = setup();
  const other = new Database(`${path}.other`);
  other.exec('CREATE TABLE t (n)').close();
  expect(() => open(`${path}.other`)).toThrow('auto_vacuum is 0, not 2');
});

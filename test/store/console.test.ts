/** What the console reads: nothing it asks walks through all rows. */
import { expect, test } from 'bun:test';
import Database from 'better-sqlite3';
import { FlowCounter } from '../../src/store/console-flow.ts';
import { type SearchFilter, search } from '../../src/store/console-search.ts';
import { standing } from '../../src/store/console-standing.ts';
import { open } from '../../src/store/open.ts';
import type { Store } from '../../src/store/store.ts';
import { plansOf } from './plans.ts';
import { entry, lanes, numbered, START, send, setup } from './setup.ts';

/** Accepts a message that Oracle Health does not have; returns its id. */
async function refused(store: Store): Promise<string> {
  await store.acceptDocument({ entries: [entry()] });
  const [claimed] = await store.claim(lanes.fromOh, 1);
  if (!claimed) throw new Error('nothing to claim');
  const outcome = { kind: 'rejected', code: 'oh:404', reason: 'Gone.' } as const;
  await store.settle(claimed, { state: 'dead', outcome });
  return claimed.id;
}

const WHOLE_TABLE = /SCAN (inbox|outbox|attempts)(?! USING)/;

test.each<[string, SearchFilter]>([
  ['everything', {}],
  ['an ICN', { named: { by: 'icn', value: '1012345678V123456' } }],
  ['an OH message id', { named: { by: 'ohMessageId', value: '3000000005:-6:0:0' } }],
  ['an MHV message id', { named: { by: 'mhvMessageId', value: '655570' } }],
  ['an id', { named: { by: 'id', value: '01999999-0000-7000-8000-000000000000' } }],
  ['an error', { errorCode: 'mhv:503' }],
  ['what was given up', { status: 'GIVEN_UP', direction: 'oh-to-mhv' }],
  ['what failed in a stretch of time', { status: 'FAILED', since: START, until: START + 1 }],
  ['what is in progress', { status: 'IN_PROGRESS' }],
  ['what was sent', { status: 'SENT', until: START }],
])('a search for %s goes by an index', async (_what, filter) => {
  const { path } = setup();
  const plans = await plansOf(path, ({ db }) => search(db, filter, { limit: 25 }));
  expect(plans.length).toBeGreaterThan(1);
  expect(plans.filter((plan) => WHOLE_TABLE.test(plan))).toEqual([]);
});

test('the overview goes by indexes', async () => {
  const { path } = setup();
  const plans = await plansOf(path, async (connection) => {
    standing(connection, START);
    await new FlowCounter(connection.db).read(START);
  });
  expect(plans.join(' ')).toContain('COVERING INDEX inbox_status');
  expect(plans.join(' ')).toContain('COVERING INDEX inbox_unmapped');
  expect(plans.filter((plan) => WHOLE_TABLE.test(plan))).toEqual([]);
});

test('a search that looked at many and found none says how far back it came, and goes on from there', async () => {
  const { store, clock, path } = setup();
  const first = send({ receivingPoolId: '2000009' });
  await store.acceptSend(first);
  clock.now += 1000;
  const entries = Array.from({ length: 3500 }, (_, n) => numbered(n));
  await store.acceptDocument({ entries });
  const sqlite = new Database(path);
  sqlite.exec(`UPDATE inbox SET state = 'dead', settled_at = accepted_at, error_code = 'oh:500',
    reason = 'Server error.', outcome = 'retry'`);
  sqlite.close();
  const filter = { status: 'GIVEN_UP', direction: 'mhv-to-oh' } as const;
  const page = await store.console.search(filter, { limit: 25 });
  expect(page).toMatchObject({ messages: [], searchedTo: START + 1000 });
  const rest = await store.console.search(filter, { limit: 25, cursor: page.next ?? '' });
  expect(rest.messages).toHaveLength(1);
  expect(rest.next).toBeUndefined();
});

test('a search for a status meets it behind however many others are newer', async () => {
  const { store, clock } = setup();
  const id = await refused(store);
  clock.now += 1000;
  await store.acceptDocument({
    entries: Array.from({ length: 3500 }, (_, n) => numbered(100 + n)),
  });
  const invalid = await store.console.search({ status: 'INVALID' }, { limit: 25 });
  expect(invalid.messages.map((message) => message.id)).toEqual([id]);
  expect(invalid.next).toBeUndefined();
  const first = await store.console.search({ status: 'IN_PROGRESS' }, { limit: 25 });
  const cursor = first.next ?? '';
  const second = await store.console.search({ status: 'IN_PROGRESS' }, { limit: 25, cursor });
  const ids = [...first.messages, ...second.messages].map((message) => message.id);
  expect(new Set(ids).size).toBe(50);
  expect(ids).toEqual(ids.toSorted().toReversed());
});

test('a minute that is over is counted once, and the present one anew', async () => {
  const { store, clock } = setup();
  await store.acceptDocument({ entries: [entry()] });
  clock.now += 5 * 60_000;
  const accepted = async () =>
    (await store.console.flow()).minutes['oh-to-mhv'].map((bucket) => bucket.accepted);
  expect((await accepted()).slice(-6)).toEqual([1, 0, 0, 0, 0, 0]);
  await store.acceptDocument({ entries: [numbered(7), numbered(8)] });
  expect((await accepted()).slice(-6)).toEqual([1, 0, 0, 0, 0, 2]);
  clock.now += 60_000;
  expect((await accepted()).slice(-6)).toEqual([0, 0, 0, 0, 2, 0]);
});

test('what is counted of a busy minute and day is what is there', async () => {
  const { store, path } = setup();
  const { sqlite } = open(path);
  const insert = sqlite.prepare(`INSERT INTO inbox
    (id, direction, state, order_key, payload, due_at, accepted_at, settled_at, outcome)
    VALUES (?, 'oh-to-mhv', 'done', 'k', '{}', 0, ?, ?, 'delivered')`);
  const insertAll = sqlite.transaction(() => {
    for (let n = 0; n < 25_000; n += 1) {
      const at = n < 12_000 ? START - 90_000 : START - n * 3000;
      insert.run(`row-${n}`, at, at);
    }
  });
  insertAll.immediate();
  const expected = sqlite
    .prepare('SELECT count(*) AS rows FROM inbox WHERE accepted_at >= ?')
    .get(START - 23 * 3_600_000) as { rows: number };
  sqlite.close();
  const { hours, countedSince } = await store.console.flow();
  expect(countedSince).toBe(START - 23 * 3_600_000);
  const sum = hours['oh-to-mhv'].reduce((total, { accepted }) => total + accepted, 0);
  expect(sum).toBe(expected.rows);
});

test('a dead message is given up until it is dismissed', async () => {
  const { store, clock } = setup();
  const id = await refused(store);
  const found = async () =>
    (await store.console.search({ status: 'GIVEN_UP' }, { limit: 5 })).messages.length;
  expect(await found()).toBe(1);
  expect((await store.console.standing()).errors).toEqual([
    { code: 'oh:404', direction: 'oh-to-mhv', messages: { count: 1, isMore: false } },
  ]);
  await store.operator.dismiss(id, 'ann', 'not needed');
  clock.now += 1000;
  expect(await found()).toBe(0);
  expect((await store.console.standing()).errors).toEqual([]);
});

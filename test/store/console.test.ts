/** What the console reads: nothing it asks walks through all rows. */
import { expect, test } from 'bun:test';
import { type SQL } from 'drizzle-orm';
import { SQLiteSyncDialect } from 'drizzle-orm/sqlite-core';
import { FlowCounter } from '../../src/store/console-flow.ts';
import { type SearchFilter, search } from '../../src/store/console-search.ts';
import { standing } from '../../src/store/console-standing.ts';
import { type Db, open } from '../../src/store/open.ts';
import { entry, lanes, numbered, START, send, setup } from './setup.ts';

/** The plans of every statement that `read` runs. */
async function plansOf(path: string, read: (db: Db) => unknown): Promise<string[]> {
  const { db, sqlite } = open(path);
  const plans: string[] = [];
  const explained = (method: 'all' | 'get') => (query: SQL) => {
    const { sql: text, params } = new SQLiteSyncDialect().sqlToQuery(query);
    const rows = sqlite.prepare(`EXPLAIN QUERY PLAN ${text}`).all(...params) as {
      detail: string;
    }[];
    plans.push(...rows.map(({ detail }) => detail));
    return db[method](query);
  };
  const watched = new Proxy(db, {
    get: (target, name) =>
      name === 'all' || name === 'get' ? explained(name) : Reflect.get(target, name),
  });
  try {
    await read(watched);
    return plans;
  } finally {
    sqlite.close();
  }
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
  const plans = await plansOf(path, (db) => search(db, filter, { limit: 25 }));
  expect(plans.length).toBeGreaterThan(1);
  expect(plans.filter((plan) => WHOLE_TABLE.test(plan))).toEqual([]);
});

test('the overview goes by indexes', async () => {
  const { path } = setup();
  const { sqlite } = open(path);
  const plans = await plansOf(path, async (db) => {
    standing({ db, sqlite }, START);
    await new FlowCounter(db).read(START);
  });
  sqlite.close();
  expect(plans.join(' ')).toContain('COVERING INDEX inbox_accepted');
  expect(plans.filter((plan) => WHOLE_TABLE.test(plan))).toEqual([]);
});

test('a search that looked at many and found none says how far back it came, and goes on from there', async () => {
  const { store, clock } = setup();
  const first = send({ receivingPoolId: '2000009' });
  await store.acceptSend(first);
  clock.now += 1000;
  const entries = Array.from({ length: 3500 }, (_, n) => numbered(n));
  await store.acceptDocument({ entries });
  const page = await store.console.search({ direction: 'mhv-to-oh' }, { limit: 25 });
  expect(page).toMatchObject({ messages: [], searchedTo: START + 1000 });
  const rest = await store.console.search(
    { direction: 'mhv-to-oh' },
    { limit: 25, cursor: page.next ?? '' },
  );
  expect(rest.messages).toHaveLength(1);
  expect(rest.next).toBeUndefined();
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
  await store.acceptDocument({ entries: [entry()] });
  const [claimed] = await store.claim(lanes.fromOh, 1);
  if (!claimed) throw new Error('nothing to claim');
  const outcome = { kind: 'rejected', code: 'oh:404', reason: 'Gone.' } as const;
  await store.settle(claimed, { state: 'dead', outcome });
  const found = async () =>
    (await store.console.search({ status: 'GIVEN_UP' }, { limit: 5 })).messages.length;
  expect(await found()).toBe(1);
  expect((await store.console.standing()).errors).toEqual([
    { code: 'oh:404', direction: 'oh-to-mhv', messages: { count: 1, isMore: false } },
  ]);
  await store.operator.dismiss(claimed.id, 'ann', 'not needed');
  clock.now += 1000;
  expect(await found()).toBe(0);
  expect((await store.console.standing()).errors).toEqual([]);
});

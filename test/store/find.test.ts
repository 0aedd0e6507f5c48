import { expect, test } from 'bun:test';
import Database from 'better-sqlite3';
import { list } from '../../src/store/find.ts';
import type { MessageFilter, MessageSummary } from '../../src/store/store.ts';
import { plansOf } from './plans.ts';
import { numbered, send, setup } from './setup.ts';
import { town } from './town.ts';

function matches(filter: MessageFilter, message: MessageSummary): boolean {
  const { since = 0, until = Number.POSITIVE_INFINITY, errorCode, ...same } = filter;
  return (
    message.acceptedAt >= since &&
    message.acceptedAt < until &&
    (errorCode === undefined || message.error?.code === errorCode) &&
    Object.entries(same).every(([field, value]) => Reflect.get(message, field) === value)
  );
}

test('each filter, with each status and stretch of time, lists what matches and nothing else, newest first', async () => {
  const { store, clock } = await town();
  const { messages: all } = await store.list({}, { limit: 100 });
  expect(all).toHaveLength(9);
  expect(new Set(all.map(({ status }) => status)).size).toBe(4);
  const one: MessageFilter[] = [
    {},
    { direction: 'oh-to-mhv' },
    { direction: 'mhv-to-oh' },
    { errorCode: 'mhv:119' },
    { errorCode: 'oh:500' },
    { icn: '1012345678V123456' },
    { ohMessageId: numbered(2).ohMessageId },
    { mhvMessageId: '77' },
  ];
  const statuses = ['IN_PROGRESS', 'SENT', 'FAILED', 'INVALID'] as const;
  const withStatus = one.flatMap((filter) => [
    filter,
    ...statuses.map((status) => ({ ...filter, status })),
  ]);
  const middle = clock.now - 5000;
  const filters = withStatus.flatMap((filter) => [
    filter,
    { ...filter, since: middle },
    { ...filter, until: middle },
  ]);
  for (const filter of filters) {
    const { messages } = await store.list(filter, { limit: 100 });
    const expected = all.filter((message) => matches(filter, message));
    expect({ filter, ids: messages.map(({ id }) => id) }).toEqual({
      filter,
      ids: expected.map(({ id }) => id),
    });
  }
});

test('pages meet each message once, whatever the clock did while they were accepted', async () => {
  const { store, clock } = setup();
  for (const [n, ms] of [0, 0, 5000, -9000, 0, 1000].entries()) {
    clock.now += ms;
    await store.acceptDocument({ entries: [numbered(n, `p${n}`)] });
  }
  const seen: MessageSummary[] = [];
  for (let cursor: number | undefined, more = true; more; more = cursor !== undefined) {
    const page = await store.list({}, { limit: 2, ...(cursor ? { cursor } : {}) });
    seen.push(...page.messages);
    cursor = page.next;
  }
  expect(new Set(seen.map(({ id }) => id)).size).toBe(6);
  const times = seen.map(({ acceptedAt }) => acceptedAt);
  expect(times).toEqual(times.toSorted((a, b) => b - a));
});

test('a page of what met an error goes on behind however many of another status did', async () => {
  const { store, path } = setup();
  const { id } = await store.acceptSend(send());
  const entries = Array.from({ length: 1200 }, (_, n) => numbered(n));
  await store.acceptDocument({ entries });
  const sqlite = new Database(path);
  sqlite.exec(`UPDATE inbox SET state = 'dead', settled_at = accepted_at, error_code = 'oh:500',
    reason = 'Server error.', outcome = iif(direction = 'mhv-to-oh', 'rejected', 'retry')`);
  sqlite.close();
  const filter = { errorCode: 'oh:500', status: 'INVALID' } as const;
  const { messages, next } = await store.list(filter, { limit: 10 });
  expect(messages.map((message) => message.id)).toEqual([id]);
  expect(next).toBeUndefined();
});

const SORT = /USE TEMP B-TREE FOR ORDER BY/;

test.each<[string, MessageFilter, string, number]>([
  ['everything', {}, 'inbox_status', 8],
  ['a direction', { direction: 'oh-to-mhv' }, 'inbox_status', 4],
  ['a status', { status: 'SENT' }, 'inbox_status', 2],
  ['a status one way', { status: 'FAILED', direction: 'mhv-to-oh' }, 'inbox_status', 1],
  ['a stretch of time', { since: 5, until: 9 }, 'inbox_status', 8],
  ['an ICN', { icn: '1012345678V123456', status: 'SENT', since: 5 }, 'inbox_icn', 1],
  ['an OH message id', { ohMessageId: '3000000005:-6:0:0' }, 'inbox_oh_message_id', 1],
  ['an MHV message id', { mhvMessageId: '77', direction: 'oh-to-mhv' }, 'inbox_mhv_message_id', 1],
  ['an error', { errorCode: 'mhv:503', status: 'FAILED' }, 'inbox_error_code', 1],
])('a list of %s reads what it shows, by an index', async (_what, filter, index, searches) => {
  const { path } = setup();
  const plans = await plansOf(path, ({ db }) => list(db, filter, { limit: 50, cursor: 7 }));
  expect(plans.filter((plan) => plan.includes(` ${index} (`))).toHaveLength(searches);
  expect(plans.filter((plan) => /SCAN (inbox|outbox)/.test(plan))).toEqual([]);
  // Only the page itself is sorted, once its rows are known.
  if (index === 'inbox_status') expect(plans.filter((plan) => SORT.test(plan))).toHaveLength(1);
});

test('a claim looks only at rows that wait', () => {
  const { path } = setup();
  const db = new Database(path, { readonly: true });
  const planOf = (sql: string) =>
    db
      .prepare<[], { detail: string }>(`EXPLAIN QUERY PLAN ${sql}`)
      .all()
      .map(({ detail }) => detail)
      .join('; ');
  const due = "state = 'pending' AND direction = 'oh-to-mhv' AND blocked = 0";
  for (const stage of ['inbox', 'outbox']) {
    const plan = planOf(
      `SELECT seq FROM ${stage} WHERE ${due} AND due_at <= 5 ORDER BY due_at, seq`,
    );
    expect(plan).toBe(
      `SEARCH ${stage} USING COVERING INDEX ${stage}_due (direction=? AND blocked=? AND due_at<?)`,
    );
  }
  db.close();
});

import { expect, test } from 'bun:test';
import Database from 'better-sqlite3';
import type { MessageFilter, MessageSummary, Settlement } from '../../src/store/store.ts';
import { lanes, numbered, type Setup, send, setup, toMhv, toOh } from './setup.ts';

const refused = { kind: 'rejected', code: 'mhv:119', reason: 'No such team.' } as const;
const failed = { kind: 'retry', code: 'oh:500', reason: 'Server error.' } as const;

/** Messages in every state, the clock moving on by a second before each. */
async function town(): Promise<Setup> {
  const s = setup();
  const { store, clock } = s;
  const accept = async (n: number, patient: string, version = 0) => {
    clock.now += 1000;
    const entry = { ...numbered(n, patient), updatedAt: numbered(n).updatedAt + version };
    await store.acceptDocument({ entries: [entry] });
  };
  for (let n = 1; n <= 6; n += 1) await accept(n, `p${n}`);
  // Other announcements of messages 1 and 2: their duplicates.
  await accept(1, 'p1', 1);
  await accept(2, 'p2', 1);
  const settlements: Settlement[] = [
    { state: 'done', outcome: { kind: 'delivered', ids: { mhvMessageId: '1' }, found: false } },
    { state: 'dead', outcome: refused },
    { state: 'dead', outcome: failed },
    { state: 'pending', outcome: failed, dueAt: clock.now + 60_000 },
  ];
  const claimed = await store.claim(lanes.fromOh, 4);
  for (const [n, one] of claimed.entries()) await store.handOver(one, toMhv(numbered(n + 1)));
  const queued = await store.claim(lanes.toMhv, 4);
  for (const [n, one] of queued.entries()) {
    const settlement = settlements[n];
    if (settlement) await store.settle(one, settlement);
  }
  const [fifth, ...again] = await store.claim(lanes.fromOh, 10);
  if (!fifth) throw new Error('nothing claimed');
  await store.settle(fifth, { state: 'dead', outcome: refused });
  for (const one of again.filter(
    ({ payload }) => 'atomId' in payload && payload.updatedAt % 2 === 1,
  )) {
    await store.settleDuplicate(one, {});
  }
  clock.now += 1000;
  await store.acceptSend(send({ mhvMessageId: '77' }));
  const [sent] = await store.claim(lanes.fromMhv, 1);
  if (sent) await store.handOver(sent, toOh(send()));
  await store.operator.dismiss(fifth.id, 'ann', 'Known.');
  return s;
}

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

test('a claim looks only at rows that wait, and a list of failures only at failures', () => {
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
  const failures = "state <> 'pending' AND outcome <> 'delivered'";
  expect(planOf(`SELECT id FROM outbox WHERE ${failures}`)).toContain('outbox_failed');
  db.close();
});

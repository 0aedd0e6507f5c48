import { expect, test } from 'bun:test';
import Database from 'better-sqlite3';
import {
  entry,
  LEASE_MS,
  lanes,
  MAX_ATTEMPTS,
  numbered,
  send,
  setup,
  toMhv,
  toOh,
} from './setup.ts';

const retry = { kind: 'retry', code: 'oh:500', reason: 'Server error.' } as const;

test('a claim marks its attempt on disk before anybody works on it', async () => {
  const { store, query } = setup();
  await store.acceptDocument({ entries: [entry()] });
  const [claimed] = await store.claim(lanes.fromOh, 10);
  expect(claimed).toMatchObject({ attempt: 1, spent: 1, payload: entry() });
  expect(query('SELECT stage, number, ended_at FROM attempts')).toEqual([
    { stage: 'inbox', number: 1, ended_at: null },
  ]);
});

test('a row in hand is not claimed again until its lease is over', async () => {
  const { store, clock } = setup();
  await store.acceptDocument({ entries: [entry()] });
  await store.claim(lanes.fromOh, 10);
  clock.now += LEASE_MS - 1;
  expect(await store.claim(lanes.fromOh, 10)).toEqual([]);
  clock.now += 1;
  expect(await store.claim(lanes.fromOh, 10)).toMatchObject([{ attempt: 2 }]);
});

test('one patient is worked on in order, others do not wait', async () => {
  const { store } = setup();
  await store.acceptDocument({
    entries: [numbered(1, 'a'), numbered(2, 'a'), numbered(3, 'b'), numbered(4, 'a')],
  });
  const first = await store.claim(lanes.fromOh, 10);
  expect(first.map(({ orderKey }) => orderKey)).toEqual(['oh:a', 'oh:b']);
  expect(await store.claim(lanes.fromOh, 10)).toEqual([]);
  const [a1] = first;
  if (!a1) throw new Error('nothing claimed');
  await store.handOver(a1, toMhv(numbered(1)));
  expect(await store.claim(lanes.fromOh, 10)).toMatchObject([{ payload: numbered(2, 'a') }]);
});

test('a failing message holds up its patient until it is dead, then lets the next one go', async () => {
  const { store, clock } = setup();
  await store.acceptDocument({ entries: [numbered(1), numbered(2)] });
  const [one] = await store.claim(lanes.fromOh, 10);
  if (!one) throw new Error('nothing claimed');
  await store.settle(one, { state: 'pending', outcome: retry, dueAt: clock.now + 1000 });
  expect(await store.claim(lanes.fromOh, 10)).toEqual([]);
  expect(await store.nextDueAt(lanes.fromOh)).toBe(clock.now + 1000);
  clock.now += 1000;
  const [again] = await store.claim(lanes.fromOh, 10);
  if (!again) throw new Error('nothing claimed');
  await store.settle(again, { state: 'dead', outcome: retry });
  expect(await store.claim(lanes.fromOh, 10)).toMatchObject([{ payload: numbered(2) }]);
});

test('a settlement after the lease was lost changes nothing', async () => {
  const { store, clock, query } = setup();
  await store.acceptDocument({ entries: [entry()] });
  const [slow] = await store.claim(lanes.fromOh, 1);
  clock.now += LEASE_MS;
  const [quick] = await store.claim(lanes.fromOh, 1);
  if (!slow || !quick) throw new Error('nothing claimed');
  expect(await store.handOver(slow, toMhv(entry()))).toBe('lost');
  expect(query('SELECT id FROM outbox')).toEqual([]);
  expect(await store.handOver(quick, toMhv(entry()))).toBe('queued');
});

test('a crash after a delivery began leaves the next attempt in doubt since then', async () => {
  const { store, clock, reopen, query } = setup();
  await store.acceptSend(send());
  const [inbox] = await store.claim(lanes.fromMhv, 1);
  if (!inbox) throw new Error('nothing claimed');
  await store.handOver(inbox, toOh(send()));
  const [cutShort] = await store.claim(lanes.toOh, 1);
  expect(cutShort?.inDoubtSince).toBeUndefined();
  const beganAt = clock.now;
  const after = reopen();
  clock.now += LEASE_MS;
  const [again] = await after.claim(lanes.toOh, 1);
  expect(again?.inDoubtSince).toBe(beganAt);
  expect(
    query(
      "SELECT number, outcome, error_code FROM attempts WHERE stage = 'outbox' ORDER BY number",
    ),
  ).toEqual([
    { number: 1, outcome: 'in-doubt', error_code: 'lease-over' },
    { number: 2, outcome: null, error_code: null },
  ]);
});

test('doubt stays with the row until it is settled, whatever later attempts say', async () => {
  const { store, clock } = setup();
  await store.acceptSend(send());
  const [inbox] = await store.claim(lanes.fromMhv, 1);
  if (!inbox) throw new Error('nothing claimed');
  await store.handOver(inbox, toOh(send()));
  const beganAt = clock.now;
  for (const outcome of [{ ...retry, kind: 'in-doubt' } as const, retry]) {
    const [claimed] = await store.claim(lanes.toOh, 1);
    if (!claimed) throw new Error('nothing claimed');
    await store.settle(claimed, { state: 'pending', outcome, dueAt: clock.now + 10 });
    clock.now += 10;
  }
  expect(await store.claim(lanes.toOh, 1)).toMatchObject([{ inDoubtSince: beganAt, attempt: 3 }]);
});

test('a crash on the last attempt makes the row dead instead of claimed for ever', async () => {
  const { store, clock, query } = setup();
  await store.acceptDocument({ entries: [numbered(1), numbered(2)] });
  for (let n = 0; n < MAX_ATTEMPTS; n += 1) {
    expect(await store.claim(lanes.fromOh, 1)).toHaveLength(1);
    clock.now += LEASE_MS;
  }
  expect(await store.claim(lanes.fromOh, 1)).toMatchObject([{ payload: numbered(2) }]);
  expect(query("SELECT error_code FROM inbox WHERE state = 'dead'")).toEqual([
    { error_code: 'attempts-spent' },
  ]);
  expect(query('SELECT message_id FROM attempts WHERE ended_at IS NULL')).toHaveLength(1);
});

test('a postponement spends no attempt', async () => {
  const { store, clock } = setup();
  await store.acceptDocument({ entries: [entry()] });
  for (let n = 0; n < MAX_ATTEMPTS * 2; n += 1) {
    const [claimed] = await store.claim(lanes.fromOh, 1);
    if (!claimed) throw new Error('nothing claimed');
    expect(claimed.spent).toBe(1);
    const outcome = { kind: 'postponed', code: 'paused', reason: 'Paused.' } as const;
    await store.settle(claimed, { state: 'pending', outcome, dueAt: clock.now });
  }
});

test('a row that cannot be decoded is dead at once and starves nobody', async () => {
  const { store, path, query } = setup();
  await store.acceptDocument({ entries: [numbered(1, 'a'), numbered(2, 'b')] });
  const db = new Database(path);
  db.prepare("UPDATE inbox SET payload = '{' WHERE seq = 1").run();
  db.close();
  expect(await store.claim(lanes.fromOh, 10)).toMatchObject([{ payload: numbered(2, 'b') }]);
  expect(query("SELECT outcome, error_code FROM inbox WHERE state = 'dead'")).toEqual([
    { outcome: 'rejected', error_code: 'unreadable-row' },
  ]);
});

test('directions do not see each other', async () => {
  const { store } = setup();
  await store.acceptSend(send());
  expect(await store.claim(lanes.fromOh, 10)).toEqual([]);
  expect(await store.claim(lanes.fromMhv, 10)).toHaveLength(1);
});

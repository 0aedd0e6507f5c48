import { expect, test } from 'bun:test';
import Database from 'better-sqlite3';
import type { Entry } from '../../src/message.ts';
import { openStore } from '../../src/store/sqlite.ts';
import type { OnDead, Store } from '../../src/store/store.ts';
import { LEASE_MS, lanes, MAX_ATTEMPTS, numbered, setup, toMhv } from './setup.ts';

const rejected = { kind: 'rejected', code: 'oh:404', reason: 'Unknown there.' } as const;

/** A store on a fresh file, and the same file opened anew under another setting. */
function site(onDead: OnDead) {
  const s = setup();
  const open = (setting: OnDead) => {
    const now = () => s.clock.now;
    const bounds = { leaseMs: LEASE_MS, maxAttempts: MAX_ATTEMPTS };
    return openStore({ path: s.path, ...bounds, now, onDead: setting });
  };
  s.store.close();
  return { ...s, store: open(onDead), open };
}

/** Claims everything that may be claimed, as the numbers of the messages. */
async function claimAll(store: Store) {
  const claimed = await store.claim(lanes.fromOh, 100);
  return claimed.map((one) => ({ ...one, n: numberOf(one.payload as Entry) }));
}

function numberOf({ ohMessageId }: Entry): number {
  return Number(ohMessageId.split(':')[0]) - 3_000_000_000;
}

async function bury(store: Store): Promise<string> {
  const [first] = await store.claim(lanes.fromOh, 1);
  if (!first) throw new Error('nothing claimed');
  await store.settle(first, { state: 'dead', outcome: rejected });
  return first.id;
}

async function idsOf(store: Store): Promise<string[]> {
  const { messages } = await store.list({}, { limit: 100 });
  return messages.map(({ id }) => id).toReversed();
}

test('a blocked message says which one it waits for', async () => {
  const { store, query } = site('release');
  await store.acceptDocument({ entries: [numbered(1), numbered(2), numbered(3)] });
  const [first, second, third] = await idsOf(store);
  expect((await store.find(first ?? ''))?.blockedBy).toBeUndefined();
  expect(await store.find(second ?? '')).toMatchObject({ blockedBy: first });
  expect(await store.find(third ?? '')).toMatchObject({ blockedBy: first });
  expect(query('SELECT waits_for FROM stuck')).toEqual([
    { waits_for: 'a free poller' },
    { waits_for: `message ${first}` },
    { waits_for: `message ${first}` },
  ]);
});

test('with release a dead message lets the next one go, though it stays where a person sees it', async () => {
  const { store, query } = site('release');
  await store.acceptDocument({ entries: [numbered(1), numbered(2), numbered(3)] });
  await bury(store);
  expect(await claimAll(store)).toMatchObject([{ n: 2 }]);
  const [, second] = await idsOf(store);
  expect(query('SELECT waits_for FROM stuck')).toEqual([
    { waits_for: 'a person' },
    { waits_for: 'an answer' },
    { waits_for: `message ${second}` },
  ]);
});

test('with hold a dead message holds up its patient alone, what comes later included', async () => {
  const { store, query } = site('hold');
  await store.acceptDocument({ entries: [numbered(1), numbered(2), numbered(3, 'b')] });
  const dead = await bury(store);
  await store.acceptDocument({ entries: [numbered(4)] });
  expect(await claimAll(store)).toMatchObject([{ n: 3 }]);
  const [, second, , fourth] = await idsOf(store);
  expect(await store.find(second ?? '')).toMatchObject({ blockedBy: dead, status: 'IN_PROGRESS' });
  expect(await store.find(fourth ?? '')).toMatchObject({ blockedBy: dead });
  expect(query('SELECT waits_for FROM stuck WHERE message_id = ?', fourth)).toEqual([
    { waits_for: `message ${dead}` },
  ]);
});

test('what is held up makes no poller spin: it is not due', async () => {
  const { store, clock } = site('hold');
  await store.acceptDocument({ entries: [numbered(1), numbered(2)] });
  await bury(store);
  clock.now += 1_000_000;
  expect(await store.nextDueAt(lanes.fromOh)).toBeUndefined();
});

test('a dismissal lets the next one go, and says that work is due', async () => {
  const { store } = site('hold');
  await store.acceptDocument({ entries: [numbered(1), numbered(2), numbered(3)] });
  const dead = await bury(store);
  const woken: unknown[] = [];
  store.onDue((due) => woken.push(due));
  await store.operator.dismiss(dead, 'on-call@example.test', 'Sent by telephone.');
  expect(woken).toContainEqual(lanes.fromOh);
  expect(await claimAll(store)).toMatchObject([{ n: 2 }]);
});

test.each(['release', 'hold'] as const)(
  'with %s a replayed message goes before those that waited behind it',
  async (onDead) => {
    const { store } = site(onDead);
    await store.acceptDocument({ entries: [numbered(1), numbered(2), numbered(3)] });
    const dead = await bury(store);
    await store.operator.replayOne(dead, 'on-call@example.test');
    const [replayed] = await claimAll(store);
    expect(replayed).toMatchObject({ n: 1 });
    expect(await claimAll(store)).toEqual([]);
    if (!replayed) throw new Error('nothing claimed');
    await store.handOver(replayed, toMhv(numbered(1)));
    expect(await claimAll(store)).toMatchObject([{ n: 2 }]);
  },
);

test('each stage holds for itself: what was translated before goes on', async () => {
  const { store } = site('hold');
  await store.acceptDocument({ entries: [numbered(1), numbered(2)] });
  const [first] = await claimAll(store);
  if (!first) throw new Error('nothing claimed');
  await store.handOver(first, toMhv(numbered(1)));
  await bury(store);
  expect(await store.claim(lanes.toMhv, 10)).toHaveLength(1);
});

test('another setting at the next start holds for what waits already', async () => {
  const { store, open } = site('release');
  await store.acceptDocument({ entries: [numbered(1), numbered(2), numbered(3)] });
  await bury(store);
  store.close();
  const holding = open('hold');
  expect(await claimAll(holding)).toEqual([]);
  holding.close();
  const releasing = open('release');
  expect(await claimAll(releasing)).toMatchObject([{ n: 2 }]);
  releasing.close();
});

test('one patient is carried in the order accepted through both stages and a restart', async () => {
  const { store, open } = site('release');
  const numbers = [1, 2, 3, 4, 5, 6];
  await store.acceptDocument({ entries: numbers.map((n) => numbered(n)) });
  const carried: number[] = [];
  const step = async (on: Store) => {
    const claimed = [...(await on.claim(lanes.fromOh, 10)), ...(await on.claim(lanes.toMhv, 10))];
    for (const one of claimed) {
      const { ohMessageId } = one.payload as Entry;
      if (one.lane.stage === 'inbox') await on.handOver(one, toMhv(one.payload as Entry));
      else {
        carried.push(numberOf(one.payload as Entry));
        const outcome = { kind: 'delivered', ids: { ohMessageId }, found: false } as const;
        await on.settle(one, { state: 'done', outcome });
      }
    }
  };
  for (let n = 0; n < 3; n += 1) await step(store);
  store.close();
  const again = open('release');
  for (let n = 0; n < 6; n += 1) await step(again);
  again.close();
  expect(carried).toEqual(numbers);
});

test('another setting lets nothing go that waits for history', async () => {
  const { store, open } = site('release');
  await store.sessions.request('1012345678V123456');
  const [session] = await store.sessions.claim(1);
  if (!session) throw new Error('nothing claimed');
  await store.sessions.advance(session, { step: 'identified', ohPatientId: '7929590' });
  await store.acceptDocument({ entries: [numbered(1), numbered(2, 'b')] });
  store.close();
  const holding = open('hold');
  expect(await claimAll(holding)).toMatchObject([{ n: 2 }]);
  holding.close();
});

test('a claim finds its rows by index, past whatever is blocked', async () => {
  const { path, store } = site('release');
  const db = new Database(path, { readonly: true });
  const due = `FROM inbox WHERE direction = 'oh-to-mhv' AND state = 'pending' AND blocked = 0`;
  const plan = (sql: string) =>
    (db.prepare(`EXPLAIN QUERY PLAN ${sql}`).all() as { detail: string }[]).map((d) => d.detail);
  expect(plan(`SELECT seq, attempts ${due} AND due_at <= 5 ORDER BY due_at, seq LIMIT 9`)).toEqual([
    'SEARCH inbox USING INDEX inbox_due (direction=? AND blocked=? AND due_at<?)',
  ]);
  expect(plan(`SELECT due_at ${due} ORDER BY due_at LIMIT 1`)).toEqual([
    'SEARCH inbox USING COVERING INDEX inbox_due (direction=? AND blocked=?)',
  ]);
  db.close();
  store.close();
});

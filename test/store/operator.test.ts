import { expect, test } from 'bun:test';
import Database from 'better-sqlite3';
import type { Outcome, Undelivered } from '../../src/message.ts';
import { openStore } from '../../src/store/sqlite.ts';
import type { Claimed, Lane, Store } from '../../src/store/store.ts';
import {
  entry,
  LEASE_MS,
  lanes,
  MAX_ATTEMPTS,
  numbered,
  type Setup,
  START,
  send,
  setup,
  toMhv,
  toOh,
} from './setup.ts';

const refused: Undelivered = {
  kind: 'rejected',
  code: 'mhv:119',
  reason: 'No such team.',
  httpStatus: 400,
};
const unanswered: Undelivered = { kind: 'in-doubt', code: 'mhv:timeout', reason: 'No answer.' };

async function claimOne(store: Store, lane: Lane): Promise<Claimed> {
  const [claimed] = await store.claim(lane, 1);
  if (!claimed) throw new Error('nothing claimed');
  return claimed;
}

/** A message of flow 1 in hand at its delivery. */
async function inOutbox({ store }: Setup, from = entry()): Promise<Claimed> {
  await store.acceptDocument({ entries: [from] });
  await store.handOver(await claimOne(store, lanes.fromOh), toMhv(from));
  return claimOne(store, lanes.toMhv);
}

async function dead(s: Setup, outcome = refused, from = entry()): Promise<string> {
  const claimed = await inOutbox(s, from);
  await s.store.settle(claimed, { state: 'dead', outcome });
  return claimed.id;
}

/** A send that died, in the inbox when `stage` says so. */
async function deadSend(s: Setup, outcome: Undelivered, receivingPoolId: string, stage = 'outbox') {
  const { id } = await s.store.acceptSend(send({ receivingPoolId }));
  const translating = await claimOne(s.store, lanes.fromMhv);
  if (stage === 'inbox') {
    await s.store.settle(translating, { state: 'dead', outcome });
    return id;
  }
  await s.store.handOver(translating, toOh(send({ receivingPoolId })));
  await s.store.settle(await claimOne(s.store, lanes.toOh), { state: 'dead', outcome });
  return id;
}

async function delivered(s: Setup, from = entry()): Promise<string> {
  const claimed = await inOutbox(s, from);
  const ids = { ohMessageId: from.ohMessageId, mhvMessageId: '3719187' };
  const outcome: Outcome = { kind: 'delivered', ids, found: false };
  await s.store.settle(claimed, { state: 'done', outcome });
  return claimed.id;
}

async function replayedEvents({ store }: Setup, id: string) {
  const view = await store.find(id);
  return view?.events.filter(({ event }) => event === 'replayed') ?? [];
}

test('a dead message goes again from the stage it died in, its attempts counted anew', async () => {
  const s = setup();
  await s.store.acceptDocument({ entries: [entry()] });
  for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt += 1) {
    const claimed = await claimOne(s.store, lanes.fromOh);
    const outcome: Undelivered = { kind: 'retry', code: 'fhir:503', reason: 'In trouble.' };
    const dueAt = s.clock.now;
    const isLast = attempt === MAX_ATTEMPTS;
    await s.store.settle(
      claimed,
      isLast ? { state: 'dead', outcome } : { state: 'pending', outcome, dueAt },
    );
  }
  const [row] = s.query<{ id: string }>("SELECT id FROM inbox WHERE state = 'dead'");
  s.clock.now += 1000;
  await s.store.operator.replayOne(row?.id ?? '', 'ann');
  const again = await claimOne(s.store, lanes.fromOh);
  expect(again).toMatchObject({ id: row?.id, attempt: MAX_ATTEMPTS + 1, spent: 1 });
  expect(await s.store.find(again.id)).toMatchObject({ status: 'IN_PROGRESS', stage: 'inbox' });
});

test('a replay is on the timeline with who asked for it, and the store says that work is due', async () => {
  const s = setup();
  const id = await dead(s);
  const due: unknown[] = [];
  s.store.onDue((lane) => due.push(lane));
  s.clock.now += 1000;
  await s.store.operator.replayOne(id, 'ann');
  expect(due).toEqual([lanes.toMhv]);
  expect(await replayedEvents(s, id)).toEqual([
    {
      at: START + 1000,
      stage: 'outbox',
      event: 'replayed',
      detail: 'given up before: mhv:119',
      actor: 'ann',
    },
  ]);
  expect(
    s.query("SELECT event, detail FROM timeline WHERE message_id = ? AND event = 'replayed'", id),
  ).toEqual([{ event: 'replayed', detail: 'given up before: mhv:119 (ann)' }]);
});

test('only one replay counts while the message is pending', async () => {
  const s = setup();
  const id = await dead(s);
  for (const actor of ['ann', 'bob']) await s.store.operator.replayOne(id, actor);
  expect(await replayedEvents(s, id)).toMatchObject([{ actor: 'ann' }]);
  expect(await s.store.claim(lanes.toMhv, 10)).toMatchObject([{ attempt: 2, spent: 1 }]);
});

test('a message that died and was replayed can die and be replayed again', async () => {
  const s = setup();
  const id = await dead(s);
  await s.store.operator.replayOne(id, 'ann');
  await s.store.settle(await claimOne(s.store, lanes.toMhv), { state: 'dead', outcome: refused });
  await s.store.operator.replayOne(id, 'bob');
  expect(await claimOne(s.store, lanes.toMhv)).toMatchObject({ id, attempt: 3, spent: 1 });
  expect(await replayedEvents(s, id)).toMatchObject([{ actor: 'ann' }, { actor: 'bob' }]);
});

test('doubt is kept, even when it came with the very last attempt', async () => {
  const s = setup();
  const id = await dead(s, unanswered);
  s.clock.now += 60_000;
  await s.store.operator.replayOne(id, 'ann');
  expect((await claimOne(s.store, lanes.toMhv)).inDoubtSince).toBe(START);
});

test('a message that was refused for good is in no doubt', async () => {
  const s = setup();
  await s.store.operator.replayOne(await dead(s), 'ann');
  expect((await claimOne(s.store, lanes.toMhv)).inDoubtSince).toBeUndefined();
});

test('a crash on the last attempt leaves doubt that a replay keeps', async () => {
  const s = setup();
  const { id } = await inOutbox(s);
  for (let crash = 1; crash <= MAX_ATTEMPTS; crash += 1) {
    s.clock.now += LEASE_MS;
    await s.store.claim(lanes.toMhv, 1);
  }
  expect(await s.store.find(id)).toMatchObject({ status: 'FAILED' });
  await s.store.operator.replayOne(id, 'ann');
  expect((await claimOne(s.store, lanes.toMhv)).inDoubtSince).toBe(START);
});

test('a delivered message is replayed as a doubt since its first attempt', async () => {
  const s = setup();
  const id = await delivered(s);
  s.clock.now += 60_000;
  await s.store.operator.replayOne(id, 'ann');
  expect(await s.store.find(id)).toMatchObject({ status: 'IN_PROGRESS', mhvMessageId: '3719187' });
  expect((await claimOne(s.store, lanes.toMhv)).inDoubtSince).toBe(START);
});

test('a message that waits for its next attempt becomes due at once', async () => {
  const s = setup();
  const claimed = await inOutbox(s);
  const outcome: Undelivered = { kind: 'retry', code: 'mhv:503', reason: 'In trouble.' };
  await s.store.settle(claimed, { state: 'pending', outcome, dueAt: START + 900_000 });
  await s.store.operator.replayOne(claimed.id, 'ann');
  expect(await claimOne(s.store, lanes.toMhv)).toMatchObject({ attempt: 2, spent: 2 });
  expect(await replayedEvents(s, claimed.id)).toMatchObject([{ detail: 'the wait is over' }]);
});

test('what is unknown, in hand, a duplicate or purged is refused', async () => {
  const s = setup();
  const { operator } = s.store;
  await expect(operator.replayOne('nope', 'ann')).rejects.toMatchObject({ code: 'not-found' });
  const inHand = await inOutbox(s);
  await expect(operator.replayOne(inHand.id, 'ann')).rejects.toMatchObject({ code: 'conflict' });
  await s.store.acceptDocument({ entries: [entry({ atomId: 'urn:other' })] });
  const second = await claimOne(s.store, lanes.fromOh);
  await s.store.handOver(second, toMhv(entry()));
  await expect(operator.replayOne(second.id, 'ann')).rejects.toMatchObject({ code: 'conflict' });
  await s.store.settle(inHand, { state: 'dead', outcome: refused });
  const db = new Database(s.path);
  db.exec("UPDATE outbox SET purged_at = 1, payload = ''");
  db.close();
  await expect(operator.replayOne(inHand.id, 'ann')).rejects.toMatchObject({ code: 'conflict' });
  expect(await operator.countReplayable({})).toEqual({ matching: 0, byErrorCode: {} });
});

test("a row whose lease is over is nobody's: a replay of it is no conflict", async () => {
  const s = setup();
  const { id } = await inOutbox(s);
  s.clock.now += LEASE_MS;
  await s.store.operator.replayOne(id, 'ann');
  expect(await claimOne(s.store, lanes.toMhv)).toMatchObject({ id, attempt: 2 });
});

test('a filter counts what was given up by error code and takes each once, oldest first, spread out', async () => {
  const s = setup();
  const ids: string[] = [];
  for (const n of [1, 2, 3]) ids.push(await dead(s, refused, numbered(n, `100000${n}`)));
  await dead(s, unanswered, numbered(4, '1000004'));
  await delivered(s, numbered(5, '1000005'));
  const { operator } = s.store;
  expect(await operator.countReplayable({})).toEqual({
    matching: 4,
    byErrorCode: { 'mhv:119': 3, 'mhv:timeout': 1 },
  });
  const pace = { limit: 2, ratePerSecond: 4 };
  expect(await operator.replayAll({ errorCode: 'mhv:119' }, pace, 'ann')).toBe(2);
  expect(s.query("SELECT id, due_at FROM outbox WHERE state = 'pending' ORDER BY seq")).toEqual([
    { id: ids[0], due_at: START },
    { id: ids[1], due_at: START + 250 },
  ]);
  expect(await operator.replayAll({ errorCode: 'mhv:119' }, pace, 'ann')).toBe(1);
  expect(await operator.replayAll({ errorCode: 'mhv:119' }, pace, 'ann')).toBe(0);
  expect(await replayedEvents(s, ids[2] ?? '')).toMatchObject([{ actor: 'ann' }]);
});

test('each field of a filter narrows it', async () => {
  const s = setup();
  await dead(s);
  s.clock.now += 1000;
  const trouble: Undelivered = { ...unanswered, code: 'oh:503', httpStatus: 503 };
  await deadSend(s, trouble, '2000001');
  const denied: Undelivered = { kind: 'rejected', code: 'oh:recipient-denied', reason: 'No.' };
  await deadSend(s, denied, '2000002', 'inbox');
  await delivered(s, numbered(8));
  const count = async (filter: Parameters<typeof s.store.operator.countReplayable>[0]) =>
    Object.keys((await s.store.operator.countReplayable(filter)).byErrorCode).toSorted();
  const [fromOh, busy, closed] = ['mhv:119', 'oh:503', 'oh:recipient-denied'];
  expect(await count({ status: 'INVALID' })).toEqual([fromOh, closed]);
  expect(await count({ status: 'FAILED' })).toEqual([busy]);
  expect(await count({ direction: 'mhv-to-oh' })).toEqual([busy, closed]);
  expect(await count({ httpStatusClass: '4xx' })).toEqual([fromOh]);
  expect(await count({ httpStatusClass: '5xx' })).toEqual([busy]);
  expect(await count({ receivingPoolId: '2000002' })).toEqual([closed]);
  expect(await count({ since: START + 1000 })).toEqual([busy, closed]);
  expect(await count({ until: START + 1000 })).toEqual([fromOh]);
  expect(await count({ icn: '1000000000V000000' })).toEqual([]);
  expect(await count({ status: 'SENT', since: START })).toEqual(['none']);
  expect(await count({ status: 'IN_PROGRESS' })).toEqual([]);
});

test('a message in hand is passed over by a replay of many', async () => {
  const s = setup();
  await inOutbox(s);
  const pace = { limit: 10, ratePerSecond: 1 };
  expect(await s.store.operator.replayAll({ status: 'IN_PROGRESS' }, pace, 'ann')).toBe(0);
});

test('a dismissed message is stuck no more, keeps its status, and can still be replayed by name', async () => {
  const s = setup();
  const id = await dead(s);
  const failed = await dead(s, unanswered, numbered(2, '1000002'));
  s.clock.now += 1000;
  for (const one of [id, failed]) await s.store.operator.dismiss(one, 'ann', 'Told by phone.');
  expect(s.query('SELECT * FROM stuck')).toEqual([]);
  expect(s.query('SELECT * FROM backlog')).toEqual([]);
  expect(await s.store.find(id)).toMatchObject({
    status: 'INVALID',
    error: { code: 'mhv:119' },
    events: [{ event: 'dismissed', detail: 'Told by phone.', actor: 'ann' }],
  });
  expect(await s.store.find(failed)).toMatchObject({ status: 'FAILED' });
  const events = s.query<{ event: string }>('SELECT event FROM timeline WHERE message_id = ?', id);
  expect(events.map(({ event }) => event).slice(-2)).toEqual(['dead', 'dismissed']);
  expect(await s.store.operator.countReplayable({})).toMatchObject({ matching: 0 });
  await s.store.operator.replayOne(id, 'bob');
  expect(await claimOne(s.store, lanes.toMhv)).toMatchObject({ id });
});

test('only a dead message can be dismissed', async () => {
  const s = setup();
  const { operator } = s.store;
  await expect(operator.dismiss(await delivered(s), 'ann', 'x')).rejects.toMatchObject({
    code: 'conflict',
  });
  await expect(operator.dismiss('nope', 'ann', 'x')).rejects.toMatchObject({ code: 'not-found' });
});

test('a full backlog takes no replay of many, but one by name', async () => {
  const s = setup();
  const id = await dead(s);
  const bounds = { leaseMs: LEASE_MS, maxAttempts: MAX_ATTEMPTS, maxBacklog: 0 };
  const store = openStore({ ...bounds, path: s.path, now: () => s.clock.now });
  const pace = { limit: 10, ratePerSecond: 1 };
  await expect(store.operator.replayAll({}, pace, 'ann')).rejects.toMatchObject({
    code: 'unavailable',
  });
  await store.operator.replayOne(id, 'ann');
  expect(await store.find(id)).toMatchObject({ status: 'IN_PROGRESS' });
  store.close();
});

test('where dead messages hold up later ones, a dismissal lets the next one go', async () => {
  const s = setup();
  const id = await dead(s, refused, numbered(1));
  const bounds = { leaseMs: LEASE_MS, maxAttempts: MAX_ATTEMPTS, onDead: 'hold' } as const;
  const store = openStore({ ...bounds, path: s.path, now: () => s.clock.now });
  await store.acceptDocument({ entries: [numbered(2)] });
  await store.handOver(await claimOne(store, lanes.fromOh), toMhv(numbered(2)));
  expect(await store.claim(lanes.toMhv, 1)).toEqual([]);
  const due: unknown[] = [];
  store.onDue((lane) => due.push(lane));
  await store.operator.dismiss(id, 'ann', 'Told by phone.');
  expect(due).toEqual([lanes.toMhv]);
  expect(await store.claim(lanes.toMhv, 1)).toHaveLength(1);
  store.close();
});

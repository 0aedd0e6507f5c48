import { expect, test } from 'bun:test';
import Database from 'better-sqlite3';
import { LEASE_MS, lanes, numbered, type Setup, send, setup, toOh } from './setup.ts';

/** Puts another owner's lock into the file. */
function lockedBy({ path }: Setup, owner: string, heartbeatAt: number): void {
  const db = new Database(path);
  db.prepare('INSERT OR REPLACE INTO poller_lock VALUES (1, ?, ?)').run(owner, heartbeatAt);
  db.close();
}

/** Our own host, with the id of a process that has ended. */
async function deadOwner({ store }: Setup): Promise<string> {
  const child = Bun.spawn(['true']);
  await child.exited;
  return store.upkeep.owner.replace(/:\d+:[^:]*$/, `:${child.pid}:00000000`);
}

test('the lock goes to who asks first, and to the next when it is given back', async () => {
  const s = setup();
  const other = s.reopen();
  expect(await s.store.upkeep.takeLock(10_000)).toEqual({ held: true, heartbeatAt: s.clock.now });
  expect(await other.upkeep.takeLock(10_000)).toEqual({
    held: false,
    holder: s.store.upkeep.owner,
    heartbeatAt: s.clock.now,
  });
  await other.upkeep.releaseLock();
  expect((await other.upkeep.takeLock(10_000)).held).toBe(false);
  await s.store.upkeep.releaseLock();
  expect((await other.upkeep.takeLock(10_000)).held).toBe(true);
});

test('a heartbeat keeps the lock, and without one it is free after ten seconds', async () => {
  const s = setup();
  const other = s.reopen();
  await s.store.upkeep.takeLock(10_000);
  s.clock.now += 9_999;
  expect((await other.upkeep.takeLock(10_000)).held).toBe(false);
  await s.store.upkeep.takeLock(10_000);
  s.clock.now += 9_999;
  expect((await other.upkeep.takeLock(10_000)).held).toBe(false);
  s.clock.now += 1;
  expect((await other.upkeep.takeLock(10_000)).held).toBe(true);
  expect((await s.store.upkeep.takeLock(10_000)).held).toBe(false);
});

test('the lock of a process of this host that has died is free at once', async () => {
  const s = setup();
  lockedBy(s, await deadOwner(s), s.clock.now);
  expect((await s.store.upkeep.takeLock(10_000)).held).toBe(true);
});

test('the lock of a process elsewhere is honoured, for nobody here can tell that it died', async () => {
  const s = setup();
  const elsewhere = (await deadOwner(s)).replace(/^[^:]*/, 'other.invalid/1');
  lockedBy(s, elsewhere, s.clock.now);
  expect(await s.store.upkeep.takeLock(10_000)).toMatchObject({ held: false, holder: elsewhere });
});

test('a heartbeat far in the future, from a clock that was set back, locks nobody out', async () => {
  const s = setup();
  lockedBy(s, 'other.invalid:1:00000000', s.clock.now + 3_600_000);
  expect((await s.store.upkeep.takeLock(10_000)).held).toBe(true);
});

test('anybody can be told who polls the file', async () => {
  const s = setup();
  const other = s.reopen();
  expect(await s.store.upkeep.polledBy()).toBe('nowhere');
  await s.store.upkeep.takeLock(10_000);
  expect(await s.store.upkeep.polledBy()).toBe('here');
  expect(await other.upkeep.polledBy()).toBe('elsewhere');
  s.clock.now += 10_000;
  expect(await other.upkeep.polledBy()).toBe('nowhere');
});

/** One entry that is being translated, one that waits for a retry, and a send that is being delivered. */
async function inHand({ store, clock }: Setup): Promise<void> {
  await store.acceptDocument({ entries: [numbered(1, '1'), numbered(2, '2')] });
  await store.acceptSend(send());
  const [translated] = await store.claim(lanes.fromMhv, 1);
  const [, retried] = await store.claim(lanes.fromOh, 2);
  if (!translated || !retried) throw new Error('nothing claimed');
  await store.handOver(translated, toOh(send()));
  await store.claim(lanes.toOh, 1);
  const outcome = { kind: 'retry', code: 'oh:unreachable', reason: 'Connection refused.' } as const;
  await store.settle(retried, { state: 'pending', outcome, dueAt: clock.now + 30_000 });
}

test('what a process had in hand when it died comes again: deliveries when they have been answered', async () => {
  const s = setup();
  await inHand(s);
  const owner = await deadOwner(s);
  lockedBy(s, owner, s.clock.now);
  const store = s.reopen();
  s.clock.now += 5;
  expect(await store.upkeep.takeLock(10_000)).toMatchObject({ held: true, takenFrom: owner });
  expect(await store.claim(lanes.fromOh, 10)).toMatchObject([{ payload: numbered(1, '1') }]);
  s.clock.now += 9_999;
  expect(await store.claim(lanes.toOh, 10)).toEqual([]);
  s.clock.now += 1;
  const [doubtful] = await store.claim(lanes.toOh, 10);
  expect(doubtful?.inDoubtSince).toBe(s.clock.now - 10_005);
});

test('a lock that ran out is no death: its holder may still settle what it has in hand', async () => {
  const s = setup();
  await inHand(s);
  lockedBy(s, (await deadOwner(s)).replace(/^[^:]*/, 'other.invalid/1'), s.clock.now);
  s.clock.now += 10_000;
  expect(await s.store.upkeep.takeLock(10_000)).toEqual({ held: true, heartbeatAt: s.clock.now });
  expect(await s.store.claim(lanes.fromOh, 10)).toEqual([]);
  expect(await s.store.claim(lanes.toOh, 10)).toEqual([]);
});

test('what waits does not wait an hour longer because the clock was set back by one', async () => {
  const s = setup();
  await s.store.upkeep.takeLock(10_000);
  await inHand(s);
  const hour = 3_600_000;
  s.clock.now -= hour;
  expect(await s.store.upkeep.takeLock(10_000)).toMatchObject({ held: true, setBackMs: hour });
  s.clock.now += 29_999;
  expect(await s.store.claim(lanes.fromOh, 10)).toEqual([]);
  s.clock.now += 1;
  expect(await s.store.claim(lanes.fromOh, 10)).toMatchObject([{ payload: numbered(2, '2') }]);
  s.clock.now += LEASE_MS - 30_000;
  expect(await s.store.claim(lanes.toOh, 10)).toHaveLength(1);
});

test('a clock that is slewed by a little moves nothing', async () => {
  const s = setup();
  await s.store.upkeep.takeLock(10_000);
  s.clock.now -= 1000;
  expect(await s.store.upkeep.takeLock(10_000)).toEqual({ held: true, heartbeatAt: s.clock.now });
});

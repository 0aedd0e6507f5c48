import { expect, test } from 'bun:test';
import Database from 'better-sqlite3';
import { type Setup, setup } from './setup.ts';

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
  expect(await s.store.upkeep.takeLock()).toEqual({ held: true, heartbeatAt: s.clock.now });
  expect(await other.upkeep.takeLock()).toEqual({
    held: false,
    holder: s.store.upkeep.owner,
    heartbeatAt: s.clock.now,
  });
  await other.upkeep.releaseLock();
  expect((await other.upkeep.takeLock()).held).toBe(false);
  await s.store.upkeep.releaseLock();
  expect((await other.upkeep.takeLock()).held).toBe(true);
});

test('a heartbeat keeps the lock, and without one it is free after ten seconds', async () => {
  const s = setup();
  const other = s.reopen();
  await s.store.upkeep.takeLock();
  s.clock.now += 9_999;
  expect((await other.upkeep.takeLock()).held).toBe(false);
  await s.store.upkeep.takeLock();
  s.clock.now += 9_999;
  expect((await other.upkeep.takeLock()).held).toBe(false);
  s.clock.now += 1;
  expect((await other.upkeep.takeLock()).held).toBe(true);
  expect((await s.store.upkeep.takeLock()).held).toBe(false);
});

test('the lock of a process of this host that has died is free at once', async () => {
  const s = setup();
  lockedBy(s, await deadOwner(s), s.clock.now);
  expect((await s.store.upkeep.takeLock()).held).toBe(true);
});

test('the lock of a process elsewhere is honoured, for nobody here can tell that it died', async () => {
  const s = setup();
  const elsewhere = (await deadOwner(s)).replace(/^[^:]*/, 'other.invalid/1');
  lockedBy(s, elsewhere, s.clock.now);
  expect(await s.store.upkeep.takeLock()).toMatchObject({ held: false, holder: elsewhere });
});

test('a heartbeat far in the future, from a clock that was set back, locks nobody out', async () => {
  const s = setup();
  lockedBy(s, 'other.invalid:1:00000000', s.clock.now + 3_600_000);
  expect((await s.store.upkeep.takeLock()).held).toBe(true);
});

test('anybody can be told who polls the file', async () => {
  const s = setup();
  const other = s.reopen();
  expect(await s.store.upkeep.polledBy()).toBe('nowhere');
  await s.store.upkeep.takeLock();
  expect(await s.store.upkeep.polledBy()).toBe('here');
  expect(await other.upkeep.polledBy()).toBe('elsewhere');
  s.clock.now += 10_000;
  expect(await other.upkeep.polledBy()).toBe('nowhere');
});

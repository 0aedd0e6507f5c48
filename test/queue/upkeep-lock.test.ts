/** Two openings of one file, of which one may poll. */
import { afterEach, expect, test } from 'bun:test';
import pino from 'pino';
import { createPollerLock, type PollerLock } from '../../src/queue/lock.ts';
import type { Store } from '../../src/store/store.ts';
import { type Setup, setup } from '../store/setup.ts';

const locks: PollerLock[] = [];

afterEach(async () => {
  for (const lock of locks.splice(0)) await lock.stop();
});

/** A lock that asks every millisecond or so; `taken` resolves when it has it. */
function lockOf({ clock }: Setup, store: Store) {
  const log: Record<string, unknown>[] = [];
  const write = (line: string) => void log.push(JSON.parse(line) as Record<string, unknown>);
  const lock = createPollerLock({
    store: store.upkeep,
    answerWithinMs: 10_000,
    now: () => clock.now,
    log: pino({}, { write }),
    renewEveryMs: 1,
    tryEveryMs: 1,
  });
  locks.push(lock);
  const taken = () => new Promise<void>((resolve) => lock.start(resolve));
  return { lock, log, taken };
}

/** Resolves when the line was logged. */
async function logged(log: Record<string, unknown>[], state: string) {
  for (;;) {
    const line = log.find((one) => one['event'] === 'lock' && one['state'] === state);
    if (line) return line;
    await new Promise((resolve) => setImmediate(resolve));
  }
}

test('the second waits and says for whom, and takes over when the first is stopped', async () => {
  const s = setup();
  const first = lockOf(s, s.store);
  const second = lockOf(s, s.reopen());
  await first.taken();
  const secondTaken = second.taken();
  const holder = s.store.upkeep.owner;
  expect(await logged(second.log, 'waiting')).toMatchObject({ holder, heartbeatAgeMs: 0 });
  expect(second.lock.isHeld()).toBe(false);
  await first.lock.stop();
  expect(first.lock.isHeld()).toBe(false);
  await secondTaken;
  expect(second.lock.isHeld()).toBe(true);
  expect(second.log.filter(({ state }) => state === 'waiting')).toHaveLength(1);
});

test('a lock that was taken is not held before it is, nor after the process slept', async () => {
  const s = setup();
  const { lock, taken } = lockOf(s, s.store);
  expect(lock.isHeld()).toBe(false);
  await taken();
  expect(lock.isHeld()).toBe(true);
  s.clock.now += 8000;
  // Told from the clock alone: another process may have the lock in the next moment.
  expect(lock.isHeld()).toBe(false);
});

test('a process that slept while another took the lock has lost it until that one stops', async () => {
  const s = setup();
  const sleeper = lockOf(s, s.store);
  await sleeper.taken();
  const other = s.reopen();
  s.clock.now += 10_000;
  // The first to ask after the sleep; the sleeper's own heartbeat comes later.
  const state = other.upkeep.takeLock(10_000);
  expect(sleeper.lock.isHeld()).toBe(false);
  expect((await state).held).toBe(true);
  await logged(sleeper.log, 'lost');
  expect(sleeper.lock.isHeld()).toBe(false);
  await other.upkeep.releaseLock();
  while (!sleeper.lock.isHeld()) await new Promise((resolve) => setImmediate(resolve));
  expect(sleeper.log.map(({ state: what }) => what)).toEqual(['taken', 'lost', 'taken']);
});

test('a stopped lock is given back, so that a restart polls at once', async () => {
  const s = setup();
  const { lock, taken } = lockOf(s, s.store);
  await taken();
  await lock.stop();
  expect(await s.store.upkeep.polledBy()).toBe('nowhere');
});

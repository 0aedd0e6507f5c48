import { expect, test } from 'bun:test';
import pino from 'pino';
import type { Outcome } from '../../src/message.ts';
import { createEngine, type Flow } from '../../src/queue/engine.ts';
import { UpstreamError } from '../../src/upstream.ts';
import { entry, LEASE_MS, numbered, setup, toMhv } from '../store/setup.ts';

const delivered: Outcome = {
  kind: 'delivered',
  ids: { ohMessageId: '3000000005:-6:0:0', mhvMessageId: '9' },
  found: false,
};

function engineOn(flow: Partial<Flow>) {
  const s = setup();
  const log: Record<string, unknown>[] = [];
  const whole: Flow = {
    translate: async ({ payload }) => toMhv(payload as ReturnType<typeof entry>),
    deliver: async () => delivered,
    ...flow,
  };
  const engine = createEngine({
    store: s.store,
    policy: { scheduleMs: [1000], maxAttempts: 3, maxAgeMs: 3_600_000 },
    breaker: { failures: 100, scheduleMs: [1000], probeMs: 60_000 },
    ratePerSecond: 0,
    leaseMs: LEASE_MS,
    concurrency: 4,
    now: () => s.clock.now,
    random: () => 0.5,
    log: pino({}, { write: (line: string) => void log.push(JSON.parse(line)) }),
    flows: { 'oh-to-mhv': whole, 'mhv-to-oh': whole },
    listHistory: async () => {
      throw new Error('not in this test');
    },
  });
  return { ...s, engine, log };
}

test('an accepted entry is translated and delivered, with one log line for each attempt', async () => {
  const { store, engine, log, query } = engineOn({});
  await store.acceptDocument({ entries: [entry()] });
  await engine.drain();
  expect(query('SELECT state FROM outbox')).toEqual([{ state: 'done' }]);
  expect(log).toMatchObject([
    { event: 'attempt', stage: 'inbox', attempt: 1, outcome: 'queued' },
    { event: 'attempt', stage: 'outbox', attempt: 1, outcome: 'delivered' },
  ]);
});

test('what a destination refuses with is what the row says', async () => {
  const { store, engine, query } = engineOn({
    deliver: async () => {
      throw new UpstreamError({ kind: 'rejected', code: 'mhv:119', reason: 'No such team.' });
    },
  });
  await store.acceptDocument({ entries: [entry()] });
  await engine.drain();
  expect(query('SELECT state, outcome, error_code FROM outbox')).toEqual([
    { state: 'dead', outcome: 'rejected', error_code: 'mhv:119' },
  ]);
});

test('attempts end: a message that never gets through is dead with its last reason', async () => {
  const outcome = { kind: 'retry', code: 'mhv:503', reason: 'Server error.' } as const;
  const { store, engine, clock, query } = engineOn({ deliver: async () => outcome });
  await store.acceptDocument({ entries: [entry()] });
  for (let waits = 0; waits < 5; waits += 1) {
    await engine.drain();
    clock.now += 1000;
  }
  expect(query('SELECT state, attempts, error_code FROM outbox')).toEqual([
    { state: 'dead', attempts: 3, error_code: 'mhv:503' },
  ]);
});

test('a bug in a delivery leaves the row in doubt, tells nobody its data, and stops nobody else', async () => {
  const { store, engine, log, query } = engineOn({
    deliver: async ({ orderKey }) => {
      if (orderKey === 'oh:a') throw new TypeError('Subjectmark is not iterable');
      return delivered;
    },
  });
  await store.acceptDocument({ entries: [numbered(1, 'a'), numbered(2, 'b')] });
  await engine.drain();
  expect(query('SELECT state, outcome, error_code FROM outbox ORDER BY seq')).toEqual([
    { state: 'pending', outcome: 'in-doubt', error_code: 'internal' },
    { state: 'done', outcome: 'delivered', error_code: null },
  ]);
  expect(log).toContainEqual(expect.objectContaining({ event: 'bug', error: 'TypeError' }));
  expect(JSON.stringify(log)).not.toContain('Subjectmark');
});

test('running pollers are woken by an accept and drained by a stop', async () => {
  const began = Promise.withResolvers<void>();
  const finish = Promise.withResolvers<void>();
  const { store, engine, query } = engineOn({
    deliver: async () => {
      began.resolve();
      await finish.promise;
      return delivered;
    },
  });
  engine.start();
  await store.acceptDocument({ entries: [entry()] });
  await began.promise;
  const stopped = engine.stop();
  finish.resolve();
  await stopped;
  expect(query('SELECT state FROM outbox')).toEqual([{ state: 'done' }]);
});

test('a stop cuts short what takes longer than it may, as in doubt', async () => {
  const began = Promise.withResolvers<void>();
  const { store, engine, query } = engineOn({
    deliver: async (_claimed, { signal }) => {
      began.resolve();
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
      return { kind: 'in-doubt', code: 'oh:stopped', reason: 'Stopped.' };
    },
  });
  engine.start();
  await store.acceptDocument({ entries: [entry()] });
  await began.promise;
  expect(await engine.stop(1)).toBe(true);
  const [row] = query<{ state: string; in_doubt_since: number }>('SELECT * FROM outbox');
  expect(row?.state).toBe('pending');
  expect(row?.in_doubt_since).toBeNumber();
});

test('a stop does not wait for work that hears nothing', async () => {
  const began = Promise.withResolvers<void>();
  const finish = Promise.withResolvers<void>();
  const { store, engine } = engineOn({
    deliver: async () => {
      began.resolve();
      await finish.promise;
      return delivered;
    },
  });
  engine.start();
  await store.acceptDocument({ entries: [entry()] });
  await began.promise;
  expect(await engine.stop(1)).toBe(false);
  finish.resolve();
  expect(await engine.stop()).toBe(true);
});

test('a clock that jumps ahead while a delivery is under way does not start it a second time', async () => {
  const began = Promise.withResolvers<void>();
  const finish = Promise.withResolvers<void>();
  const other = Promise.withResolvers<void>();
  const doubts: boolean[] = [];
  const { store, engine, clock, query } = engineOn({
    deliver: async ({ orderKey, inDoubtSince }) => {
      if (orderKey === 'oh:b') other.resolve();
      else {
        doubts.push(inDoubtSince !== undefined);
        began.resolve();
        await finish.promise;
      }
      return { kind: 'delivered', ids: {}, found: false };
    },
  });
  engine.start();
  await store.acceptDocument({ entries: [numbered(1, 'a')] });
  await began.promise;
  clock.now += LEASE_MS + 1;
  await store.acceptDocument({ entries: [numbered(2, 'b')] });
  await other.promise;
  expect(doubts).toEqual([false]);
  finish.resolve();
  await engine.stop();
  // Whether the first try arrived is asked by the one that follows, once it cannot meet the first.
  clock.now += 2 * LEASE_MS;
  await engine.drain();
  expect(doubts).toEqual([false, true]);
  expect(query('SELECT DISTINCT state FROM outbox')).toEqual([{ state: 'done' }]);
});

import { expect, test } from 'bun:test';
import pino from 'pino';
import type { Outcome } from '../../src/message.ts';
import type { Translation } from '../../src/queue/attempt.ts';
import { createEngine, type EngineOptions, type Flow } from '../../src/queue/engine.ts';
import type { Store } from '../../src/store/store.ts';
import { type entry, LEASE_MS, numbered, send, setup, toMhv, toOh } from '../store/setup.ts';

const down: Outcome = { kind: 'retry', code: 'mhv:503', reason: 'Down.', httpStatus: 503 };
const delivered: Outcome = { kind: 'delivered', ids: {}, found: false };

/** An engine whose destinations answer what the test says. */
function site(options: Partial<EngineOptions> = {}) {
  const s = setup();
  const log: Record<string, unknown>[] = [];
  const answers = {
    toMhv: (): Outcome => delivered,
    toOh: (): Outcome => delivered,
    lookUp: undefined as Translation | undefined,
  };
  const asked: string[] = [];
  const deliver = (answer: () => Outcome): Flow['deliver'] => {
    return async ({ orderKey }) => {
      asked.push(orderKey);
      return answer();
    };
  };
  const engineOn = (store: Store) =>
    createEngine({
      store,
      policy: { scheduleMs: [1000, 10_000], maxAttempts: 20, maxAgeMs: 1e9 },
      leaseMs: LEASE_MS,
      concurrency: 8,
      ratePerSecond: 0,
      breaker: { failures: 3, scheduleMs: [1000, 10_000], probeMs: 60_000 },
      now: () => s.clock.now,
      random: () => 0.5,
      log: pino({}, { write: (line: string) => void log.push(JSON.parse(line)) }),
      flows: {
        'oh-to-mhv': {
          translate: async ({ payload }) =>
            answers.lookUp ?? toMhv(payload as ReturnType<typeof entry>),
          deliver: deliver(() => answers.toMhv()),
        },
        'mhv-to-oh': {
          translate: async ({ payload }) => toOh(payload as ReturnType<typeof send>),
          deliver: deliver(() => answers.toOh()),
        },
      },
      listHistory: async () => {
        throw new Error('not in this test');
      },
      ...options,
    });
  const engine = engineOn(s.store);
  return {
    ...s,
    engine,
    engineOn,
    log,
    answers,
    asked,
    /** Messages of as many patients, in the inbox. */
    accept: (count: number, first = 1) =>
      s.store.acceptDocument({
        entries: Array.from({ length: count }, (_, n) => numbered(first + n, `p${first + n}`)),
      }),
    async pass(ms: number) {
      s.clock.now += ms;
      await engine.drain();
    },
    attempts: () =>
      s.query<{ n: number }>("SELECT count(*) AS n FROM attempts WHERE stage = 'outbox'")[0]?.n,
    toMhv: async () => (await engine.destinations())[0],
  };
}

test('while the breaker is open nothing is claimed and no attempt is spent', async () => {
  const s = site();
  s.answers.toMhv = () => down;
  await s.accept(8);
  await s.pass(0);
  expect(await s.toMhv()).toMatchObject({
    destination: 'oh-to-mhv',
    state: 'open',
    openUntil: s.clock.now + 1000,
    failuresInARow: 8,
    code: 'mhv:503',
    inHand: 0,
    translation: { state: 'closed', failuresInARow: 0, inHand: 0 },
  });
  await s.accept(100, 101);
  await s.pass(999);
  expect(s.attempts()).toBe(8);
  expect(s.query("SELECT count(*) AS n FROM outbox WHERE state = 'pending'")).toEqual([{ n: 108 }]);
});

test('after the wait one row is the probe: its failure reopens, its success lets all go', async () => {
  const s = site();
  s.answers.toMhv = () => down;
  await s.accept(8);
  await s.pass(0);
  await s.accept(20, 101);
  await s.pass(1000);
  expect(s.attempts()).toBe(9);
  expect(await s.toMhv()).toMatchObject({ state: 'open', openUntil: s.clock.now + 10_000 });
  await s.pass(9999);
  expect(s.attempts()).toBe(9);
  s.answers.toMhv = () => delivered;
  await s.pass(1);
  expect(await s.toMhv()).toMatchObject({ state: 'closed', failuresInARow: 0 });
  expect(s.query("SELECT state FROM outbox WHERE state <> 'done'")).toEqual([]);
  const changes = s.log.filter(({ event }) => event === 'breaker');
  expect(changes.map(({ from, to }) => `${String(from)} ${String(to)}`)).toEqual([
    'closed open',
    'open half-open',
    'half-open open',
    'open half-open',
    'half-open closed',
  ]);
  expect(changes[0]).toMatchObject({ destination: 'oh-to-mhv', stage: 'outbox', code: 'mhv:503' });
});

test('a probe that is answered slowly is the only one out', async () => {
  const began = Promise.withResolvers<void>();
  const answer = Promise.withResolvers<void>();
  const slow = site({
    flows: {
      'oh-to-mhv': {
        translate: async ({ payload }) => toMhv(payload as ReturnType<typeof entry>),
        deliver: async ({ attempt }) => {
          if (attempt > 1) {
            began.resolve();
            await answer.promise;
          }
          return down;
        },
      },
      'mhv-to-oh': { translate: async () => toOh(send()), deliver: async () => delivered },
    },
  });
  await slow.accept(8);
  await slow.pass(0);
  expect(slow.attempts()).toBe(8);
  const passed = slow.pass(1000);
  await began.promise;
  expect(await slow.toMhv()).toMatchObject({ state: 'half-open', inHand: 1 });
  expect(slow.attempts()).toBe(9);
  answer.resolve();
  await passed;
  expect(slow.attempts()).toBe(9);
});

test('Retry-After on one message slows the whole lane, and no other', async () => {
  const s = site({ concurrency: 1 });
  s.answers.toMhv = () => ({ ...down, code: 'mhv:429', httpStatus: 429, retryAfterMs: 60_000 });
  await s.accept(5);
  await s.pass(0);
  expect(s.attempts()).toBe(1);
  await s.store.acceptSend(send());
  s.answers.toMhv = () => delivered;
  await s.pass(59_999);
  expect(s.asked).toEqual(['oh:p1', 'icn:1012345678V123456']);
  // The message itself waits a little longer, so that not everything returns at one moment.
  await s.pass(1);
  expect(s.query('SELECT state FROM outbox WHERE state = ?', 'pending')).toHaveLength(1);
  await s.pass(12_000);
  expect(s.query('SELECT state FROM outbox WHERE state = ?', 'pending')).toEqual([]);
});

test('messages that are refused one by one never open the breaker', async () => {
  const s = site();
  s.answers.toMhv = () => ({ kind: 'rejected', code: 'mhv:119', reason: 'No.', httpStatus: 400 });
  await s.accept(20);
  await s.pass(0);
  expect(await s.toMhv()).toMatchObject({ state: 'closed', failuresInARow: 0 });
  expect(s.attempts()).toBe(20);
});

test('look-ups have a breaker of their own, which leaves deliveries alone', async () => {
  const s = site();
  await s.accept(1);
  await s.pass(0);
  s.answers.lookUp = { kind: 'retry', code: 'fhir:503', reason: 'Down.', httpStatus: 503 };
  await s.accept(8, 11);
  await s.pass(0);
  await s.accept(50, 21);
  await s.pass(500);
  expect(await s.toMhv()).toMatchObject({ state: 'closed', translation: { state: 'open' } });
  expect(
    s.query("SELECT count(*) AS n FROM attempts WHERE stage = 'inbox' AND outcome = 'retry'"),
  ).toEqual([{ n: 8 }]);
});

test('a rate bounds the deliveries a second, and what waits spends no attempt', async () => {
  const s = site({ ratePerSecond: 2 });
  await s.accept(10);
  await s.pass(0);
  expect(s.attempts()).toBe(1);
  await s.pass(499);
  expect(s.attempts()).toBe(1);
  await s.pass(1);
  expect(s.attempts()).toBe(2);
  for (let n = 0; n < 8; n += 1) await s.pass(500);
  expect(s.query("SELECT state FROM outbox WHERE state = 'done'")).toHaveLength(10);
  expect(await s.toMhv()).toMatchObject({ ratePerSecond: 2 });
});

test('a pause holds one direction, restarts included, until somebody resumes it', async () => {
  const s = site();
  await s.store.pause('oh-to-mhv', 'on-call@example.test');
  await s.accept(3);
  await s.store.acceptSend(send());
  await s.pass(0);
  expect(s.asked).toEqual(['icn:1012345678V123456']);
  const pausedAt = s.clock.now;
  expect(s.query("SELECT DISTINCT waits_for FROM stuck WHERE stage = 'outbox'")).toEqual([
    { waits_for: 'a resume (paused by on-call@example.test)' },
  ]);
  const reopened = s.reopen();
  const after = s.engineOn(reopened);
  s.clock.now += 1e7;
  await after.drain();
  expect(s.attempts()).toBe(1);
  expect((await after.destinations())[0]).toMatchObject({
    state: 'paused',
    pausedBy: 'on-call@example.test',
    pausedAt,
  });
  await reopened.resume('oh-to-mhv', 'on-call@example.test');
  await after.drain();
  expect(s.attempts()).toBe(4);
  expect((await after.destinations())[0]).toMatchObject({ state: 'closed' });
});

test('a resume wakes the pollers that run', async () => {
  const s = site();
  await s.store.pause('oh-to-mhv', 'on-call@example.test');
  await s.accept(1);
  await s.engine.drain();
  const sent = Promise.withResolvers<void>();
  s.answers.toMhv = () => {
    sent.resolve();
    return delivered;
  };
  s.engine.start();
  await s.store.resume('oh-to-mhv', 'on-call@example.test');
  await sent.promise;
  await s.engine.stop();
  expect(s.query('SELECT state FROM outbox')).toEqual([{ state: 'done' }]);
});

test('the file says that a breaker holds messages up, and no longer once it is closed', async () => {
  const s = site();
  s.clock.now = Date.now();
  s.answers.toMhv = () => down;
  await s.accept(4);
  await s.pass(0);
  const openUntil = s.clock.now + 1000;
  expect(s.query('SELECT * FROM breakers')).toEqual([
    {
      direction: 'oh-to-mhv',
      stage: 'outbox',
      state: 'open',
      until: openUntil,
      code: 'mhv:503',
    },
  ]);
  await s.accept(1, 5);
  await s.pass(0);
  s.clock.now += 3_600_000;
  s.answers.toMhv = () => ({ ...down, retryAfterMs: 7_200_000 });
  await s.pass(0);
  expect(s.query('SELECT waits_for, count(*) AS messages FROM stuck GROUP BY 1')).toEqual([
    { waits_for: 'its next attempt', messages: 1 },
    { waits_for: 'the breaker (mhv:503)', messages: 4 },
  ]);
  const reopened = s.reopen();
  s.answers.toMhv = () => delivered;
  await s.engineOn(reopened).drain();
  expect(s.query('SELECT * FROM breakers')).toEqual([]);
});

test('a person ends the wait of an open breaker, and one message tries at once', async () => {
  const s = site();
  s.answers.toMhv = () => ({ ...down, retryAfterMs: 3_600_000 });
  await s.accept(4);
  await s.pass(0);
  await s.accept(1, 5);
  s.answers.toMhv = () => delivered;
  await s.pass(60_000);
  expect(await s.toMhv()).toMatchObject({ state: 'open' });
  s.engine.endWait('oh-to-mhv');
  await s.pass(0);
  expect(await s.toMhv()).toMatchObject({ state: 'closed' });
  expect(s.query("SELECT id FROM outbox WHERE state = 'done'")).not.toBeEmpty();
});

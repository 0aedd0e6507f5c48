import { expect, test } from 'bun:test';
import type { Outcome } from '../../src/message.ts';
import { backoffMs, settlementOf } from '../../src/queue/backoff.ts';

const HOUR_MS = 3_600_000;
const policy = { scheduleMs: [1000, 5000, 60_000], maxAttempts: 4, maxAgeMs: 168 * HOUR_MS };
const MIDDLE = 0.5;

test('waits follow the schedule and the last one repeats', () => {
  const waits = [1, 2, 3, 4, 99].map((spent) => backoffMs(policy, spent, MIDDLE));
  expect(waits).toEqual([1000, 5000, 60_000, 60_000, 60_000]);
});

test('jitter spreads a wait by a fifth each way', () => {
  expect(backoffMs(policy, 1, 0)).toBe(800);
  expect(backoffMs(policy, 1, 1 - Number.EPSILON)).toBe(1200);
});

test('a wait that the destination asked for wins when longer, and is never cut short', () => {
  expect(backoffMs(policy, 1, 0, 30_000)).toBe(30_000);
  expect(backoffMs(policy, 3, MIDDLE, 10)).toBe(60_000);
});

test.each([
  [{ kind: 'delivered', ids: {}, found: false }, 1, 'done'],
  [{ kind: 'rejected', code: 'c', reason: 'r' }, 1, 'dead'],
  [{ kind: 'retry', code: 'c', reason: 'r' }, 3, 'pending'],
  [{ kind: 'retry', code: 'c', reason: 'r' }, 4, 'dead'],
  [{ kind: 'in-doubt', code: 'c', reason: 'r' }, 3, 'pending'],
  [{ kind: 'in-doubt', code: 'c', reason: 'r' }, 4, 'dead'],
  [{ kind: 'postponed', code: 'c', reason: 'r' }, 4, 'pending'],
] satisfies [Outcome, number, string][])(
  '%o after %i attempts is %s',
  (outcome, attempts, state) => {
    expect(settlementOf(outcome, { attempts }, policy, 0, MIDDLE).state).toBe(state as never);
  },
);

test('what fails after its time is dead with its last reason, however few its attempts', () => {
  const outcome = { kind: 'retry', code: 'mhv:503', reason: 'r' } as const;
  const at = (hours: number) =>
    settlementOf(outcome, { attempts: 1, acceptedAt: 0 }, policy, hours * HOUR_MS, MIDDLE);
  expect(at(167).state).toBe('pending');
  expect(at(168)).toEqual({ state: 'dead', outcome });
  const delivered = { kind: 'delivered', ids: {}, found: false } as const;
  const late = settlementOf(delivered, { attempts: 1, acceptedAt: 0 }, policy, 1e12, MIDDLE);
  expect(late.state).toBe('done');
});

test('a wait that the destination asked for is bounded to a day', () => {
  expect(backoffMs(policy, 1, 0, 1e12)).toBe(24 * HOUR_MS);
});

test('what is put back is due after its wait', () => {
  const outcome = { kind: 'retry', code: 'c', reason: 'r', retryAfterMs: 7000 } as const;
  expect(settlementOf(outcome, { attempts: 2 }, policy, 1_000_000, 0)).toMatchObject({
    dueAt: 1_007_000,
  });
});

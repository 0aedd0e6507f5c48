import { expect, test } from 'bun:test';
import type { Outcome } from '../../src/message.ts';
import { backoffMs, settlementOf } from '../../src/queue/backoff.ts';

const policy = { scheduleMs: [1000, 5000, 60_000], maxAttempts: 4 };
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
] satisfies [Outcome, number, string][])('%o after %i attempts is %s', (outcome, spent, state) => {
  expect(settlementOf(outcome, spent, policy, 0, MIDDLE).state).toBe(state as never);
});

test('what is put back is due after its wait', () => {
  const outcome = { kind: 'retry', code: 'c', reason: 'r', retryAfterMs: 7000 } as const;
  expect(settlementOf(outcome, 2, policy, 1_000_000, 0)).toMatchObject({ dueAt: 1_007_000 });
});

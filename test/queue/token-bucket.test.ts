import { expect, test } from 'bun:test';
import { TokenBucket } from '../../src/queue/token-bucket.ts';

/** Takes whatever there is, every few milliseconds for some seconds; returns when each was taken. */
function takeAll(perSecond: number, seconds: number, everyMs = 5): number[] {
  const bucket = new TokenBucket(perSecond, 0);
  const taken: number[] = [];
  for (let now = 0; now < seconds * 1000; now += everyMs) {
    const count = bucket.available(now);
    bucket.take(count, now);
    for (let n = 0; n < count; n += 1) taken.push(now);
  }
  return taken;
}

test.each([1, 4, 50, 300])('%i a second are that many, and hardly more in any second', (rate) => {
  const taken = takeAll(rate, 5);
  expect(taken.length).toBeGreaterThanOrEqual(rate * 5 * 0.95);
  for (const from of taken) {
    const inSecond = taken.filter((at) => at >= from && at < from + 1000);
    expect(inSecond.length).toBeLessThanOrEqual(Math.ceil(rate * 1.1) + 1);
  }
});

test('a rate below one a second makes whole tokens, each in its time', () => {
  expect(takeAll(0.5, 7, 100)).toEqual([0, 2000, 4000, 6000]);
});

test('it says when the next token is there, and then it is', () => {
  const bucket = new TokenBucket(3, 1000);
  expect(bucket.readyAt(1000)).toBe(1000);
  bucket.take(1, 1000);
  const next = bucket.readyAt(1000);
  expect(next).toBe(1334);
  expect(bucket.available(next - 1)).toBe(0);
  expect(bucket.available(next)).toBe(1);
});

test('a clock that is set back takes no token away', () => {
  const bucket = new TokenBucket(1, 10_000);
  bucket.take(1, 10_000);
  expect(bucket.available(5000)).toBe(0);
  expect(bucket.available(6000)).toBe(1);
});

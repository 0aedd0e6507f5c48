import { expect, test } from 'bun:test';
import { Breaker, type Failure } from '../../src/queue/breaker.ts';

const policy = { failures: 3, scheduleMs: [1000, 5000, 600_000], probeMs: 60_000 };

const failure = (messageId: string, changes: Partial<Failure> = {}): Failure => ({
  messageId,
  code: 'mhv:503',
  slowDown: false,
  ...changes,
});

/** A breaker that opened at 0 by the failures of a, b and c. */
function opened() {
  const breaker = new Breaker(policy);
  for (const id of ['a', 'b', 'c']) breaker.fail(failure(id), 0);
  return breaker;
}

test('it starts closed and opens at the last of the failures in a row', () => {
  const breaker = new Breaker(policy);
  expect(breaker.fail(failure('a'), 0)).toBeUndefined();
  expect(breaker.fail(failure('b'), 0)).toBeUndefined();
  expect(breaker.allowance(0)).toBe(Number.POSITIVE_INFINITY);
  expect(breaker.fail(failure('c'), 0)).toEqual({ from: 'closed', to: 'open', code: 'mhv:503' });
  expect(breaker.allowance(0)).toBe(0);
  expect(breaker.state(999)).toBe('open');
  expect(breaker.readyAt()).toBe(1000);
});

test('a success between failures starts the count anew', () => {
  const breaker = new Breaker(policy);
  for (const id of ['a', 'b']) breaker.fail(failure(id), 0);
  breaker.succeed('c');
  for (const id of ['d', 'e']) breaker.fail(failure(id), 0);
  expect(breaker.state(0)).toBe('closed');
  expect(breaker.failuresInARow).toBe(2);
});

test('after the wait one row may go, and no second while it is out', () => {
  const breaker = opened();
  expect(breaker.state(1000)).toBe('half-open');
  expect(breaker.allowance(1000)).toBe(1);
  expect(breaker.probe('d', 1000)).toMatchObject({ from: 'open', to: 'half-open' });
  expect(breaker.allowance(1000)).toBe(0);
  expect(breaker.allowance(60_999)).toBe(0);
});

test('the probe that succeeds closes it, and the next trouble waits from the start again', () => {
  const breaker = opened();
  breaker.probe('d', 1000);
  breaker.fail(failure('d'), 1000);
  breaker.probe('e', 6000);
  expect(breaker.succeed('e')).toMatchObject({ from: 'half-open', to: 'closed' });
  expect(breaker.failuresInARow).toBe(0);
  for (const id of ['a', 'b', 'c']) breaker.fail(failure(id), 10_000);
  expect(breaker.readyAt()).toBe(11_000);
});

test('each probe that fails makes the wait longer, up to a minute', () => {
  const breaker = opened();
  const waits = ['d', 'e', 'f', 'g'].map((id) => {
    const at = breaker.readyAt();
    breaker.probe(id, at);
    expect(breaker.fail(failure(id), at)).toMatchObject({ from: 'half-open', to: 'open' });
    return breaker.readyAt() - at;
  });
  expect(waits).toEqual([5000, 60_000, 60_000, 60_000]);
});

test('one message that fails again and again does not make the wait of the others grow', () => {
  const breaker = new Breaker(policy);
  for (let n = 0; n < 3; n += 1) breaker.fail(failure('a'), 0);
  breaker.probe('a', 1000);
  breaker.fail(failure('a'), 1000);
  expect(breaker.readyAt()).toBe(2000);
});

test('a destination that asks for a pause gets it at the first word, for as long as it asked', () => {
  const breaker = new Breaker(policy);
  breaker.fail(failure('a', { code: 'mhv:429', slowDown: true, retryAfterMs: 30_000 }), 0);
  expect(breaker.state(29_999)).toBe('open');
  breaker.fail(failure('b', { slowDown: true, retryAfterMs: 40_000 }), 5000);
  expect(breaker.readyAt()).toBe(45_000);
  const silent = new Breaker(policy);
  silent.fail(failure('a', { code: 'mhv:429', slowDown: true }), 0);
  expect(silent.readyAt()).toBe(1000);
});

test('no destination can ask for more than a day', () => {
  const breaker = new Breaker(policy);
  breaker.fail(failure('a', { slowDown: true, retryAfterMs: 1e12 }), 0);
  expect(breaker.readyAt()).toBe(24 * 60 * 60 * 1000);
});

test('what began before it opened neither closes it nor makes it wait longer', () => {
  const breaker = opened();
  expect(breaker.succeed('late')).toBeUndefined();
  expect(breaker.fail(failure('later'), 500)).toBeUndefined();
  expect(breaker.readyAt()).toBe(1000);
  breaker.probe('d', 1000);
  expect(breaker.succeed('late')).toBeUndefined();
  expect(breaker.state(1000)).toBe('half-open');
});

test('a probe that told nothing of the destination lets another go', () => {
  const breaker = opened();
  breaker.probe('d', 1000);
  breaker.abstain('d');
  expect(breaker.allowance(1000)).toBe(1);
  expect(breaker.state(1000)).toBe('half-open');
});

test('a probe that is never heard of does not stop its destination for ever', () => {
  const breaker = opened();
  breaker.probe('d', 1000);
  expect(breaker.readyAt()).toBe(61_000);
  expect(breaker.allowance(61_000)).toBe(1);
  breaker.probe('e', 61_000);
  expect(breaker.succeed('d')).toBeUndefined();
  expect(breaker.succeed('e')).toMatchObject({ to: 'closed' });
});

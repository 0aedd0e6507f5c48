import { expect, test } from 'bun:test';
import { FailedAttempts, networkOf } from '../../src/access/attempts.ts';

function failedAttempts(maxKeys = 3) {
  const clock = { now: 0 };
  const attempts = new FailedAttempts({ max: 2, windowMs: 1000, maxKeys }, () => clock.now);
  return { attempts, clock };
}

test('after so many failures a key waits for the end of its window', () => {
  const { attempts, clock } = failedAttempts();
  expect(attempts.fail('a')).toBe(false);
  clock.now = 400;
  expect(attempts.waitMs('a')).toBe(0);
  expect(attempts.fail('a')).toBe(true);
  expect(attempts.fail('a')).toBe(false);
  expect(attempts.waitMs('a')).toBe(600);
  expect(attempts.waitMs('b')).toBe(0);
  clock.now = 1000;
  expect(attempts.waitMs('a')).toBe(0);
  expect(attempts.fail('a')).toBe(false);
  expect(attempts.waitMs('a')).toBe(0);
});

test('a success makes up for the failures before it', () => {
  const { attempts } = failedAttempts();
  attempts.fail('a');
  attempts.succeed('a');
  attempts.fail('a');
  expect(attempts.waitMs('a')).toBe(0);
});

test('a flood of keys takes no more memory, and costs the oldest its place', () => {
  const { attempts, clock } = failedAttempts();
  for (const key of ['a', 'a', 'b', 'b', 'c', 'd']) {
    attempts.fail(key);
    clock.now += 1;
  }
  expect(attempts.waitMs('a')).toBe(0);
  expect(attempts.waitMs('b')).toBeGreaterThan(0);
});

test.each([
  ['2001:db8:1:2::1', '2001:db8:1:2::/64'],
  ['2001:DB8:1:2:ffff:ffff:ffff:ffff', '2001:db8:1:2::/64'],
  ['2001:db8:1:3::1', '2001:db8:1:3::/64'],
  ['fe80::1%eth0', 'fe80::/64'],
  ['::1', '::/64'],
  ['192.0.2.1', '192.0.2.1'],
  ['::ffff:192.0.2.1', '192.0.2.1'],
  ['::ffff:c000:202', '192.0.2.2'],
  ['unknown', 'unknown'],
  ['', ''],
])('failures from %p are those of %p', (address, network) => {
  expect(networkOf(address)).toBe(network);
});

import { expect, test } from 'bun:test';
import { createCache } from '../src/cache.ts';

function setup(): {
  get: (key: string) => Promise<string>;
  clock: { now: number };
  loads: string[];
} {
  const clock = { now: 0 };
  const loads: string[] = [];
  const cache = createCache<string>({ maxEntries: 2, now: () => clock.now });
  const get = (key: string): Promise<string> =>
    cache.get(key, async () => {
      loads.push(key);
      return { value: `${key}${loads.length}`, expiresAt: clock.now + 100 };
    });
  return { get, clock, loads };
}

test('a value is loaded again once it has expired', async () => {
  const { get, clock } = setup();
  expect(await get('a')).toBe('a1');
  clock.now = 99;
  expect(await get('a')).toBe('a1');
  clock.now = 100;
  expect(await get('a')).toBe('a2');
});

test('the value kept longest makes room', async () => {
  const { get, loads } = setup();
  await get('a');
  await get('b');
  await get('c');
  await get('b');
  expect(loads).toEqual(['a', 'b', 'c']);
  await get('a');
  expect(loads).toEqual(['a', 'b', 'c', 'a']);
});

test('all who wait share a failure, and the next one tries again', async () => {
  const cache = createCache<string>({ maxEntries: 2, now: () => 0 });
  let loads = 0;
  const fail = async (): Promise<never> => {
    loads += 1;
    throw new Error('down');
  };
  const results = await Promise.allSettled([cache.get('a', fail), cache.get('a', fail)]);
  expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  expect(loads).toBe(1);
  expect(await cache.get('a', async () => ({ value: 'up', expiresAt: 1 }))).toBe('up');
});

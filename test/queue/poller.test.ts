import { expect, test } from 'bun:test';
import { Poller } from '../../src/queue/poller.ts';

function setup(options: { concurrency?: number } = {}) {
  const waiting: number[] = [];
  const claims: number[] = [];
  const done: number[] = [];
  const finish = new Map<number, () => void>();
  const freed = new Map<number, () => void>();
  let claimed = Promise.withResolvers<void>();
  const poller = new Poller<number>({
    concurrency: options.concurrency ?? 2,
    now: () => 0,
    random: () => 0.5,
    onError: () => undefined,
    nextDueAt: async () => undefined,
    claim: async (limit) => {
      claims.push(limit);
      const items = waiting.splice(0, limit);
      if (items.length > 0) {
        claimed.resolve();
        claimed = Promise.withResolvers();
      }
      return items;
    },
    work: async (item, free) => {
      freed.set(item, free);
      await new Promise<void>((resolve) => finish.set(item, resolve));
      done.push(item);
    },
  });
  return { poller, waiting, claims, done, finish, freed, nextClaim: () => claimed.promise };
}

test('takes no more in hand than it may work on at once', async () => {
  const { poller, waiting, claims, finish } = setup({ concurrency: 2 });
  waiting.push(1, 2, 3);
  expect(await poller.poll()).toBe(0);
  await poller.poll();
  expect(claims).toEqual([2]);
  finish.get(1)?.();
  finish.get(2)?.();
  await poller.finishInHand();
  await poller.poll();
  expect(claims).toEqual([2, 2]);
  finish.get(3)?.();
  await poller.finishInHand();
});

test('an item whose settlement is on its way makes room for one other, and is waited for at the end', async () => {
  const { poller, waiting, claims, done, finish, freed } = setup({ concurrency: 2 });
  waiting.push(1, 2, 3, 4);
  await poller.poll();
  freed.get(1)?.();
  freed.get(1)?.();
  await poller.poll();
  await poller.poll();
  expect(claims).toEqual([2, 1]);
  finish.get(1)?.();
  const stopped = poller.stop();
  finish.get(2)?.();
  finish.get(3)?.();
  await stopped;
  expect(done).toEqual([1, 2, 3]);
});

test('a wake ends the sleep at once', async () => {
  const { poller, waiting, done, finish, nextClaim } = setup();
  poller.start();
  const claimed = nextClaim();
  waiting.push(1);
  poller.wake();
  await claimed;
  await Promise.resolve();
  finish.get(1)?.();
  await poller.stop();
  expect(done).toEqual([1]);
});

test('stop waits for the work in hand and claims nothing more', async () => {
  const { poller, waiting, claims, done, finish } = setup({ concurrency: 1 });
  waiting.push(1, 2);
  await poller.poll();
  const stopped = poller.stop();
  finish.get(1)?.();
  await stopped;
  expect(done).toEqual([1]);
  expect(claims).toHaveLength(1);
});

test('sleeps until something is due, and no longer than its bound', async () => {
  const poll = async (dueAt: number | undefined) =>
    new Poller({
      concurrency: 1,
      now: () => 1000,
      random: () => 0.5,
      onError: () => undefined,
      claim: async () => [],
      nextDueAt: async () => dueAt,
      work: async () => undefined,
    }).poll();
  expect(await poll(1250)).toBe(250);
  expect(await poll(999)).toBe(5);
  expect(await poll(99_000)).toBe(1000);
  expect(await poll(undefined)).toBe(1000);
});

test('an error in claiming is reported and does not end the loop', async () => {
  const errors: unknown[] = [];
  const reported = Promise.withResolvers<void>();
  const poller = new Poller({
    concurrency: 1,
    now: () => 0,
    random: () => 0.5,
    onError: (error) => {
      errors.push(error);
      reported.resolve();
    },
    claim: async () => {
      throw new Error('database is locked');
    },
    nextDueAt: async () => undefined,
    work: async () => undefined,
  });
  poller.start();
  await reported.promise;
  await poller.stop();
  expect(errors).toMatchObject([{ message: 'database is locked' }]);
});

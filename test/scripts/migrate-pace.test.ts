/** What a migration is bound and warned by, on a clock that only the test moves. */
import { expect, test } from 'bun:test';
import { createPace } from '../../scripts/migrate/pace.ts';
import { createSpeed } from '../../scripts/migrate/progress.ts';
import { createWatch, Unattended } from '../../scripts/migrate/watch.ts';
import { ExchangeError } from '../../src/errors.ts';
import type { Pause } from '../../src/store/store.ts';

function movedClock() {
  const clock = {
    at: 0,
    now: () => clock.at,
    sleep: async (ms: number) => void (clock.at += ms),
  };
  return clock;
}

test('a rate is kept to the millisecond, also by fractions and by several at once', () => {
  for (const [perSecond, count] of [
    [4, 1],
    [0.5, 1],
    [10, 25],
  ] as const) {
    const clock = movedClock();
    const pace = createPace(perSecond, clock);
    let done = 0;
    while (clock.at < 60_000) {
      if (pace.waitMs() === 0) {
        pace.spend(count);
        done += count;
      }
      clock.at += Math.max(1, pace.waitMs());
    }
    expect(done).toBeGreaterThanOrEqual(perSecond * 60 - count);
    expect(done).toBeLessThanOrEqual(perSecond * 60 + count);
  }
});

test('nothing is saved up while there is nothing to do, and what was known costs nothing', () => {
  const clock = movedClock();
  const pace = createPace(2, clock);
  clock.at = 60_000;
  pace.spend(1);
  expect(pace.waitMs()).toBe(500);
  clock.at += 500;
  pace.spend(0);
  expect(pace.waitMs()).toBe(0);
  const unbound = createPace(0, clock);
  unbound.spend(1_000_000);
  expect(unbound.waitMs()).toBe(0);
});

function lookout(waitMs: number) {
  const clock = movedClock();
  const said: string[] = [];
  const file = { by: 'elsewhere' as 'elsewhere' | 'nowhere', pauses: [] as Pause[] };
  const watch = createWatch({
    ...clock,
    store: { pauses: async () => file.pauses, upkeep: { polledBy: async () => file.by } },
    path: '/data/exchange.db',
    waitMs,
    say: (line) => said.push(line),
  });
  const look = async (ms: number) => {
    clock.at += ms;
    await watch.look();
  };
  return { clock, said, file, watch, look };
}

test('nobody who polls the file is said once, and so is somebody who does again', async () => {
  const { said, file, look } = lookout(60_000);
  await look(0);
  file.by = 'nowhere';
  for (let seconds = 0; seconds < 30; seconds += 1) await look(1000);
  file.by = 'elsewhere';
  await look(1000);
  expect(said).toEqual([
    'No exchange polls /data/exchange.db, so nothing moves. Start one (`bun run start`) in the same environment; waiting for it 60 s.',
    'An exchange polls the file; going on.',
  ]);
});

test('somebody who polls, and is done before the next look, is said too', async () => {
  const { said, file, watch, look } = lookout(60_000);
  watch.end();
  file.by = 'nowhere';
  await look(1000);
  watch.end();
  watch.end();
  expect(said.slice(1)).toEqual(['An exchange polls the file; going on.']);
});

test('the wait for somebody who polls has an end, which counts anew each time', async () => {
  const { file, look } = lookout(60_000);
  file.by = 'nowhere';
  for (let seconds = 0; seconds <= 59; seconds += 1) await look(1000);
  file.by = 'elsewhere';
  await look(1000);
  file.by = 'nowhere';
  for (let seconds = 0; seconds <= 59; seconds += 1) await look(1000);
  expect(look(1000)).rejects.toThrow(Unattended);
});

test('a pause is said once, by whom, and again when there is another', async () => {
  const { said, file, look } = lookout(60_000);
  const pause: Pause = { destination: 'oh-to-mhv', pausedAt: 0, actor: 'ann' };
  file.pauses = [pause];
  await look(1000);
  await look(1000);
  file.pauses = [];
  await look(1000);
  file.pauses = [pause];
  await look(1000);
  const line = 'Deliveries to MHV are paused by ann; waiting until they are resumed.';
  expect(said).toEqual([line, line]);
});

test('a store that is unavailable is asked until it is not, and anything else is thrown', async () => {
  const { said, watch } = lookout(60_000);
  let asked = 0;
  const work = async () => {
    asked += 1;
    if (asked < 4) throw new ExchangeError('unavailable', 'Too many messages are waiting.');
    return 'taken';
  };
  expect(await watch.untilTaken(work)).toBe('taken');
  expect(asked).toBe(4);
  expect(said).toEqual(['Too many messages are waiting. Trying again.']);
  const bug = async () => {
    throw new TypeError('x');
  };
  expect(watch.untilTaken(bug)).rejects.toThrow(TypeError);
});

test('what something waits for is said once for each reason, and not without end', () => {
  const { said, watch } = lookout(60_000);
  watch.explain('patient 3', ['mhv:503: It is in trouble.', 'mhv:503: It is in trouble.']);
  watch.explain('patient 3', ['mhv:503: It is in trouble.']);
  expect(said).toEqual(['patient 3 waits: mhv:503: It is in trouble.']);
  for (let n = 0; n < 100; n += 1) watch.explain(`patient ${n}`, ['late']);
  expect(said).toHaveLength(20);
});

test('the rate that is shown is the latest one, and so is the time left', () => {
  const speedOf = createSpeed(100_000, 0);
  expect(speedOf(0, 0)).toEqual({ rate: '0.0', left: '?' });
  // What an earlier run has done is there at once.
  expect(speedOf(40_000, 1000)).toMatchObject({ rate: '40000.0' });
  for (let seconds = 2; seconds <= 120; seconds += 1)
    speedOf(40_000 + seconds * 10, seconds * 1000);
  expect(speedOf(41_210, 121_000)).toEqual({ rate: '10.0', left: '1 h 38 min' });
  expect(speedOf(99_980, 121_000).left).toBe('1 s');
  expect(speedOf(100_000, 121_000).left).toBe('0 s');
});

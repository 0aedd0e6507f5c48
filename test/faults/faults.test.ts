/** The short form of `bun run faults`: every scenario holds, and the count behind it can fail. */
import { afterEach, expect, test } from 'bun:test';
import { type City, openCity } from '../../scripts/faults/city.ts';
import { clock } from '../../scripts/faults/clock.ts';
import { disk } from '../../scripts/faults/disk.ts';
import { durability } from '../../scripts/faults/durability.ts';
import { kill } from '../../scripts/faults/kill.ts';
import { balance, type Written } from '../../scripts/faults/ledger.ts';
import { createLoad } from '../../scripts/faults/load.ts';
import { type Running, startExchange } from '../../scripts/faults/process.ts';
import { storm } from '../../scripts/faults/storm.ts';
import { readTrace } from '../../scripts/faults/trace.ts';

const seed = 20_251_008;
const TIMEOUT_MS = 60_000;
// Where these are missing the tests are skipped by name; CI installs them and skips none.
const isCi = process.env['CI'] === 'true';
const canTrace = isCi || Bun.which('strace') !== null;
const canMount = isCi || process.getuid?.() === 0;
const cleanups: (() => unknown)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

test(
  'kills at random moments lose, double and reorder nothing that was acknowledged',
  async () => {
    const { complaints, figures } = await kill({ rounds: 10, seed });
    expect(complaints).toEqual([]);
    expect(figures['acknowledged']).toBeGreaterThan(0);
  },
  TIMEOUT_MS,
);

test(
  'destinations that cut, stall, fail and refuse get each message once',
  async () => {
    const { complaints, figures } = await storm({ messages: 100, seed });
    expect(complaints).toEqual([]);
    expect(figures['delivered']).toBe(200);
  },
  TIMEOUT_MS,
);

test.skipIf(!canTrace)(
  'no acknowledgement leaves before the fsync of what it acknowledges',
  async () => {
    const { complaints, skipped } = await durability({ seed });
    expect(complaints).toEqual([]);
    expect(skipped).toBeUndefined();
  },
  TIMEOUT_MS,
);

test.skipIf(!canMount)(
  'a full disk, a read-only disk and a damaged page lose nothing, and are said',
  async () => {
    const { complaints, skipped } = await disk({ seed });
    expect(complaints).toEqual([]);
    expect(skipped).toBeUndefined();
  },
  TIMEOUT_MS,
);

test(
  'a clock that jumps an hour both ways loses, doubles and reorders nothing',
  async () => {
    const { complaints, figures } = await clock({ seed });
    expect(complaints).toEqual([]);
    expect(figures['delivered']).toBe(figures['acknowledged'] ?? 0);
  },
  TIMEOUT_MS,
);

async function deliveredCity(): Promise<{ city: City; ledger: Written[] }> {
  const city = await openCity({ seed, patients: 1 });
  cleanups.push(() => city.close());
  const exchange: Running = await startExchange(city);
  cleanups.push(() => exchange.kill());
  const load = createLoad({ city, chance: () => 0.5, maxPauseMs: 0 });
  await load.run(exchange.url, { signal: new AbortController().signal, quota: 3 });
  const until = performance.now() + 20_000;
  while (balance(city, load.ledger).delivered < 6 && performance.now() < until) await Bun.sleep(20);
  return { city, ledger: load.ledger };
}

test(
  'the balance notices a message that is lost, one that is doubled and one out of order',
  async () => {
    const { city, ledger } = await deliveredCity();
    const sound = { acknowledged: 6, delivered: 6, doubled: 0, lost: 0, outOfOrder: 0, dead: 0 };
    expect(balance(city, ledger)).toMatchObject(sound);

    const { messages } = city.mocks.world.mhv;
    const [first, second, ...rest] = [...messages.values()];
    if (!first || !second) throw new Error('nothing was delivered');
    messages.clear();
    for (const one of [second, first, ...rest]) messages.set(one.id, one);
    expect(balance(city, ledger)).toMatchObject({ ...sound, outOfOrder: 1 });

    messages.delete(first.id);
    expect(balance(city, ledger)).toMatchObject({ ...sound, delivered: 5, lost: 1 });

    messages.set(first.id, { ...first, repeats: 1 });
    expect(balance(city, ledger)).toMatchObject({ doubled: 1, lost: 0 });
  },
  TIMEOUT_MS,
);

const WAL = '7</data/exchange.db-wal>';
const line = {
  request: '10 recvfrom(9<socket:[1]>, "POST /messages HTTP/1.1\\r\\n\\r\\nletter-1", 64, 0) = 40',
  store: `10 pwrite64(${WAL}, "\\0letter-1\\0", 11, 0) = 11`,
  sync: `10 fsync(${WAL}) = 0`,
  answer: '10 sendto(9<socket:[1]>, "HTTP/1.1 202 Accepted\\r\\n", 22, 0) = 22',
};

test.each([
  ['write, sync, answer', [line.request, line.store, line.sync, line.answer], 0],
  ['write, answer, sync', [line.request, line.store, line.answer, line.sync], 1],
  ['sync, write, answer', [line.request, line.sync, line.store, line.answer], 1],
  ['no write at all', [line.request, line.sync, line.answer], 1],
  [
    'an answer while the sync is under way',
    [
      line.request,
      line.store,
      `11 fsync(${WAL} <unfinished ...>`,
      line.answer,
      '11 <... fsync resumed>) = 0',
    ],
    1,
  ],
])('in a trace of %s the unsafe acknowledgements are counted', (_, lines, unsafe) => {
  expect(readTrace(lines.join('\n'), ['letter-1'])).toMatchObject({ acknowledged: 1, unsafe });
});

/** A clock that jumps an hour forward and back while messages are accepted and under way. */
import pino from 'pino';
import { parseConfig } from '../../src/config.ts';
import { createExchange, type Exchange } from '../../src/exchange.ts';
import { type City, drained, openCity } from './city.ts';
import { balance, complaintsOf } from './ledger.ts';
import { createLoad } from './load.ts';
import { chanceOf, type Options, type Report } from './scenario.ts';

const PATIENTS = 12;
/** Messages each way under each of the clocks. */
const MESSAGES = 12;
const HOUR_MS = 60 * 60 * 1000;
/** Where the clock stands against the real one, in turn; the last lets everything become due. */
const JUMPS_MS = [0, HOUR_MS, 0, -HOUR_MS, 0, 2 * HOUR_MS];
/** A jump comes this long after a message was accepted, when some are under way. */
const UNDER_WAY_MS = 60;
/** Deliveries are stored at once and answered so late that every jump meets some. */
const ANSWER_MS = 150;
/** Some are stored and never answered: what the exchange then asks must not hang on its clock. */
const SHARE_CUT = 0.3;

/** Nothing may be lost, doubled or out of order; a wait until the clock is right again is allowed. */
export async function clock({ seed }: Pick<Options, 'seed'>): Promise<Report> {
  const city = await openCity({ seed, patients: PATIENTS });
  const time = { offsetMs: 0 };
  try {
    const exchange = await startInProcess(city, time, chanceOf(seed + 1));
    try {
      return await jump(city, exchange, time, seed);
    } finally {
      await exchange.stop();
    }
  } finally {
    await city.close();
  }
}

async function startInProcess(
  city: City,
  time: { offsetMs: number },
  random: () => number,
): Promise<Exchange> {
  const config = parseConfig(city.env);
  const now = () => Date.now() + time.offsetMs;
  const exchange = await createExchange(config, { now, random, log: pino({ level: 'silent' }) });
  exchange.engine.start();
  return exchange;
}

async function jump(
  city: City,
  { url }: Exchange,
  time: { offsetMs: number },
  seed: number,
): Promise<Report> {
  for (const [mock, path] of [
    ['mhv', '/exchange/message'],
    ['messaging', '/outbox/messages'],
  ] as const) {
    await city.fault(mock, { method: 'POST', path, delayMs: ANSWER_MS });
    await city.fault(mock, { method: 'POST', path, dropAfter: true, rate: SHARE_CUT });
  }
  const load = createLoad({ city, chance: chanceOf(seed), maxPauseMs: 20 });
  for (const offsetMs of JUMPS_MS) {
    time.offsetMs = offsetMs;
    await load.run(url, { signal: new AbortController().signal, quota: MESSAGES });
    await Bun.sleep(UNDER_WAY_MS);
  }
  const pending = await drained(city);
  const found = balance(city, load.ledger);
  const stillPending = pending > 0 ? [`${pending} rows were pending in the end`] : [];
  const complaints = [...load.complaints, ...stillPending, ...complaintsOf(found)];
  return { complaints, figures: { jumps: JUMPS_MS.length - 1, ...found } };
}

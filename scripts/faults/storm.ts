/** Destinations that store and cut the connection, answer late, fail and refuse, all at once. */
import { type City, drained, openCity } from './city.ts';
import { type Balance, balance, complaintsOf } from './ledger.ts';
import { createLoad } from './load.ts';
import { startExchange } from './process.ts';
import { chanceOf, type Options, type Report } from './scenario.ts';

const PATIENTS = 100;
/** The counter-proof needs no more than this. */
const MAX_BLIND_MESSAGES = 50;
/** Later than DELIVERY_TIMEOUT_MS of the exchange. */
const LATE_MS = 400;

type Storm = Pick<Options, 'messages' | 'seed'>;

/** Nothing may be lost or doubled; with destinations that deny what they have, doubles must show. */
export async function storm({ messages, seed }: Storm): Promise<Report> {
  const began = performance.now();
  const sound = await weather({ messages, seed }, () => undefined);
  const blind = await weather({ messages: Math.min(messages, MAX_BLIND_MESSAGES), seed }, deny);
  const complaints = [...sound.complaints, ...complaintsOf(sound.found)];
  if (sound.found.delivered !== messages * 2) {
    complaints.push(`${sound.found.delivered} of ${messages * 2} messages were delivered`);
  }
  if (blind.found.doubled === 0) complaints.push('the count of doubles can not fail');
  return {
    complaints,
    figures: {
      ...sound.found,
      attempts: sound.attempts,
      'doubled when denied': `${blind.found.doubled} of ${blind.found.written}`,
      minutes: Number(((performance.now() - began) / 60_000).toFixed(1)),
    },
  };
}

interface Outcome {
  found: Balance;
  attempts: number;
  complaints: string[];
}

async function weather({ messages, seed }: Storm, prepare: (city: City) => void): Promise<Outcome> {
  const city = await openCity({ seed, patients: PATIENTS, env: { CONCURRENCY: '64' } });
  try {
    prepare(city);
    await brew(city);
    const exchange = await startExchange(city);
    const load = createLoad({ city, chance: chanceOf(seed), maxPauseMs: 0 });
    try {
      await load.run(exchange.url, { signal: new AbortController().signal, quota: messages });
      const pending = await drained(city);
      if (pending > 0) load.complaints.push(`${pending} rows were still pending in the end`);
    } finally {
      await exchange.stop();
    }
    const [attempts] = city.ask<{ n: number }>('SELECT count(*) AS n FROM attempts');
    const { complaints } = load;
    return { found: balance(city, load.ledger), attempts: attempts?.n ?? 0, complaints };
  } finally {
    await city.close();
  }
}

/** Each fault draws for itself, so that one request can meet several. */
async function brew(city: City): Promise<void> {
  for (const [mock, path] of [
    ['mhv', '/exchange/message'],
    ['messaging', '/outbox/messages'],
  ] as const) {
    await city.fault(mock, { method: 'POST', path, dropAfter: true, rate: 0.3 });
    await city.fault(mock, { method: 'POST', path, delayMs: LATE_MS, rate: 0.1 });
    await city.fault(mock, { method: 'POST', path, status: 500, rate: 0.1 });
    await city.fault(mock, { method: 'POST', path, status: 429, retryAfter: 1, rate: 0.05 });
  }
  for (const mock of ['mhv', 'messaging', 'fhir'] as const) {
    await city.fault(mock, { method: 'GET', path: '/', dropAfter: true, rate: 0.03 });
    await city.fault(mock, { method: 'GET', path: '/', delayMs: LATE_MS, rate: 0.01 });
    await city.fault(mock, { method: 'GET', path: '/', status: 500, rate: 0.02 });
    await city.fault(mock, { method: 'GET', path: '/', status: 429, retryAfter: 1, rate: 0.01 });
  }
}

/** Keeps what it is given and denies having it. */
class Denying<K, V> extends Map<K, V> {
  override get(): undefined {
    return undefined;
  }
}

/** Asking first is no use where the destination always says no. */
function deny({ mocks }: City): void {
  mocks.world.mhv.byOhMessageId = new Denying();
  mocks.world.mailbox.byPatient = new Denying();
}

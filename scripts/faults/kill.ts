/** SIGKILL at random moments under load in both directions, on one file through all rounds. */
import { type City, drained, openCity } from './city.ts';
import { balance, complaintsOf } from './ledger.ts';
import { createLoad, type Load } from './load.ts';
import { killWhileStarting, type Running, startExchange } from './process.ts';
import { chanceOf, type Options, type Report } from './scenario.ts';

const PATIENTS = 16;
/** Acknowledged messages each way in one round, at most. */
const QUOTA = 25;
const MAX_PAUSE_MS = 150;
const MIN_LIFE_MS = 10;
const MAX_LIFE_MS = 400;
/** Most lives are counted from their first answer, however slow the machine; the rest from their first request. */
const SHARE_ANSWERED = 0.8;
const ANSWER_TIMEOUT_MS = 2000;
/** Some kills come before the exchange listens: while it opens the file and recovers its WAL. */
const SHARE_KILLED_STARTING = 0.1;
/** After so many rounds the exchange may finish, and everything is counted. */
const ROUNDS_PER_CHECK = 50;

interface Stage {
  city: City;
  load: Load;
  chance: () => number;
  startsMs: number[];
  complaints: string[];
}

/** Kills and restarts `rounds` times; what was acknowledged must be delivered once and in order. */
export async function kill({ rounds, seed }: Pick<Options, 'rounds' | 'seed'>): Promise<Report> {
  const began = performance.now();
  const city = await openCity({ seed, patients: PATIENTS });
  const chance = chanceOf(seed);
  const load = createLoad({ city, chance, maxPauseMs: MAX_PAUSE_MS });
  const stage: Stage = { city, load, chance, startsMs: [], complaints: load.complaints };
  try {
    await slowDown(city);
    for (let round = 1; round <= rounds; round += 1) {
      await oneRound(stage);
      if (round % ROUNDS_PER_CHECK === 0 || round === rounds) await check(stage, round);
      if (stage.complaints.length > 0) break;
    }
    return { complaints: stage.complaints, figures: figuresOf(stage, began) };
  } finally {
    await city.close({ keepFolder: stage.complaints.length > 0 });
  }
}

/** Half of the deliveries are stored at once and answered a little later: there kills leave a doubt. */
async function slowDown(city: City): Promise<void> {
  const late = { method: 'POST', delayMs: 25, rate: 0.5 };
  await city.fault('mhv', { path: '/exchange/message', ...late });
  await city.fault('messaging', { path: '/outbox/messages', ...late });
}

async function oneRound(stage: Stage): Promise<void> {
  const { city, load, chance } = stage;
  if (chance() < SHARE_KILLED_STARTING) {
    await killWhileStarting(city, chance() * MAX_LIFE_MS);
    return;
  }
  const exchange = await start(stage);
  const ended = new AbortController();
  const lifeMs = MIN_LIFE_MS + chance() * (MAX_LIFE_MS - MIN_LIFE_MS);
  const isFromAnswer = chance() < SHARE_ANSWERED;
  const writing = load.run(exchange.url, { signal: ended.signal, quota: QUOTA });
  if (isFromAnswer) await answered(load);
  await Bun.sleep(lifeMs);
  ended.abort();
  await exchange.kill();
  await writing;
}

async function answered(load: Load): Promise<void> {
  const before = load.answers;
  const until = performance.now() + ANSWER_TIMEOUT_MS;
  while (load.answers === before && performance.now() < until) await Bun.sleep(2);
}

/** Lets one life of the exchange finish everything, then counts. */
async function check(stage: Stage, round: number): Promise<void> {
  const { city, load, complaints } = stage;
  const exchange = await start(stage);
  try {
    const pending = await drained(city);
    if (pending > 0) complaints.push(`${pending} rows were still pending in the end`);
  } finally {
    await exchange.stop();
  }
  const [integrity] = city.ask<{ integrity_check: string }>('PRAGMA integrity_check');
  if (integrity?.integrity_check !== 'ok') complaints.push('integrity_check is not ok');
  const found = balance(city, load.ledger);
  complaints.push(...complaintsOf(found));
  console.error(`kill: round ${round}`, JSON.stringify(found));
}

async function start(stage: Stage): Promise<Running> {
  const exchange = await startExchange(stage.city);
  stage.startsMs.push(exchange.startMs);
  return exchange;
}

function figuresOf({ city, load, startsMs }: Stage, began: number): Report['figures'] {
  const { written, ...found } = balance(city, load.ledger);
  const [doubt] = city.ask<{ left: number; found: number }>(
    `SELECT count(*) AS left, coalesce(sum(b.found), 0) AS found
     FROM attempts a JOIN attempts b
       ON b.message_id = a.message_id AND b.stage = a.stage AND b.number = a.number + 1
     WHERE a.stage = 'outbox' AND a.error_code = 'lease-over'`,
  );
  const sorted = startsMs.toSorted((a, b) => a - b);
  return {
    asked: written,
    ...found,
    'deliveries cut short': doubt?.left ?? 0,
    'of which there already': doubt?.found ?? 0,
    'median start, ms': Math.round(sorted[Math.floor(sorted.length / 2)] ?? 0),
    minutes: Number(((performance.now() - began) / 60_000).toFixed(1)),
  };
}

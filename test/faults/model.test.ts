/** Commands in every order that fast-check thinks of, on a real file, against a model of the promise. */
import { afterAll, expect, test } from 'bun:test';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import type { Outcome, Undelivered } from '../../src/message.ts';
import { openStore } from '../../src/store/sqlite.ts';
import type { Lane, Settlement, Store } from '../../src/store/store.ts';
import { numbered, send, toMhv, toOh } from '../store/setup.ts';
import { misstated } from '../store/statuses.ts';
import { type Held, LEASE_MS, MAX_ATTEMPTS, Model, type Row } from './model.ts';

const START = Date.UTC(2025, 9, 8, 14, 0, 0);
const HOUR_MS = 60 * 60 * 1000;
const RETRY_MS = 5000;
/** The same few in every test run; `bun run faults --only model` asks for more, and others. */
const RUNS = Number(process.env['MODEL_RUNS'] ?? 40);
const SEED = Number(process.env['MODEL_SEED'] ?? 20_251_008);
const ICNS = ['1012345678V123456', '1012345679V123456'];

const LANES: Lane[] = [
  { stage: 'inbox', direction: 'oh-to-mhv' },
  { stage: 'inbox', direction: 'mhv-to-oh' },
  { stage: 'outbox', direction: 'oh-to-mhv' },
  { stage: 'outbox', direction: 'mhv-to-oh' },
];

/** The system under test: the store on its file, and both destinations as one list of what arrived. */
interface Real {
  path: string;
  clock: { now: number };
  store: Store;
  /** Those that were killed: their connections are closed when the run is over. */
  gone: Store[];
  arrived: Row[];
}

type Command = fc.AsyncCommand<Model, Real>;

// Thousands of commits, none of which has to outlive this machine.
const shelf = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();
const folder = mkdtempSync(join(shelf, 'sm-exchange-model-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
let runs = 0;

function open({ path, clock }: Pick<Real, 'path' | 'clock'>): Store {
  const bounds = { leaseMs: LEASE_MS, maxAttempts: MAX_ATTEMPTS };
  return openStore({ path, ...bounds, now: () => clock.now });
}

function command(name: string, run: Command['run'], check: Command['check'] = () => true): Command {
  return { check, run, toString: () => name };
}

/** The same entry of the same version is the same row; another version is another row. */
function announce(n: number, version: number): Command {
  return command(`announce ${n} version ${version}`, async (model, real) => {
    const entry = { ...numbered(n, `792959${n % 2}`), updatedAt: START + version };
    const key = `${n}:${version}`;
    const isNew = !model.known.has(key);
    const result = await real.store.acceptDocument({ entries: [entry] });
    expect(result).toEqual({ accepted: isNew ? 1 : 0, duplicates: isNew ? 0 : 1 });
    if (!isNew) return;
    const { ohMessageId: letter, ohPatientId } = entry;
    // Lists are by the time of acceptance, and here the clock may be set back.
    const { messages } = await real.store.list({ ohMessageId: letter }, { limit: 200 });
    const known = new Set(model.rows.map((row) => row.id));
    const id = messages.find((message) => !known.has(message.id))?.id ?? '';
    model.accept({ id, direction: 'oh-to-mhv', orderKey: `oh:${ohPatientId}`, letter }, key);
  });
}

/** The same Idempotency-Key is the same message; without one each request is its own. */
function post(patient: number, key: string | undefined): Command {
  return command(`post for ${patient} under ${key}`, async (model, real) => {
    const icn = ICNS[patient] ?? '';
    const idempotency = key ? { key: `${patient}-${key}`, requestDigest: icn } : undefined;
    const known = idempotency && model.known.get(idempotency.key);
    const result = await real.store.acceptSend(send({ icn }), idempotency);
    expect(result.repeated).toBe(known !== undefined);
    if (known) expect(result.id).toBe(known.id);
    else {
      const { id } = result;
      const row = { id, direction: 'mhv-to-oh', orderKey: `icn:${icn}`, letter: id } as const;
      model.accept(row, idempotency?.key);
    }
  });
}

function claim(lane: number, limit: number): Command {
  const asked = LANES[lane] ?? { stage: 'inbox', direction: 'oh-to-mhv' };
  return command(`claim ${limit} of ${asked.stage} ${asked.direction}`, async (model, real) => {
    const expected = model.claim(asked, limit);
    const claimed = await real.store.claim(asked, limit);
    const shown = claimed.map(({ id, attempt, inDoubtSince }) => ({ id, attempt, inDoubtSince }));
    const byId = (a: { id: string }, b: { id: string }) => a.id.localeCompare(b.id);
    expect(shown.toSorted(byId)).toEqual(
      expected
        .map(({ row, doubtSince }) => ({
          id: row.id,
          attempt: row.attempts,
          inDoubtSince: doubtSince,
        }))
        .toSorted(byId),
    );
    for (const one of claimed) {
      const row = expected.find(({ row: { id } }) => id === one.id)?.row;
      if (row) model.held.push({ claimed: one, row, leaseEnd: row.dueAt });
    }
  });
}

/** The worker of the n-th claim goes on; it may have slept through its lease. */
function withHeld(
  name: string,
  stage: Lane['stage'],
  n: number,
  work: (model: Model, real: Real, held: Held) => Promise<void>,
): Command {
  const of = (model: Readonly<Model>) => model.held.filter(({ row }) => row.stage === stage);
  return command(
    `${name} ${n}`,
    async (model, real) => {
      const candidates = of(model);
      const held = candidates[n % candidates.length];
      if (!held) return;
      model.held = model.held.filter((one) => one !== held);
      await work(model, real, held);
    },
    (model) => of(model).length > 0,
  );
}

function translate(n: number): Command {
  return withHeld('translate', 'inbox', n, async (model, real, held) => {
    const { payload } = held.claimed;
    const outgoing = 'atomId' in payload ? toMhv(payload) : toOh(send({ icn: ICNS[0] ?? '' }));
    const expected = model.isCurrent(held) ? model.handOver(held) : 'lost';
    expect(await real.store.handOver(held.claimed, outgoing)).toBe(expected);
  });
}

const KINDS = ['delivered', 'unanswered', 'in-doubt', 'retry', 'postponed', 'rejected'] as const;

/** As the flows do it: who is in doubt asks first, and only a clear no leads to a send. */
function deliver(n: number, kind: (typeof KINDS)[number]): Command {
  return withHeld(`deliver ${kind}`, 'outbox', n, async (model, real, held) => {
    // The deadline of an attempt ends it before its lease: a late worker only settles.
    const isLate = model.now >= held.leaseEnd;
    const isThere = real.arrived.some(({ letter }) => letter === held.row.letter);
    const isFound = !isLate && held.claimed.inDoubtSince !== undefined && isThere;
    const isStored = !isLate && !isFound && (kind === 'delivered' || kind === 'unanswered');
    if (isStored) real.arrived.push(held.row);
    if (kind === 'unanswered') {
      await settle(model, real, held, failure('in-doubt'));
    } else if (isFound || (kind === 'delivered' && isStored)) {
      await settle(model, real, held, { kind: 'delivered', ids: {}, found: isFound });
    } else {
      await settle(model, real, held, failure(kind === 'delivered' ? 'in-doubt' : kind));
    }
  });
}

function failure(kind: Undelivered['kind']): Undelivered {
  return { kind, code: 'test:code', reason: 'As the test wants it.' };
}

async function settle(model: Model, real: Real, held: Held, outcome: Outcome): Promise<void> {
  const isCurrent = model.isCurrent(held);
  const settlement = settlementOf(model, held, outcome);
  expect(await real.store.settle(held.claimed, settlement)).toBe(isCurrent);
  if (!isCurrent) return;
  if (settlement.state !== 'pending') model.finish(held, settlement.state);
  else if (outcome.kind !== 'delivered' && outcome.kind !== 'rejected') {
    model.putBack(held, outcome.kind, settlement.dueAt);
  }
}

function settlementOf(model: Model, { claimed }: Held, outcome: Outcome): Settlement {
  if (outcome.kind === 'delivered') return { state: 'done', outcome };
  const isSpent = outcome.kind !== 'postponed' && claimed.spent >= MAX_ATTEMPTS;
  if (outcome.kind === 'rejected' || isSpent) return { state: 'dead', outcome };
  return { state: 'pending', outcome, dueAt: model.now + RETRY_MS };
}

const crash = command('crash', async (model, real) => {
  expect(misstated(real.path)).toEqual([]);
  real.gone.push(real.store);
  real.store = open(real);
  model.held = [];
});

function pass(ms: number): Command {
  return command(`pass ${ms} ms`, async (model, real) => {
    model.now += ms;
    real.clock.now = model.now;
  });
}

/** Several commands in a row, so that a run gets as far as deliveries. */
function together(name: string, parts: (model: Readonly<Model>) => Command[]): Command {
  return command(name, async (model, real) => {
    for (const part of parts(model)) {
      if (await part.check(model)) await part.run(model, real);
    }
  });
}

/** Translates all that is due. */
const translateAll = together('translate all', (model) => [
  claim(0, 3),
  claim(1, 3),
  ...model.rows.map(() => translate(0)),
]);

/** Takes deliveries in hand and goes on with one of them. */
function deliverOne(n: number, kind: (typeof KINDS)[number]): Command {
  return together(`deliver one ${kind}`, () => [claim(2, 2), claim(3, 2), deliver(n, kind)]);
}

const small = fc.nat(5);
const weighted: [number, fc.Arbitrary<Command>][] = [
  [3, fc.tuple(small, fc.nat(1)).map(([n, version]) => announce(n, version))],
  [
    2,
    fc
      .tuple(fc.nat(1), fc.option(fc.constantFrom('a', 'b'), { nil: undefined }))
      .map(([patient, key]) => post(patient, key)),
  ],
  [2, fc.tuple(fc.nat(3), fc.integer({ min: 1, max: 3 })).map(([at, limit]) => claim(at, limit))],
  [2, small.map(translate)],
  [3, fc.constant(translateAll)],
  [2, fc.tuple(small, fc.constantFrom(...KINDS)).map(([n, kind]) => deliver(n, kind))],
  [8, fc.tuple(small, fc.constantFrom(...KINDS)).map(([n, kind]) => deliverOne(n, kind))],
  [1, fc.constant(crash)],
  [4, fc.constantFrom(RETRY_MS, LEASE_MS - 1, LEASE_MS, HOUR_MS, -HOUR_MS).map(pass)],
];
const commands = fc.commands(
  [fc.oneof(...weighted.map(([weight, arbitrary]) => ({ weight, arbitrary })))],
  { maxCommands: 60, size: 'max' },
);

/** Lets time pass until nothing waits; then what was accepted has arrived, unless it is dead. */
async function drain(model: Model, real: Real): Promise<void> {
  await pass(24 * HOUR_MS).run(model, real);
  while (model.rows.some(({ state }) => state === 'pending')) {
    await pass(LEASE_MS).run(model, real);
    for (const lane of LANES.keys()) await claim(lane, 3).run(model, real);
    const held = (stage: Lane['stage']) => model.held.filter(({ row }) => row.stage === stage);
    while (held('inbox').length > 0) await translate(0).run(model, real);
    while (held('outbox').length > 0) await deliver(0, 'delivered').run(model, real);
  }
}

function expectPromiseKept({ rows }: Model, { arrived, path }: Real): void {
  expect(misstated(path)).toEqual([]);
  const letters = arrived.map(({ letter }) => letter);
  expect(letters).toHaveLength(new Set(letters).size);
  const queued = rows.filter(({ stage }) => stage === 'outbox');
  const delivered = queued.filter(({ state }) => state === 'done').map(({ letter }) => letter);
  expect(delivered.filter((letter) => !letters.includes(letter))).toEqual([]);
  for (const list of Map.groupBy(arrived, ({ orderKey }) => orderKey).values()) {
    const places = list.map((row) => queued.indexOf(row));
    expect(places).toEqual(places.toSorted((a, b) => a - b));
  }
}

test(
  'whatever happens in whatever order, the store keeps the promise of the model',
  async () => {
    await fc.assert(
      fc.asyncProperty(commands, async (made) => {
        runs += 1;
        const clock = { now: START };
        const path = join(folder, `${runs}.db`);
        const real: Real = { path, clock, store: open({ path, clock }), gone: [], arrived: [] };
        const model = new Model(START);
        try {
          await fc.asyncModelRun(() => ({ model, real }), made);
          await drain(model, real);
          expectPromiseKept(model, real);
        } finally {
          for (const store of [...real.gone, real.store]) store.close();
        }
      }),
      { numRuns: RUNS, seed: SEED },
    );
  },
  60_000 + RUNS * 1000,
);

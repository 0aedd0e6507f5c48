/** What is read when a scrape asks: the file, the breakers, the lock, the disk. */
import { Gauge, Registry } from 'prom-client';
import type { Direction, Instant } from '../message.ts';
import type { Readings } from '../store/upkeep.ts';

type BreakerState = 'closed' | 'open' | 'half-open';

/** A breaker as a gauge shows it. */
interface GateReadings {
  state: BreakerState;
  inHand: number;
}

/** How it stands with one destination; `paused` hides the state of its breaker but for `openUntil`. */
interface DestinationReadings extends Omit<GateReadings, 'state'> {
  destination: Direction;
  state: BreakerState | 'paused';
  openUntil?: Instant;
  translation: GateReadings;
}

/** Who is asked at a scrape. */
export interface GaugeSources {
  readings: () => Promise<Readings>;
  /** Which process polls the file. */
  polledBy: () => Promise<'here' | 'elsewhere' | 'nowhere'>;
  destinations: () => Promise<DestinationReadings[]>;
  /** Rejects when nothing can be taken at this moment. */
  check: () => Promise<void>;
  /** Pending rows above which nothing more is accepted. */
  maxBacklog: number;
  now: () => Instant;
}

const BREAKER_STATES: BreakerState[] = ['closed', 'open', 'half-open'];
const POLLERS = ['here', 'elsewhere', 'nowhere'] as const;

type Gauges = ReturnType<typeof makeGauges>;

/**
 * Reads everything once, into a registry of its own: better no number than one of before. Where the
 * file can't be read, only `ready` is there, and 0.
 */
export async function readGauges(sources: GaugeSources): Promise<Registry> {
  const { readings, polledBy, destinations } = sources;
  const isReady = await succeeds(sources.check);
  try {
    const read = await Promise.all([readings(), polledBy(), destinations()]);
    const registry = new Registry();
    const gauges = makeGauges(registry);
    gauges.ready.set(isReady ? 1 : 0);
    gauges.backlogLimit.set(sources.maxBacklog);
    setQueues(gauges, read[0], sources.now());
    setFile(gauges, read[0]);
    for (const by of POLLERS) gauges.polled.set({ by }, by === read[1] ? 1 : 0);
    for (const destination of read[2]) setDestination(gauges, destination);
    return registry;
  } catch {
    const registry = new Registry();
    readyGauge(registry).set(0);
    return registry;
  }
}

async function succeeds(check: () => Promise<void>): Promise<boolean> {
  try {
    await check();
    return true;
  } catch {
    return false;
  }
}

function setQueues(gauges: Gauges, readings: Readings, now: Instant): void {
  for (const { lane, pending, dead, oldestAt } of readings.lanes) {
    gauges.backlog.set({ ...lane }, pending);
    gauges.dead.set({ ...lane }, dead);
    gauges.oldest.set({ ...lane }, oldestAt === undefined ? 0 : Math.max(0, now - oldestAt) / 1000);
  }
  gauges.inDoubt.set({ direction: 'oh-to-mhv' }, readings.inDoubt['oh-to-mhv']);
  gauges.inDoubt.set({ direction: 'mhv-to-oh' }, readings.inDoubt['mhv-to-oh']);
  gauges.sessions.set({ state: 'pending' }, readings.sessions.pending);
  gauges.sessions.set({ state: 'dead' }, readings.sessions.dead);
  gauges.quarantined.set(readings.quarantined);
}

function setFile(gauges: Gauges, readings: Readings): void {
  gauges.databaseBytes.set(readings.databaseBytes);
  gauges.walBytes.set(readings.walBytes);
  gauges.freeDiskBytes.set(readings.freeDiskBytes);
}

function setDestination(gauges: Gauges, readings: DestinationReadings): void {
  const { destination: direction, state, openUntil, inHand, translation } = readings;
  const isPaused = state === 'paused';
  gauges.paused.set({ direction }, isPaused ? 1 : 0);
  const underPause = openUntil === undefined ? 'closed' : 'open';
  setGate(gauges, { direction, stage: 'outbox' }, { state: isPaused ? underPause : state, inHand });
  setGate(gauges, { direction, stage: 'inbox' }, translation);
}

function setGate(
  gauges: Gauges,
  lane: { direction: Direction; stage: 'inbox' | 'outbox' },
  { state, inHand }: GateReadings,
): void {
  gauges.inHand.set(lane, inHand);
  for (const one of BREAKER_STATES) {
    gauges.breaker.set({ ...lane, state: one }, one === state ? 1 : 0);
  }
}

function makeGauges(registry: Registry) {
  const gauge = <const L extends string>(name: string, help: string, labelNames: L[] = []) =>
    new Gauge<L>({ name: `sm_exchange_${name}`, help, labelNames, registers: [registry] });
  return {
    ready: readyGauge(registry),
    backlogLimit: gauge('backlog_limit_messages', 'MAX_BACKLOG: above it nothing is accepted.'),
    backlog: gauge('backlog_messages', 'Messages that wait or are in hand.', [
      'direction',
      'stage',
    ]),
    oldest: gauge(
      'oldest_message_age_seconds',
      'Since when the oldest pending message is in this stage; 0 when none is.',
      ['direction', 'stage'],
    ),
    dead: gauge('dead_messages', 'Messages that were given up and wait for a person.', [
      'direction',
      'stage',
    ]),
    inDoubt: gauge(
      'in_doubt_messages',
      'Deliveries that may have arrived, and are asked for before they are sent again.',
      ['direction'],
    ),
    sessions: gauge(
      'history_sessions',
      'Patients whose history is being listed (pending), or could not be (dead).',
      ['state'],
    ),
    quarantined: gauge('quarantined_documents', 'Documents that nobody has taken in again.'),
    databaseBytes: gauge('database_size_bytes', 'Size of the SQLite file.'),
    walBytes: gauge('wal_size_bytes', 'Size of the write-ahead log.'),
    freeDiskBytes: gauge('disk_free_bytes', 'Bytes left for this process on the disk of the file.'),
    polled: gauge('polled', 'Which process polls the file: 1 for one, 0 for the others.', ['by']),
    paused: gauge('destination_paused', '1 while a person has paused the destination.', [
      'direction',
    ]),
    breaker: gauge(
      'breaker_state',
      'State of the breaker before deliveries (outbox) and look-ups (inbox): 1 for one, 0 for the others.',
      ['direction', 'stage', 'state'],
    ),
    inHand: gauge('in_hand_messages', 'Messages that are worked on at this moment.', [
      'direction',
      'stage',
    ]),
  };
}

function readyGauge(registry: Registry): Gauge {
  const help = '1 when messages can be taken: the database can be written and has room.';
  return new Gauge({ name: 'sm_exchange_ready', help, registers: [registry] });
}

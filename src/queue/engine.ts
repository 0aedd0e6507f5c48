/** The exchange's pollers: one for each lane, so that a slow destination holds up nobody else. */
import type { Direction } from '../message.ts';
import type { Lane, Stage, Store } from '../store/store.ts';
import {
  type AttemptOptions,
  type Deliver,
  delivering,
  type ListHistory,
  listing,
  type Translate,
  translating,
} from './attempt.ts';
import { Poller } from './poller.ts';

/** What one direction does at each of its two stages. */
export interface Flow {
  translate: Translate;
  deliver: Deliver;
}

export interface EngineOptions extends AttemptOptions {
  concurrency: number;
  flows: Record<Direction, Flow>;
  listHistory: ListHistory;
}

export interface Engine {
  start(): void;
  /** Claims nothing more; resolves when everything in hand is settled. */
  stop(): Promise<void>;
  /** Works on everything that is due by `now`, and on what that makes due, then returns. */
  drain(): Promise<void>;
}

/** A poller, whatever it claims. */
type LanePoller = Pick<Poller<unknown>, 'start' | 'stop' | 'wake' | 'poll' | 'finishInHand'>;

const LANES: Lane[] = (['inbox', 'outbox'] satisfies Stage[]).flatMap((stage) =>
  (['oh-to-mhv', 'mhv-to-oh'] satisfies Direction[]).map((direction) => ({ stage, direction })),
);

/** Wires a poller to each lane and to the sessions, each woken by the store. Nothing runs yet. */
export function createEngine(options: EngineOptions): Engine {
  const pollers = new Map<string, LanePoller>();
  for (const lane of LANES) pollers.set(nameOf(lane), lanePoller(options, lane));
  pollers.set(nameOf('sessions'), sessionPoller(options));
  options.store.onDue((due) => pollers.get(nameOf(due))?.wake());
  return {
    start() {
      for (const poller of pollers.values()) poller.start();
    },
    async stop() {
      await Promise.all([...pollers.values()].map((poller) => poller.stop()));
    },
    drain: () => drain([...pollers.values()], options.store, options.now),
  };
}

function lanePoller(options: EngineOptions, lane: Lane): LanePoller {
  const { store, flows } = options;
  const flow = flows[lane.direction];
  return new Poller({
    ...pollerOptions(options, nameOf(lane)),
    claim: (limit) => store.claim(lane, limit),
    nextDueAt: () => store.nextDueAt(lane),
    work:
      lane.stage === 'inbox'
        ? translating(options, flow.translate)
        : delivering(options, flow.deliver),
  });
}

function sessionPoller(options: EngineOptions): LanePoller {
  const { store, listHistory } = options;
  return new Poller({
    ...pollerOptions(options, nameOf('sessions')),
    claim: (limit) => store.claimSessions(limit),
    nextDueAt: () => store.nextSessionDueAt(),
    work: listing(options, listHistory),
  });
}

function pollerOptions({ concurrency, now, random, log }: EngineOptions, name: string) {
  return {
    concurrency,
    now,
    random,
    onError: (error: unknown) => log.error({ event: 'poller', lane: name, err: error }),
  };
}

async function drain(pollers: LanePoller[], store: Store, now: () => number): Promise<void> {
  let isDue = true;
  while (isDue) {
    for (const poller of pollers) {
      await poller.poll();
      await poller.finishInHand();
    }
    const dueTimes = await Promise.all([
      ...LANES.map((lane) => store.nextDueAt(lane)),
      store.nextSessionDueAt(),
    ]);
    isDue = dueTimes.some((dueAt) => dueAt !== undefined && dueAt <= now());
  }
}

function nameOf(due: Lane | 'sessions'): string {
  return due === 'sessions' ? due : `${due.stage} ${due.direction}`;
}

/** The exchange's pollers: one for each lane, so that a slow destination holds up nobody else. */
import { bugOf } from '../errors.ts';
import type { Direction, Instant } from '../message.ts';
import type { Lane, Stage } from '../store/store.ts';
import {
  type AttemptOptions,
  alone,
  type Deliver,
  delivering,
  type ListHistory,
  listing,
  type Translate,
  translating,
} from './attempt.ts';
import type { BreakerPolicy } from './breaker.ts';
import { Gate, type GateView } from './gate.ts';
import type { PollerLock } from './lock.ts';
import { Poller } from './poller.ts';
import type { Upkeep } from './upkeep.ts';

/** What one direction does at each of its two stages. */
export interface Flow {
  translate: Translate;
  deliver: Deliver;
}

export interface EngineOptions extends AttemptOptions {
  concurrency: number;
  /** Deliveries a second to each destination; 0 for no bound. */
  ratePerSecond: number;
  breaker: BreakerPolicy;
  flows: Record<Direction, Flow>;
  listHistory: ListHistory;
  /** Who may poll the file; without it, this process. */
  lock?: PollerLock;
  upkeep?: Upkeep;
}

/** How it stands with one destination: the deliveries one way, and the look-ups before them. */
export interface DestinationView extends Omit<GateView, 'state'> {
  /** The direction whose messages go there. */
  destination: Direction;
  state: GateView['state'] | 'paused';
  pausedBy?: string;
  pausedAt?: Instant;
  ratePerSecond?: number;
  /** The stage before: what it takes from Oracle Health to translate the messages. */
  translation: GateView;
}

export interface Engine {
  start(): void;
  /**
   * Claims nothing more, and resolves when everything in hand is settled. What is not after `withinMs` is
   * cut short, and settled as in doubt or to be tried again. False: even that did not end everything
   * within a second. Then the lock is not given back, so that the next process takes this one for dead
   * and what it had in hand for cut off.
   */
  stop(withinMs?: number): Promise<boolean>;
  /** Works on everything that may be claimed by `now`, and on what that makes due, then returns. */
  drain(): Promise<void>;
  /** Ends the wait of open breakers before a destination, so that one message tries at once. */
  endWait(destination: Direction): void;
  /** How it stands with each destination, at this moment and in this process. */
  destinations(): Promise<DestinationView[]>;
}

/** A poller, whatever it claims, and when it next has something to claim. */
interface Loop
  extends Pick<Poller<unknown>, 'start' | 'stop' | 'wake' | 'poll' | 'claimed' | 'finishInHand'> {
  nextDueAt: () => Promise<Instant | undefined>;
}

const STAGES: Stage[] = ['inbox', 'outbox'];
const DIRECTIONS: Direction[] = ['oh-to-mhv', 'mhv-to-oh'];

/** How long work that was cut short may take to settle. */
const SETTLE_MS = 1000;

/** Wires a poller to each lane and to the sessions, each woken by the store. Nothing runs yet. */
export function createEngine(given: EngineOptions): Engine {
  const cutOff = new AbortController();
  const options = { ...given, stopping: cutOff.signal };
  const gates = { inbox: gatesOf(options, 'inbox'), outbox: gatesOf(options, 'outbox') };
  const loops = new Map<string, Loop>();
  for (const stage of STAGES) {
    for (const direction of DIRECTIONS) {
      const lane = { stage, direction };
      loops.set(nameOf(lane), laneLoop(options, lane, gates[stage][direction]));
    }
  }
  loops.set(nameOf('sessions'), sessionLoop(options));
  options.store.onDue((due) => loops.get(nameOf(due))?.wake());
  return {
    start() {
      options.lock?.start(() => {
        for (const loop of loops.values()) loop.wake();
      });
      for (const loop of loops.values()) loop.start();
      options.upkeep?.start();
    },
    async stop(withinMs = Number.POSITIVE_INFINITY) {
      const works = [...loops.values()].map((loop) => loop.stop());
      const idle = Promise.all([options.upkeep?.stop(), ...works]);
      if (!(await isOverWithin(idle, withinMs))) cutOff.abort();
      if (!(await isOverWithin(idle, SETTLE_MS))) return false;
      await options.lock?.stop();
      return true;
    },
    drain: () => drain([...loops.values()], options.now),
    endWait(destination) {
      for (const stage of STAGES) {
        gates[stage][destination].endWait();
        loops.get(nameOf({ stage, direction: destination }))?.wake();
      }
    },
    async destinations() {
      const pauses = await options.store.pauses();
      return DIRECTIONS.map((destination) => {
        const pause = pauses.find((one) => one.destination === destination);
        const { ratePerSecond } = options;
        return {
          destination,
          ...gates.outbox[destination].view(),
          ...(pause
            ? { state: 'paused' as const, pausedBy: pause.actor, pausedAt: pause.pausedAt }
            : {}),
          ...(ratePerSecond > 0 ? { ratePerSecond } : {}),
          translation: gates.inbox[destination].view(),
        };
      });
    },
  };
}

/** Only deliveries are paused and have a rate: translating only reads, and fills the outbox. */
function gatesOf(options: EngineOptions, stage: Stage): Record<Direction, Gate> {
  const { store, breaker, now, log } = options;
  const gateOf = (direction: Direction) =>
    new Gate({
      lane: { stage, direction },
      breaker,
      now,
      log,
      note: (open) => store.noteBreaker({ stage, direction }, open),
      ...(stage === 'inbox'
        ? { ratePerSecond: 0, isPaused: async () => false }
        : {
            ratePerSecond: options.ratePerSecond,
            isPaused: async () =>
              (await store.pauses()).some(({ destination }) => destination === direction),
          }),
    });
  return { 'oh-to-mhv': gateOf('oh-to-mhv'), 'mhv-to-oh': gateOf('mhv-to-oh') };
}

function laneLoop(options: EngineOptions, lane: Lane, gate: Gate): Loop {
  const { store, flows } = options;
  const flow = flows[lane.direction];
  const nextDueAt = async () => gate.nextAt(await store.nextDueAt(lane));
  const poller = new Poller({
    ...pollerOptions(options, nameOf(lane)),
    claim: (limit) => gate.claim(limit, (free) => store.claim(lane, free)),
    nextDueAt,
    work:
      lane.stage === 'inbox'
        ? translating(options, gate.listening(flow.translate))
        : delivering(options, gate.listening(alone(flow.deliver, options.leaseMs))),
  });
  return loopOf(poller, nextDueAt);
}

function sessionLoop(options: EngineOptions): Loop {
  const { store, listHistory } = options;
  const nextDueAt = () => store.sessions.nextDueAt();
  const poller = new Poller({
    ...pollerOptions(options, nameOf('sessions')),
    claim: (limit) => store.sessions.claim(limit),
    nextDueAt,
    work: listing(options, listHistory),
  });
  return loopOf(poller, nextDueAt);
}

function loopOf<T>(poller: Poller<T>, nextDueAt: Loop['nextDueAt']): Loop {
  return {
    start: () => poller.start(),
    stop: () => poller.stop(),
    wake: () => poller.wake(),
    poll: () => poller.poll(),
    get claimed() {
      return poller.claimed;
    },
    finishInHand: () => poller.finishInHand(),
    nextDueAt,
  };
}

function pollerOptions({ concurrency, lock, now, random, log }: EngineOptions, name: string) {
  return {
    ...(lock ? { mayClaim: () => lock.isHeld() } : {}),
    concurrency,
    now,
    random,
    onError: (error: unknown) => log.error({ event: 'poller', lane: name, ...bugOf(error) }),
  };
}

async function drain(loops: Loop[], now: () => Instant): Promise<void> {
  const claimed = () => loops.reduce((sum, loop) => sum + loop.claimed, 0);
  let isDue = true;
  // What is due but may not be claimed, paused or behind an open breaker, must not keep this going.
  for (let before = -1; isDue && claimed() > before; ) {
    before = claimed();
    for (const loop of loops) {
      await loop.poll();
      await loop.finishInHand();
    }
    const dueTimes = await Promise.all(loops.map((loop) => loop.nextDueAt()));
    isDue = dueTimes.some((dueAt) => dueAt !== undefined && dueAt <= now());
  }
}

async function isOverWithin(work: Promise<unknown>, ms: number): Promise<boolean> {
  if (!Number.isFinite(ms)) {
    await work;
    return true;
  }
  const late = Promise.withResolvers<false>();
  const timer = setTimeout(() => late.resolve(false), ms);
  try {
    return await Promise.race([work.then(() => true), late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

function nameOf(due: Lane | 'sessions'): string {
  return due === 'sessions' ? due : `${due.stage} ${due.direction}`;
}

/** What needs a person now, the most urgent first: in words, and where to go. */
import type { Direction, Instant } from '../../message.ts';
import type { DestinationView } from '../../queue/engine.ts';
import type { Standing, Tally } from '../../store/console.ts';
import { bytes, directionWords, duration, plural, type Tone, tallied } from './words.ts';

export interface Concern {
  tone: Tone;
  what: string;
  /** What to do about it. */
  advice: string;
  /** The alert whose page of RUNBOOK.md says more; absent where none fires. */
  runbook?: string;
  href: string;
}

/** A message that has waited longer than this in one stage is worth a look. */
const LONG_WAIT_MS = 10 * 60_000;
const POLLER_SILENCE_MS = 15_000;
/** Twice what the exchange needs to go on accepting by default. */
const LITTLE_DISK_BYTES = 400 * 1024 * 1024;

/** `isExposed`: contents lie in the clear, and others than this machine reach the exchange. */
export function concernsOf(
  standing: Standing,
  destinations: DestinationView[],
  isExposed: boolean,
  now: Instant,
): Concern[] {
  const concerns = [
    ...ofProcess(standing, now),
    ...destinations.flatMap((destination) => ofDestination(destination)),
    ...ofMessages(standing, now),
    ...(isExposed ? [IN_THE_CLEAR] : []),
  ];
  return [...concerns.filter(isUrgent), ...concerns.filter((one) => !isUrgent(one))];
}

function isUrgent({ tone }: Concern): boolean {
  return tone === 'bad';
}

const IN_THE_CLEAR: Concern = {
  tone: 'warn',
  what: 'Contents lie in the clear',
  advice: 'What people wrote is not sealed in the file. Set DATA_KEYS, then run rekey.',
  href: '/console/system',
};

function ofProcess({ poller, freeDiskBytes }: Standing, now: Instant): Concern[] {
  const concerns: Concern[] = [];
  if (!poller || now - poller.heartbeatAt > POLLER_SILENCE_MS) {
    concerns.push({
      tone: 'bad',
      what: 'Nobody delivers',
      advice: 'No process polls the file. Messages are accepted and wait. Start one.',
      runbook: 'NobodyPolls',
      href: '/console/system',
    });
  }
  if (freeDiskBytes < LITTLE_DISK_BYTES) {
    concerns.push({
      tone: 'bad',
      what: `${bytes(freeDiskBytes)} left on the disk`,
      advice: 'Below MIN_FREE_DISK_MB nothing more is accepted. Make room.',
      runbook: 'DiskNearlyFull',
      href: '/console/system',
    });
  }
  return concerns;
}

function ofDestination({ destination, state, pausedBy, translation, code }: DestinationView) {
  const { to, title } = directionWords[destination];
  const href = '/console/destinations';
  const concerns: Concern[] = [];
  if (state === 'paused') {
    const advice = `Paused by ${pausedBy ?? 'somebody'}: messages wait until it is resumed.`;
    concerns.push({
      tone: 'warn',
      what: `${to} is paused`,
      advice,
      runbook: 'DestinationPaused',
      href,
    });
  }
  if (state === 'open' || state === 'half-open') {
    const advice = `It is tried again by itself. The last failure was ${code ?? 'unknown'}.`;
    const what = `${to} does not take messages`;
    concerns.push({ tone: 'bad', what, advice, runbook: 'BreakerOpen', href });
  }
  if (translation.state !== 'closed') {
    const advice = `Look-ups at Oracle Health fail with ${translation.code ?? 'an unknown code'}; tried again by itself.`;
    const what = `${title}: nothing can be translated`;
    concerns.push({ tone: 'bad', what, advice, runbook: 'BreakerOpen', href });
  }
  return concerns;
}

function ofMessages(standing: Standing, now: Instant): Concern[] {
  const { lanes, unmapped, quarantined, histories } = standing;
  const dead = total(lanes.map((lane) => lane.dead));
  return [
    concern(dead, 'message was given up', 'messages were given up', {
      tone: 'bad',
      advice: 'See why. Replay when the reason is gone; else dismiss.',
      runbook: 'DeadMessagesGrow',
      href: '/console/messages?status=GIVEN_UP',
    }),
    concern(unmapped, 'message waits for a pool', 'messages wait for a pool', {
      tone: 'warn',
      advice: 'Say in the directory which triage group the pool is.',
      runbook: 'OldestMessageWaits',
      href: '/console/directory',
    }),
    concern(quarantined, 'document in quarantine', 'documents in quarantine', {
      tone: 'warn',
      advice: 'OH pushed what can not be read. See where it is broken.',
      runbook: 'QuarantineGrows',
      href: '/console/quarantine',
    }),
    concern(histories.dead, 'history was given up', 'histories were given up', {
      tone: 'warn',
      advice: 'See why; asking for the patient again starts it anew.',
      runbook: 'HistoryFails',
      href: '/console/histories?state=dead',
    }),
    ...lanes.flatMap(({ lane, oldestAt }) => {
      if (oldestAt === undefined || now - oldestAt < LONG_WAIT_MS) return [];
      return longWait(lane.direction, lane.stage, now - oldestAt);
    }),
  ].filter((one) => one !== undefined);
}

function longWait(direction: Direction, stage: 'inbox' | 'outbox', waitedMs: number): Concern {
  const to = stage === 'inbox' ? 'translated' : 'delivered';
  return {
    tone: 'warn',
    what: `${directionWords[direction].title}: the oldest has waited ${duration(waitedMs)} to be ${to}`,
    advice: 'Look at what it waits for.',
    runbook: 'OldestMessageWaits',
    href: `/console/messages?status=IN_PROGRESS&direction=${direction}`,
  };
}

function concern(
  of: Tally,
  one: string,
  many: string,
  rest: Omit<Concern, 'what'>,
): Concern | undefined {
  if (of.count === 0) return undefined;
  const what = of.isMore ? `${tallied(of)} ${many}` : plural(of.count, one, many);
  return { ...rest, what };
}

function total(of: Tally[]): Tally {
  return {
    count: of.reduce((sum, { count }) => sum + count, 0),
    isMore: of.some(({ isMore }) => isMore),
  };
}

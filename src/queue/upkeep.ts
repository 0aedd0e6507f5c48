/** The periodic work on the file: drop what has been kept long enough, then give its pages back. */
import type { Logger } from 'pino';
import { bugOf } from '../errors.ts';
import type { Instant } from '../message.ts';
import type { Cutoffs, PurgeCursor, UpkeepStore } from '../store/upkeep.ts';
import { pause, repeat } from './repeat.ts';

export interface UpkeepOptions {
  store: UpkeepStore;
  /** How long the contents of a message are kept after it is over with. */
  keepDoneMs: number;
  /** The same for one that waits for a person. */
  keepDeadMs: number;
  /** False while another process polls the file: then the upkeep is its affair. */
  isOurs: () => boolean;
  now: () => Instant;
  /** In [0, 1). */
  random: () => number;
  log: Logger;
  /** Between two transactions, so that acceptance and pollers get their turn. */
  pauseMs?: number;
}

/** What one round did. */
interface UpkeepRound {
  purgedMessages: number;
  purgedDocuments: number;
  vacuumedPages: number;
}

export interface Upkeep {
  start(): void;
  /** One round. It ends early when `stopping` aborts; nothing is left by halves. */
  run(stopping?: AbortSignal): Promise<UpkeepRound>;
  stop(): Promise<void>;
}

const EVERY_MS = 5 * 60 * 1000;
const PAUSE_MS = 50;
const MESSAGES_PER_BATCH = 200;
/** 1 MiB at SQLite's usual page size. */
const PAGES_PER_STEP = 256;

/** Makes the upkeep of one file; nothing runs yet. */
export function createUpkeep(options: UpkeepOptions): Upkeep {
  const { random, log, isOurs, now } = options;
  const never = new AbortController().signal;

  async function run(stopping = never): Promise<UpkeepRound> {
    const cutoffs = { done: now() - options.keepDoneMs, dead: now() - options.keepDeadMs };
    const purgedMessages = await purgeMessages(options, cutoffs, stopping);
    const purgedDocuments = await purgeQuarantine(options, cutoffs, stopping);
    const vacuumedPages = await vacuum(options, stopping);
    await boundWal(options, vacuumedPages > 0);
    return { purgedMessages, purgedDocuments, vacuumedPages };
  }

  const waitMs = () => EVERY_MS * (0.8 + 0.4 * random());
  // The first wait too: a process that is killed and started again should not begin with this.
  const rounds = repeat(async (stopping) => {
    if (!isOurs()) return waitMs();
    const startedAt = now();
    try {
      const round = await run(stopping);
      const didWork = Object.values(round).some((count) => count > 0);
      if (didWork) log.info({ event: 'upkeep', ...round, tookMs: now() - startedAt });
    } catch (error) {
      log.error({ event: 'upkeep', ...bugOf(error) });
    }
    return waitMs();
  }, waitMs());
  return { ...rounds, run };
}

async function purgeMessages(
  { store, pauseMs = PAUSE_MS }: UpkeepOptions,
  cutoffs: Cutoffs,
  stopping: AbortSignal,
): Promise<number> {
  let purged = 0;
  let after: PurgeCursor | undefined;
  while (!stopping.aborted) {
    const batch = await store.purgeMessages(cutoffs, after, MESSAGES_PER_BATCH);
    purged += batch.purged;
    after = batch.next;
    if (!after) break;
    await pause(pauseMs, stopping);
  }
  return purged;
}

async function purgeQuarantine(
  { store, pauseMs = PAUSE_MS }: UpkeepOptions,
  cutoffs: Cutoffs,
  stopping: AbortSignal,
): Promise<number> {
  let purged = 0;
  while (!stopping.aborted) {
    const batch = await store.purgeQuarantine(cutoffs);
    if (batch === 0) break;
    purged += batch;
    await pause(pauseMs, stopping);
  }
  return purged;
}

/** No more steps than there were free pages at the start: others may free pages meanwhile. */
async function vacuum(
  { store, pauseMs = PAUSE_MS }: UpkeepOptions,
  stopping: AbortSignal,
): Promise<number> {
  const atFirst = await store.freePages();
  let left = atFirst;
  for (let step = 0; step * PAGES_PER_STEP < atFirst; step += 1) {
    if (stopping.aborted || left === 0) break;
    left = await store.vacuum(PAGES_PER_STEP);
    await pause(pauseMs, stopping);
  }
  return Math.max(atFirst - left, 0);
}

async function boundWal({ store, log }: UpkeepOptions, wasVacuumed: boolean): Promise<void> {
  const { bytes, maxBytes } = await store.wal();
  const isLong = bytes > maxBytes;
  // Somebody has been reading for long, such as a backup, and held up the checkpoints of commits.
  if (isLong) log.warn({ event: 'upkeep', walBytes: bytes, maxBytes });
  if (isLong || wasVacuumed) await store.checkpoint();
}

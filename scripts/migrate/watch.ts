/** Why nothing moves: nobody polls the file, deliveries are paused, or messages wait for something. */
import { ExchangeError } from '../../src/errors.ts';
import type { Instant } from '../../src/message.ts';
import type { Store } from '../../src/store/store.ts';
import type { Clock } from './pace.ts';

export interface WatchOptions extends Clock {
  store: Pick<Store, 'pauses'> & { upkeep: Pick<Store['upkeep'], 'polledBy'> };
  /** The SQLite file. */
  path: string;
  /** How long nobody may poll the file. */
  waitMs: number;
  say: (line: string) => void;
}

/** Nobody has polled the file for as long as was to be waited. */
export class Unattended extends Error {}

export interface Watch {
  /** Says what has changed, at most once a second. Throws Unattended. */
  look(): Promise<void>;
  /** Everything has arrived: whoever was missed polls, or did, between two looks. */
  end(): void;
  /** Does the work, again and again while the store is `unavailable`, and says so once. */
  untilTaken<T>(work: () => Promise<T>): Promise<T>;
  /** Says what something waits for: each reason once, 20 at most. */
  explain(where: string, reasons: string[]): void;
}

const LOOK_EVERY_MS = 1000;
const TRY_AGAIN_MS = 1000;
const MAX_REASONS = 20;

export function createWatch(options: WatchOptions): Watch {
  const { store, path, waitMs, say, now, sleep } = options;
  const said = new Set<string>();
  let lookedAt = Number.NEGATIVE_INFINITY;
  let unpolledSince: Instant | undefined;
  let isPaused = false;
  let isRefused = false;

  function end(): void {
    if (unpolledSince !== undefined) say('An exchange polls the file; going on.');
    unpolledSince = undefined;
  }

  async function lookForPoller(): Promise<void> {
    if ((await store.upkeep.polledBy()) !== 'nowhere') {
      end();
      return;
    }
    const waitS = Math.round(waitMs / 1000);
    const advice = 'Start one (`bun run start`) in the same environment';
    if (unpolledSince === undefined && waitMs > 0) {
      say(`No exchange polls ${path}, so nothing moves. ${advice}; waiting for it ${waitS} s.`);
    }
    unpolledSince ??= now();
    if (now() - unpolledSince < waitMs) return;
    throw new Unattended(
      `No exchange has polled ${path} for ${waitS} s. ${advice}, then run the same command again: what was asked for is in the file.`,
    );
  }

  async function lookForPause(): Promise<void> {
    const pause = (await store.pauses()).find(({ destination }) => destination === 'oh-to-mhv');
    if (pause && !isPaused) {
      say(`Deliveries to MHV are paused by ${pause.actor}; waiting until they are resumed.`);
    }
    isPaused = pause !== undefined;
  }

  async function look(): Promise<void> {
    if (now() - lookedAt < LOOK_EVERY_MS) return;
    lookedAt = now();
    await lookForPoller();
    await lookForPause();
  }

  return {
    look,
    end,
    async untilTaken(work) {
      for (;;) {
        try {
          const result = await work();
          isRefused = false;
          return result;
        } catch (error) {
          if (!(error instanceof ExchangeError) || error.code !== 'unavailable') throw error;
          if (!isRefused) say(`${error.message} Trying again.`);
          isRefused = true;
        }
        await look();
        await sleep(TRY_AGAIN_MS);
      }
    },
    explain(where, reasons) {
      for (const reason of reasons) {
        const line = `${where} waits: ${reason}`;
        if (said.has(line) || said.size === MAX_REASONS) continue;
        said.add(line);
        say(line);
      }
    },
  };
}

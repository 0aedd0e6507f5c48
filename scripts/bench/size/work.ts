/** What a message costs a store, step by step. */
import type { Instant, ToMhv } from '../../../src/message.ts';
import type { Claimed, Lane, Store } from '../../../src/store/store.ts';
import { invented } from '../drain/messages.ts';

/** Microseconds of processor time for each message. */
export interface Work {
  acceptMicros: number;
  claimMicros: number;
  settleMicros: number;
}

/** A store, and which messages it has yet to be given. */
export interface Bench {
  store: Store;
  clock: { now: Instant };
  /** Number of the next invented message. */
  next: number;
  /** Copies the log into the file. */
  checkpoint: () => void;
}

const AT_ONCE = 50;
const ACCEPTED: Lane = { stage: 'inbox', direction: 'oh-to-mhv' };
const TRANSLATED: Lane = { stage: 'outbox', direction: 'oh-to-mhv' };

/**
 * Accepts, translates and delivers messages, each step for all of them before the next begins: then the pages that
 * it wrote are copied into the file in its own time, and not in that of another step.
 */
export async function work(bench: Bench, messages: number): Promise<Work> {
  const { store, clock } = bench;
  const micros: Work = { acceptMicros: 0, claimMicros: 0, settleMicros: 0 };
  const timed = async <T>(step: keyof Work, run: (place: number) => Promise<T[]>): Promise<T[]> => {
    const before = process.cpuUsage();
    const results: T[] = [];
    for (let place = 0; place < messages; place += AT_ONCE) results.push(...(await run(place)));
    bench.checkpoint();
    const { user, system } = process.cpuUsage(before);
    micros[step] += (user + system) / messages;
    return results;
  };
  clock.now += 1;
  await timed('acceptMicros', () =>
    Promise.all(
      Array.from({ length: AT_ONCE }, () => {
        const { entry } = invented(bench.next++);
        return store.acceptDocument({ entries: [entry] });
      }),
    ),
  );
  const inHand = await timed('claimMicros', () => store.claim(ACCEPTED, AT_ONCE));
  await timed('settleMicros', (place) =>
    Promise.all(inHand.slice(place, place + AT_ONCE).map((one) => handOver(store, one))),
  );
  const translated = await timed('claimMicros', () => store.claim(TRANSLATED, AT_ONCE));
  await timed('settleMicros', (place) =>
    Promise.all(translated.slice(place, place + AT_ONCE).map((one) => settle(store, one))),
  );
  if (translated.length !== messages) throw new Error(`${translated.length} were delivered.`);
  return micros;
}

function handOver(store: Store, claimed: Claimed): Promise<unknown> {
  return store.handOver(claimed, { ...invented(0).message, ohMessageId: idOf(claimed) });
}

function settle(store: Store, claimed: Claimed): Promise<unknown> {
  const ids = { ohMessageId: idOf(claimed), mhvMessageId: claimed.id };
  return store.settle(claimed, {
    state: 'done',
    outcome: { kind: 'delivered', ids, found: false },
  });
}

/** Rows of the backlog have no entry in their payload, so they are known by their own id. */
function idOf({ id, payload }: Claimed): string {
  return (payload as Partial<ToMhv>).ohMessageId ?? `${id}:-6:0:0`;
}

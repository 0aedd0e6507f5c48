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
}

const AT_ONCE = 50;
const ACCEPTED: Lane = { stage: 'inbox', direction: 'oh-to-mhv' };
const TRANSLATED: Lane = { stage: 'outbox', direction: 'oh-to-mhv' };

/** Accepts, translates and delivers messages; each kind of step timed by itself. */
export async function work(bench: Bench, messages: number): Promise<Work> {
  const { store, clock } = bench;
  const micros: Work = { acceptMicros: 0, claimMicros: 0, settleMicros: 0 };
  const cpuOf = async <T>(step: keyof Work, run: () => Promise<T>): Promise<T> => {
    const before = process.cpuUsage();
    const result = await run();
    const { user, system } = process.cpuUsage(before);
    micros[step] += (user + system) / messages;
    return result;
  };
  for (let done = 0; done < messages; done += AT_ONCE) {
    clock.now += 1;
    const entries = Array.from({ length: AT_ONCE }, () => invented(bench.next++).entry);
    await cpuOf('acceptMicros', () =>
      Promise.all(entries.map((entry) => store.acceptDocument({ entries: [entry] }))),
    );
    const inHand = await cpuOf('claimMicros', () => store.claim(ACCEPTED, AT_ONCE));
    await cpuOf('settleMicros', () => Promise.all(inHand.map((one) => handOver(store, one))));
    const translated = await cpuOf('claimMicros', () => store.claim(TRANSLATED, AT_ONCE));
    await cpuOf('settleMicros', () => Promise.all(translated.map((one) => settle(store, one))));
  }
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

/** A file with messages in every state. */
import type { Settlement } from '../../src/store/store.ts';
import { lanes, numbered, type Setup, send, setup, toMhv, toOh } from './setup.ts';

const refused = { kind: 'rejected', code: 'mhv:119', reason: 'No such team.' } as const;
const failed = { kind: 'retry', code: 'oh:500', reason: 'Server error.' } as const;

/** Messages in every state, the clock moving on by a second before each. */
export async function town(): Promise<Setup> {
  const s = setup();
  const { store, clock } = s;
  const accept = async (n: number, patient: string, version = 0) => {
    clock.now += 1000;
    const entry = { ...numbered(n, patient), updatedAt: numbered(n).updatedAt + version };
    await store.acceptDocument({ entries: [entry] });
  };
  for (let n = 1; n <= 6; n += 1) await accept(n, `p${n}`);
  // Other announcements of messages 1 and 2: their duplicates.
  await accept(1, 'p1', 1);
  await accept(2, 'p2', 1);
  const settlements: Settlement[] = [
    { state: 'done', outcome: { kind: 'delivered', ids: { mhvMessageId: '1' }, found: false } },
    { state: 'dead', outcome: refused },
    { state: 'dead', outcome: failed },
    { state: 'pending', outcome: failed, dueAt: clock.now + 60_000 },
  ];
  const claimed = await store.claim(lanes.fromOh, 4);
  for (const [n, one] of claimed.entries()) await store.handOver(one, toMhv(numbered(n + 1)));
  const queued = await store.claim(lanes.toMhv, 4);
  for (const [n, one] of queued.entries()) {
    const settlement = settlements[n];
    if (settlement) await store.settle(one, settlement);
  }
  const [fifth, ...again] = await store.claim(lanes.fromOh, 10);
  if (!fifth) throw new Error('nothing claimed');
  await store.settle(fifth, { state: 'dead', outcome: refused });
  for (const one of again) {
    if (!('atomId' in one.payload) || one.payload.updatedAt % 2 === 0) continue;
    await store.settleDuplicate(one, { ohMessageId: one.payload.ohMessageId });
  }
  clock.now += 1000;
  await store.acceptSend(send({ mhvMessageId: '77' }));
  const [sent] = await store.claim(lanes.fromMhv, 1);
  if (sent) await store.handOver(sent, toOh(send()));
  await store.operator.dismiss(fifth.id, 'ann', 'Known.');
  return s;
}

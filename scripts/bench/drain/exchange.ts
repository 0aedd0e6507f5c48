/** The exchange: an outbox filled through the store's verbs, delivered to nowhere by the engine. */
import Database from 'better-sqlite3';
import pino from 'pino';
import type { ToMhv } from '../../../src/message.ts';
import { createEngine, type Flow } from '../../../src/queue/engine.ts';
import { openStore } from '../../../src/store/sqlite.ts';
import type { Lane } from '../../../src/store/store.ts';
import { invented } from './messages.ts';
import { measure, wish } from './side.ts';

const ACCEPTED: Lane = { stage: 'inbox', direction: 'oh-to-mhv' };
const PER_CALL = 500;
const CONCURRENCY = 64;

const { where, jobs } = wish();
const bounds = { leaseMs: 60_000, maxAttempts: 20, now: Date.now };
const store = openStore({ ...bounds, path: where });
let addMs = 0;

const side = await measure({
  jobs,
  add: fill,
  drain,
  durability,
  does: 'leases it, writes its attempt, delivers to nowhere, settles row, attempt, link and search ids',
});
store.close();
// Accepting is what the others call adding; the translation between has no counterpart.
console.log(JSON.stringify({ ...side, addPerSecond: (jobs / addMs) * 1000 }));

async function fill(): Promise<void> {
  for (let made = 0; made < jobs; made += PER_CALL) {
    const messages = Array.from({ length: Math.min(PER_CALL, jobs - made) }, (_, n) =>
      invented(made + n),
    );
    const began = performance.now();
    await store.acceptDocument({ entries: messages.map(({ entry }) => entry) });
    addMs += performance.now() - began;
  }
  const messages = Array.from({ length: jobs }, (_, n) => invented(n).message);
  const byId = new Map(messages.map((message) => [message.ohMessageId, message]));
  for (;;) {
    const claimed = await store.claim(ACCEPTED, PER_CALL);
    if (claimed.length === 0) return;
    await Promise.all(
      claimed.map((one) => {
        const { ohMessageId } = one.payload as ToMhv;
        const message = byId.get(ohMessageId);
        if (!message) throw new Error('An entry was claimed that was not accepted.');
        return store.handOver(one, message);
      }),
    );
  }
}

async function drain(): Promise<void> {
  let delivered = 0;
  const { promise, resolve } = Promise.withResolvers<void>();
  store.onDue(() => {
    if (delivered === jobs) void isEmpty().then((empty) => empty && resolve());
  });
  const nowhere: Flow = {
    translate: () => Promise.reject(new Error('Nothing is left to translate.')),
    deliver: async ({ id, payload }) => {
      delivered += 1;
      const { ohMessageId } = payload as ToMhv;
      return { kind: 'delivered', ids: { ohMessageId, mhvMessageId: id }, found: false };
    },
  };
  const engine = createEngine({
    ...bounds,
    store,
    flows: { 'oh-to-mhv': nowhere, 'mhv-to-oh': nowhere },
    listHistory: () => Promise.reject(new Error('No history is asked for.')),
    policy: { scheduleMs: [1000], maxAttempts: 20, maxAgeMs: 1e9 },
    breaker: { failures: 5, scheduleMs: [1000], probeMs: 60_000 },
    ratePerSecond: 0,
    concurrency: CONCURRENCY,
    random: Math.random,
    log: pino({ level: 'silent' }),
  });
  engine.start();
  await promise;
  await engine.stop();
}

async function isEmpty(): Promise<boolean> {
  const { lanes } = await store.upkeep.readings();
  return lanes.every(({ pending }) => pending === 0);
}

/** `openStore` sets `synchronous=FULL` and throws where it did not take; the mode is in the file. */
function durability(): string {
  const db = new Database(where, { readonly: true });
  const mode = db.pragma('journal_mode', { simple: true });
  db.close();
  return `journal_mode=${String(mode)} synchronous=2 (FULL)`;
}

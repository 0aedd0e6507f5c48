/** Asks for a session for each patient, waits until all have ended, and says what came of each message. */
import pLimit from 'p-limit';
import type { Config } from '../../src/config.ts';
import { historyOf } from '../../src/exchange.ts';
import type { Instant } from '../../src/message.ts';
import type { ClaimedSession, SessionView, Store } from '../../src/store/store.ts';
import type { Options } from './options.ts';
import { type Clock, createPace } from './pace.ts';
import { say, startProgress } from './progress.ts';
import type { Finding } from './report.ts';
import type { Watch } from './watch.ts';

export interface Around {
  store: Store;
  config: Config;
  options: Options;
  watch: Watch;
  clock: Clock;
}

const POLL_MS = 250;
/** A patient who takes this long is worth a word, and each time again. */
const EXPLAIN_EVERY_MS = 15_000;

/** A patient whose session was asked for and has not ended. */
interface UnderWay {
  view: SessionView;
  explainedAt: Instant;
}

/** In the order of the input; a session that failed is a finding of its own. */
export async function migratePatients(around: Around): Promise<Finding[]> {
  const { store, options } = around;
  const { patients: icns = [] } = options;
  const ended = await loadAll(around, icns);
  const findings: Finding[] = [];
  for (const [index, icn] of icns.entries()) {
    const where = placeOf(index);
    const listed = await store.sessions.reconcile({ icn });
    findings.push(...listed.map((one) => ({ ...one, where, icn })));
    const view = ended.get(icn);
    const isExplained = listed.some(({ status }) => status !== 'SENT');
    if (view?.status === 'ERROR' && !isExplained) {
      const error = { status: 'ERROR' as const, ...(view.error ? { why: view.error } : {}) };
      findings.push({ where, icn, id: '', ohMessageId: '', isOurs: false, ...error });
    }
  }
  return findings;
}

/** The position in the input, not the ICN: this output ends up in logs. */
function placeOf(index: number): string {
  return `patient ${index + 1}`;
}

async function loadAll(around: Around, icns: string[]): Promise<Map<string, SessionView>> {
  const { store, options, watch, clock } = around;
  const { rate, concurrency } = options;
  const ended = new Map<string, SessionView>();
  const underWay = new Map<string, UnderWay>();
  const progress = startProgress(icns.length, 'patients');
  const pace = createPace(rate, clock);
  let asked = 0;
  const mayAsk = () => asked < icns.length && underWay.size < concurrency;

  async function ask(): Promise<void> {
    while (mayAsk() && pace.waitMs() === 0) {
      const icn = icns[asked] ?? '';
      const view = await watch.untilTaken(() => store.sessions.request(icn, wishOf(options)));
      asked += 1;
      if (view.syncComplete) ended.set(icn, view);
      else underWay.set(icn, { view, explainedAt: clock.now() });
      pace.spend(view.syncComplete ? 0 : 1);
    }
  }

  async function look(): Promise<void> {
    for (const [icn, known] of underWay) {
      known.view = await store.sessions.find(icn);
      if (known.view.syncComplete) {
        underWay.delete(icn);
        ended.set(icn, known.view);
      } else if (clock.now() - known.explainedAt >= EXPLAIN_EVERY_MS) {
        known.explainedAt = clock.now();
        watch.explain(placeOf(icns.indexOf(icn)), await reasonsOf(store, icn));
      }
    }
  }

  try {
    for (let lookedAt = clock.now(); ended.size < icns.length; ) {
      await watch.look();
      await ask();
      if (clock.now() - lookedAt >= POLL_MS) {
        lookedAt = clock.now();
        await look();
      }
      const views = [...ended.values(), ...[...underWay.values()].map(({ view }) => view)];
      const sum = (of: 'listed' | 'delivered') => views.reduce((all, view) => all + view[of], 0);
      progress.update(ended.size, `${sum('delivered')} of ${sum('listed')} messages`);
      if (ended.size < icns.length) {
        await clock.sleep(mayAsk() ? Math.min(POLL_MS, pace.waitMs()) : POLL_MS);
      }
    }
    watch.end();
  } finally {
    progress.stop();
  }
  return ended;
}

function wishOf({ since, until }: Options): { since?: Instant; until?: Instant } {
  return {
    ...(since === undefined ? {} : { since }),
    ...(until === undefined ? {} : { until }),
  };
}

/** What holds up the listing, or the messages that were listed. */
async function reasonsOf(store: Store, icn: string): Promise<string[]> {
  const last = (await store.sessions.events(icn)).at(-1);
  const waiting = (await store.sessions.reconcile({ icn })).filter(
    ({ status }) => status === 'IN_PROGRESS',
  );
  const reasons = waiting.map(({ why }) => why);
  if (last?.event === 'retry') reasons.push(last.detail);
  return reasons.filter((reason) => reason !== undefined);
}

/** Lists what would be taken, and takes nothing. False when a patient could not be listed. */
export async function countPatients(around: Around): Promise<boolean> {
  const { store, config, options, clock } = around;
  const list = historyOf(config, clock.now);
  const { patients: icns = [] } = options;
  const pace = createPace(options.rate, clock);
  const turns = pLimit(1);
  const total = { listed: 0, known: 0, failed: 0 };
  await pLimit(options.concurrency).map(icns, async (icn, index) => {
    await turns(async () => {
      await clock.sleep(pace.waitMs());
      pace.spend(1);
    });
    try {
      const ids = await listAll(list, sessionOf(icn, options), config.LEASE_MS);
      const known = await store.sessions.reconcile({ ohMessageIds: ids });
      say(`${placeOf(index)}: ${ids.length} listed, ${known.length} known`);
      total.listed += ids.length;
      total.known += known.length;
    } catch (error) {
      total.failed += 1;
      say(`${placeOf(index)}: ${error instanceof Error ? error.message : 'failed'}`);
    }
  });
  const { listed, known, failed } = total;
  say(`${icns.length} patients, ${listed} listed, ${known} known, ${failed} failed`);
  return failed === 0;
}

function sessionOf(icn: string, options: Options): ClaimedSession {
  const correlationId = Bun.randomUUIDv7();
  return { icn, attempt: 1, spent: 1, correlationId, ...wishOf(options) };
}

async function listAll(
  list: ReturnType<typeof historyOf>,
  first: ClaimedSession,
  timeoutMs: number,
): Promise<string[]> {
  const ids = new Set<string>();
  for (let session = first; ; ) {
    const signal = AbortSignal.timeout(timeoutMs);
    const progress = await list(session, { signal, correlationId: session.correlationId });
    const { ohPatientId } = progress;
    if (progress.step === 'identified') session = { ...session, ohPatientId };
    else {
      for (const { ohMessageId } of progress.entries) ids.add(ohMessageId);
      if (progress.finished) return [...ids];
      session = { ...session, listedUntil: progress.listedUntil };
    }
  }
}

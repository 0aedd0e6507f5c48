/** Asks for a session for each patient, waits until all have ended, and says what came of each message. */
import type { Config } from '../../src/config.ts';
import { historyOf } from '../../src/exchange.ts';
import type { ClaimedSession, SessionView, Store } from '../../src/store/store.ts';
import type { Options } from './options.ts';
import { startProgress } from './progress.ts';
import type { Finding } from './report.ts';

export interface Around {
  store: Store;
  config: Config;
  options: Options;
}

const POLL_MS = 250;

/** In the order of the input; a session that failed is a finding of its own. */
export async function migratePatients({ store, options }: Around): Promise<Finding[]> {
  const { patients: icns = [] } = options;
  const ended = await loadAll(store, icns, options);
  const findings: Finding[] = [];
  for (const [index, icn] of icns.entries()) {
    // The position in the input, not the ICN: this output ends up in logs.
    const where = `patient ${index + 1}`;
    const listed = await store.reconcile({ icn });
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

async function loadAll(
  store: Store,
  icns: string[],
  { since, until, rate, concurrency }: Options,
): Promise<Map<string, SessionView>> {
  const wish = {
    ...(since === undefined ? {} : { since }),
    ...(until === undefined ? {} : { until }),
  };
  const ended = new Map<string, SessionView>();
  const underWay = new Map<string, SessionView>();
  const progress = startProgress(icns.length, 'patients');
  const began = Date.now();
  let asked = 0;
  while (ended.size < icns.length) {
    const allowed = rate === 0 ? icns.length : Math.floor(((Date.now() - began) / 1000) * rate) + 1;
    while (asked < Math.min(icns.length, allowed) && underWay.size < concurrency) {
      const icn = icns[asked] ?? '';
      underWay.set(icn, await store.requestSession(icn, wish));
      asked += 1;
    }
    for (const icn of underWay.keys()) {
      const view = await store.findSession(icn);
      underWay.set(icn, view);
      if (!view.syncComplete) continue;
      underWay.delete(icn);
      ended.set(icn, view);
    }
    const views = [...ended.values(), ...underWay.values()];
    const sum = (of: 'listed' | 'delivered') => views.reduce((all, view) => all + view[of], 0);
    progress.update(ended.size, `${sum('delivered')} of ${sum('listed')} messages`);
    if (ended.size < icns.length) await Bun.sleep(POLL_MS);
  }
  progress.stop();
  return ended;
}

/** Lists what would be taken, and takes nothing. False when a patient could not be listed. */
export async function countPatients({ store, config, options }: Around): Promise<boolean> {
  const list = historyOf(config, Date.now);
  const { patients: icns = [], since, until } = options;
  const total = { listed: 0, known: 0, failed: 0 };
  for (const [index, icn] of icns.entries()) {
    const session: ClaimedSession = {
      icn,
      attempt: 1,
      spent: 1,
      correlationId: Bun.randomUUIDv7(),
      ...(since === undefined ? {} : { since }),
      ...(until === undefined ? {} : { until }),
    };
    try {
      const ids = await listAll(list, session, config.LEASE_MS);
      const known = await store.reconcile({ ohMessageIds: ids });
      console.log(`patient ${index + 1}: ${ids.length} listed, ${known.length} known`);
      total.listed += ids.length;
      total.known += known.length;
    } catch (error) {
      total.failed += 1;
      console.log(`patient ${index + 1}: ${error instanceof Error ? error.message : 'failed'}`);
    }
  }
  const { listed, known, failed } = total;
  console.log(`${icns.length} patients, ${listed} listed, ${known} known, ${failed} failed`);
  return failed === 0;
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

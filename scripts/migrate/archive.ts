/**
 * Takes in the archived documents of a feed (RFC 5005): back from the newest by `next` and
 * `prev-archive` to the start, or to a page that was taken in before with all that precede it; then
 * from the oldest on. A page is read twice, so that only addresses are kept meanwhile.
 */
import { parseAtom } from '../../src/atom/parse.ts';
import { readPush } from '../../src/atom/push.ts';
import { ExchangeError, faultOf } from '../../src/errors.ts';
import { extractionOf } from '../../src/exchange.ts';
import type { Entry } from '../../src/message.ts';
import type { PushedDocument, Reconciled, Store } from '../../src/store/store.ts';
import { UpstreamError } from '../../src/upstream.ts';
import { type Page, type PageSource, sourceOf } from './archive-pages.ts';
import { type Step, walkBack } from './archive-walk.ts';
import { createPace, type Pace } from './pace.ts';
import type { Around } from './patients.ts';
import { say, startProgress } from './progress.ts';
import type { Finding } from './report.ts';

const POLL_MS = 250;
/** How long messages may wait before it is said what for, and said again. */
const EXPLAIN_EVERY_MS = 15_000;

/** `isComplete` is false when a page is missing, malformed or cut off by a cycle. */
export async function migrateArchive(around: Around, from: string) {
  const { options, watch } = around;
  const source = await sourceOf(from, around.config);
  if (!options.dryRun) await watch.look();
  const steps = await walkBack(around, source);
  for (const { address, fault } of steps) if (fault) say(`${address}: ${fault}`);
  const taken = await takeAll(around, source, steps);
  const isComplete = taken.faults === 0 && steps.every(({ fault }) => fault === undefined);
  const { pages, accepted, known, faults, before } = taken;
  const verb = options.dryRun ? 'to accept' : 'accepted';
  const earlier = before > 0 ? `, ${before} documents taken before` : '';
  say(`${pages} documents: ${accepted} ${verb}, ${known} known, ${faults} faults${earlier}`);
  const findings = options.dryRun ? [] : await waitFor(around, [...taken.ids]);
  return { findings, isComplete };
}

interface Total {
  pages: number;
  accepted: number;
  known: number;
  faults: number;
  /** Pages that an earlier run took in. */
  before: number;
  ids: Set<string>;
}

async function takeAll(around: Around, source: PageSource, steps: Step[]): Promise<Total> {
  const { store, options, watch, clock } = around;
  const pages = steps.filter(({ fault, isTaken }) => !isTaken && isReadable(fault));
  const progress = startProgress(pages.length, 'documents');
  const pace = createPace(options.rate, clock);
  const total: Total = { pages: 0, accepted: 0, known: 0, faults: 0, before: 0, ids: new Set() };
  let isWhole = true;
  let older: string | undefined;
  try {
    for (const { address, fault, isTaken } of steps) {
      isWhole &&= fault === undefined;
      if (isTaken) total.before += await addTaken(store, address, total.ids);
      else if (isReadable(fault)) {
        if (!options.dryRun) await watch.look();
        const result = await take(around, pace, source, address);
        total.pages += 1;
        total.accepted += result.accepted;
        total.known += result.known;
        total.faults += result.faults;
        isWhole &&= result.faults === 0;
        for (const id of result.ids) total.ids.add(id);
        // The newest page still grows; only an archive page is what it will be.
        const isForGood = isWhole && result.isArchive && !options.dryRun && source.remembers;
        const isAll = options.since === undefined && options.until === undefined;
        const page = { address, ohMessageIds: result.ids, ...(older ? { older } : {}) };
        if (isForGood && isAll) await watch.untilTaken(() => store.archive.remember(page));
        progress.update(total.pages, `${total.accepted} entries accepted`);
      }
      older = address;
    }
  } finally {
    progress.stop();
  }
  return total;
}

/** A malformed page is taken too, into quarantine. */
function isReadable(fault: string | undefined): boolean {
  return fault === undefined || fault.startsWith('skipped');
}

/** Adds what the page announced, and all before it; returns how many pages that were. */
async function addTaken(store: Store, newest: string, ids: Set<string>): Promise<number> {
  const seen = new Set<string>();
  for (let at: string | undefined = newest; at !== undefined && !seen.has(at); ) {
    const page = await store.archive.find(at);
    if (!page) break;
    seen.add(at);
    for (const id of page.ohMessageIds) ids.add(id);
    at = page.older;
  }
  return seen.size;
}

async function take(around: Around, pace: Pace, source: PageSource, address: string) {
  const { store, config, options, watch } = around;
  const none = { accepted: 0, known: 0, faults: 1, ids: [] as string[], isArchive: false };
  let page: Page;
  try {
    page = await source.read(address);
  } catch (error) {
    if (error instanceof UpstreamError) return none;
    throw error;
  }
  const { body, contentType } = page;
  const contentTypeIfKnown = contentType === undefined ? {} : { contentType };
  try {
    const pushed = readPush(body, { extraction: extractionOf(config), contentType });
    const { tombstones, faults } = pushed;
    const isWanted = ({ updatedAt }: Entry) =>
      updatedAt >= (options.since ?? 0) && updatedAt < (options.until ?? Number.POSITIVE_INFINITY);
    // Atom says nothing of the order of entries; the patient's messages go by date.
    const entries = pushed.entries.filter(isWanted).toSorted((a, b) => a.updatedAt - b.updatedAt);
    const ids = entries.map(({ ohMessageId }) => ohMessageId);
    const { isArchive } = parseAtom(body, { contentType });
    if (options.dryRun) {
      const known = (await store.sessions.reconcile({ ohMessageIds: ids })).length;
      return { accepted: ids.length - known, known, faults: faults.length, ids, isArchive };
    }
    const quarantine = { scope: 'entries' as const, body, faults, ...contentTypeIfKnown };
    const document = { entries, tombstones, ...(faults.length > 0 ? { quarantine } : {}) };
    const accepted = await accept(around, pace, document);
    return { accepted, known: ids.length - accepted, faults: faults.length, ids, isArchive };
  } catch (error) {
    if (!(error instanceof ExchangeError)) throw error;
    const document = { scope: 'document' as const, body, faults: [faultOf(error)] };
    if (!options.dryRun) {
      await watch.untilTaken(() => store.quarantine({ ...document, ...contentTypeIfKnown }));
    }
    return none;
  }
}

/** At once where there is no rate, else a second's worth at a time. Returns how many were new. */
async function accept(
  { store, options, watch, clock }: Around,
  pace: Pace,
  document: PushedDocument,
): Promise<number> {
  const { entries, ...rest } = document;
  const atOnce = options.rate === 0 ? entries.length : Math.ceil(options.rate);
  let taken = 0;
  for (let start = 0; start === 0 || start < entries.length; start += Math.max(1, atOnce)) {
    await clock.sleep(pace.waitMs());
    const part = { ...(start === 0 ? rest : {}), entries: entries.slice(start, start + atOnce) };
    const { accepted } = await watch.untilTaken(() => store.acceptDocument(part));
    pace.spend(accepted);
    taken += accepted;
  }
  return taken;
}

function isUnderWay({ status }: Reconciled): boolean {
  return status === 'IN_PROGRESS';
}

/** Waits until nothing of the archive is under way; returns what became of each message. */
async function waitFor({ store, watch, clock }: Around, ids: string[]): Promise<Finding[]> {
  const findings: Finding[] = [];
  const progress = startProgress(ids.length, 'messages');
  let waiting = ids;
  let explainedAt = clock.now();
  try {
    while (waiting.length > 0) {
      const known = await store.sessions.reconcile({ ohMessageIds: waiting });
      const under = known.filter(isUnderWay);
      const settled = known.filter((one) => !isUnderWay(one));
      findings.push(...settled.map((one) => ({ ...one, where: 'archive' })));
      waiting = under.map(({ ohMessageId }) => ohMessageId);
      progress.update(findings.length, 'settled');
      if (waiting.length === 0) break;
      if (clock.now() - explainedAt >= EXPLAIN_EVERY_MS) {
        explainedAt = clock.now();
        watch.explain(
          'archive',
          under.map(({ why }) => why).filter((why) => why !== undefined),
        );
      }
      await watch.look();
      await clock.sleep(POLL_MS);
    }
    watch.end();
  } finally {
    progress.stop();
  }
  return findings;
}

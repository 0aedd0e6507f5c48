/**
 * Takes in the archived documents of a feed (RFC 5005): back from the newest by `next` and
 * `prev-archive` to the start, or to a page that was taken in before with all that precede it; then
 * from the oldest on. A page is read twice, so that only addresses are kept meanwhile.
 */
import { archiveLinks } from '../../src/atom/archive.ts';
import { parseAtom } from '../../src/atom/parse.ts';
import { readPush } from '../../src/atom/push.ts';
import { ExchangeError, faultOf } from '../../src/errors.ts';
import { extractionOf } from '../../src/exchange.ts';
import type { Entry } from '../../src/message.ts';
import { UpstreamError } from '../../src/upstream.ts';
import { type Page, type PageSource, sourceOf } from './archive-pages.ts';
import { lenientLinks, pageBefore } from './archive-repair.ts';
import type { Around } from './patients.ts';
import { startProgress } from './progress.ts';
import type { Finding } from './report.ts';

/** Pages that are followed at most. */
const MAX_PAGES = 10_000;
/** Missing pages in a row after which no further one is guessed. */
const MAX_GUESSES = 5;
const POLL_MS = 250;

/** A page on the way back, or a place where something is wrong. */
interface Step {
  address: string;
  fault?: string;
}

/** `isComplete` is false when a page is missing, malformed or cut off by a cycle. */
export async function migrateArchive(around: Around, from: string) {
  const source = await sourceOf(from, around.config.DELIVERY_TIMEOUT_MS);
  const steps = await walkBack(around, source);
  for (const { address, fault } of steps) if (fault) console.log(`${address}: ${fault}`);
  const taken = await takeAll(around, source, steps);
  const isComplete = taken.faults === 0 && steps.every(({ fault }) => fault === undefined);
  const { pages, accepted, known, faults } = taken;
  const verb = around.options.dryRun ? 'to accept' : 'accepted';
  console.log(`${pages} documents: ${accepted} ${verb}, ${known} known, ${faults} faults`);
  const findings = around.options.dryRun ? [] : await waitFor(around, [...taken.ids]);
  return { findings, isComplete };
}

/** Oldest first. */
async function walkBack({ store, options }: Around, source: PageSource): Promise<Step[]> {
  const chains: Step[][] = [];
  const seen = new Set<string>();
  for (const start of source.starts) {
    if (seen.has(start)) continue;
    const chain: Step[] = [];
    const waiting: { address: string; guesses: number }[] = [{ address: start, guesses: 0 }];
    for (let at = waiting.pop(); at !== undefined; at = waiting.pop()) {
      const { address, guesses } = at;
      if (seen.has(address)) {
        chain.push({ address, fault: 'the links go in a circle; not followed' });
        continue;
      }
      if (seen.size === MAX_PAGES) {
        chain.push({ address, fault: `more than ${MAX_PAGES} pages; not followed` });
        break;
      }
      if (source.remembers && !options.dryRun && (await store.isPageTaken(address))) break;
      seen.add(address);
      const looked = await look(source, address);
      if ('missing' in looked) {
        // A guess that does not hit is not news: the start of the archive looks the same.
        const before = guesses < MAX_GUESSES ? pageBefore(address) : undefined;
        chain.push({ address, fault: looked.missing });
        if (before !== undefined && source.remembers && chain.length > 1) {
          waiting.push({ address: before, guesses: guesses + 1 });
        }
        continue;
      }
      chain.push({ address, ...(looked.fault === undefined ? {} : { fault: looked.fault }) });
      for (const older of looked.older) waiting.push({ address: older, guesses: 0 });
    }
    chains.push(chain.toReversed());
  }
  return source.inOrder(chains).flat();
}

type Look = { missing: string } | { fault?: string; older: string[] };

/** What lies before a page; of a malformed one as far as it can be made out. */
async function look(source: PageSource, address: string): Promise<Look> {
  let page: Page;
  try {
    page = await source.read(address);
  } catch (error) {
    if (error instanceof UpstreamError) return { missing: error.message };
    throw error;
  }
  const { body, contentType, baseUrl } = page;
  let fault: string | undefined;
  let links: { next?: string; prevArchive?: string };
  try {
    links = archiveLinks(parseAtom(body, { contentType, baseUrl }));
  } catch (error) {
    if (!(error instanceof ExchangeError)) throw error;
    fault = `skipped and kept in quarantine: ${error.message}`;
    links = lenientLinks(body, baseUrl);
  }
  const hrefs = new Set([links.prevArchive, links.next].filter((href) => href !== undefined));
  const older: string[] = [];
  for (const href of hrefs) {
    const target = source.resolve(href);
    if (target === undefined) fault ??= 'a link leads elsewhere; not followed';
    else older.push(target);
  }
  return { older, ...(fault === undefined ? {} : { fault }) };
}

async function takeAll(around: Around, source: PageSource, steps: Step[]) {
  const { store, options } = around;
  const pages = steps.filter(({ fault }) => !fault || fault.startsWith('skipped'));
  const progress = startProgress(pages.length, 'documents');
  const total = { pages: 0, accepted: 0, known: 0, faults: 0, ids: new Set<string>() };
  let isWhole = true;
  for (const { address, fault } of steps) {
    isWhole &&= fault === undefined;
    if (fault && !fault.startsWith('skipped')) continue;
    const result = await take(around, source, address);
    total.pages += 1;
    total.accepted += result.accepted;
    total.known += result.known;
    total.faults += result.faults;
    isWhole &&= result.faults === 0;
    for (const id of result.ids) total.ids.add(id);
    // The newest page still grows; only an archive page is what it will be.
    const isForGood = isWhole && result.isArchive && !options.dryRun && source.remembers;
    const isAll = options.since === undefined && options.until === undefined;
    if (isForGood && isAll) await store.rememberPage(address);
    progress.update(total.pages, `${total.accepted} entries accepted`);
    if (options.rate > 0) await Bun.sleep((result.ids.length / options.rate) * 1000);
  }
  progress.stop();
  return total;
}

async function take({ store, config, options }: Around, source: PageSource, address: string) {
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
      updatedAt >= (options.since ?? 0) && updatedAt <= (options.until ?? Number.POSITIVE_INFINITY);
    // Atom says nothing of the order of entries; the patient's messages go by date.
    const entries = pushed.entries.filter(isWanted).toSorted((a, b) => a.updatedAt - b.updatedAt);
    const ids = entries.map(({ ohMessageId }) => ohMessageId);
    const { isArchive } = parseAtom(body, { contentType });
    if (options.dryRun) {
      const known = (await store.reconcile({ ohMessageIds: ids })).length;
      return { accepted: ids.length - known, known, faults: faults.length, ids, isArchive };
    }
    const quarantine = { scope: 'entries' as const, body, faults, ...contentTypeIfKnown };
    const { accepted, duplicates } = await store.acceptDocument({
      entries,
      tombstones,
      ...(faults.length > 0 ? { quarantine } : {}),
    });
    return { accepted, known: duplicates, faults: faults.length, ids, isArchive };
  } catch (error) {
    if (!(error instanceof ExchangeError)) throw error;
    if (error.code === 'unavailable') throw error;
    const document = { scope: 'document' as const, body, faults: [faultOf(error)] };
    if (!options.dryRun) await store.quarantine({ ...document, ...contentTypeIfKnown });
    return none;
  }
}

/** Waits until nothing of the archive is under way; returns what became of each message. */
async function waitFor({ store }: Around, ids: string[]): Promise<Finding[]> {
  const findings: Finding[] = [];
  const progress = startProgress(ids.length, 'messages');
  let waiting = ids;
  while (waiting.length > 0) {
    const known = await store.reconcile({ ohMessageIds: waiting });
    const under = known.filter(({ status }) => status === 'IN_PROGRESS');
    const settled = known.filter(({ status }) => status !== 'IN_PROGRESS');
    findings.push(...settled.map((one) => ({ ...one, where: 'archive' })));
    waiting = under.map(({ ohMessageId }) => ohMessageId);
    progress.update(findings.length, 'settled');
    if (waiting.length > 0) await Bun.sleep(POLL_MS);
  }
  progress.stop();
  return findings;
}

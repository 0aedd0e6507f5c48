/** The way back through an archive: every page that its links lead to, and where something is wrong. */
import { archiveLinks } from '../../src/atom/archive.ts';
import { parseAtom } from '../../src/atom/parse.ts';
import { ExchangeError } from '../../src/errors.ts';
import { UpstreamError } from '../../src/upstream.ts';
import type { Page, PageSource } from './archive-pages.ts';
import { lenientLinks, pageBefore } from './archive-repair.ts';
import type { Around } from './patients.ts';

/** Pages that are followed at most. */
const MAX_PAGES = 10_000;
/** Missing pages in a row after which no further one is guessed. */
const MAX_GUESSES = 5;

/** A page on the way back, or a place where something is wrong. */
export interface Step {
  address: string;
  fault?: string;
  /** It was taken in before, and so were those before it. */
  isTaken?: true;
}

/** The steps, oldest first. A page that was taken in before ends its chain, unless nothing is to be taken. */
export async function walkBack({ store, options }: Around, source: PageSource): Promise<Step[]> {
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
      if (source.remembers && !options.dryRun && (await store.archive.find(address))) {
        chain.push({ address, isTaken: true });
        break;
      }
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

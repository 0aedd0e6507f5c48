/**
 * Entries a second out of the bytes of a pushed document, with all our checks and limits on, next to
 * feedsmith and rss-parser, which have none, taking the same fields out of the same bytes.
 */
import { readPush } from '../../src/atom/push.ts';
import type { Entry } from '../../src/message.ts';
import { feedDocument, MESSAGING } from './documents.ts';
import { rival } from './rivals.ts';
import { inTurn, median, rounded } from './rounds.ts';

const SIZES = [1, 10, 100, 1000];
/** Odd, for the median. */
const ROUNDS = 9;
const ROUND_MS = 150;
const WARM_UP_ENTRIES = 5000;

/** What the exchange takes out of a document; a rival takes the same, from what it parsed. */
type Read = (bytes: Uint8Array) => Announced[] | Promise<Announced[]>;
type Announced = Pick<Entry, 'atomId' | 'updatedAt' | 'ohPatientId' | 'ohMessageId' | 'box'>;

/** `parse...PerSecond...` are entries a second, `...Vs...` how many times as many as the rival. */
export async function benchParse(): Promise<Record<string, number>> {
  const sides = { ours: read, feedsmith: await readFeedsmith(), rssParser: await readRssParser() };
  const figures: Record<string, number> = {};
  for (const size of SIZES) {
    const documents = documentsOf(size);
    await expectTheSame(documents[0], Object.values(sides));
    for (const side of Object.values(sides)) await warmUp(side, documents, size);
    const seconds = await inTurn(ROUNDS, {
      ours: () => entriesPerSecond(sides.ours, documents, size),
      feedsmith: () => entriesPerSecond(sides.feedsmith, documents, size),
      rssParser: () => entriesPerSecond(sides.rssParser, documents, size),
    });
    const ours = median(seconds.ours);
    const feedsmith = median(seconds.feedsmith);
    const rssParser = median(seconds.rssParser);
    const suffix = size === 1 ? '' : `Of${size}`;
    Object.assign(figures, {
      [`parseEntriesPerSecond${suffix}`]: rounded(ours),
      [`parseFeedsmithPerSecond${suffix}`]: rounded(feedsmith),
      [`parseRssParserPerSecond${suffix}`]: rounded(rssParser),
      [`parseVsFeedsmith${suffix}`]: rounded(ours / feedsmith, 2),
      [`parseVsRssParser${suffix}`]: rounded(ours / rssParser, 2),
    });
  }
  return figures;
}

/** Several documents, so that nobody gains by having seen the bytes before. */
function documentsOf(size: number): Uint8Array[] {
  const count = Math.max(4, Math.ceil(200 / size));
  return Array.from({ length: count }, () => feedDocument(size).bytes);
}

function read(bytes: Uint8Array): Announced[] {
  const extraction = { messagingBaseUrl: MESSAGING, authority: 'demo' };
  return readPush(bytes, { extraction, contentType: 'application/atom+xml' }).entries;
}

interface Feedsmith {
  parseAtomFeed: (text: string) => {
    entries?: { id?: string; updated?: string; links?: { href?: string; rel?: string }[] }[];
  };
}

async function readFeedsmith(): Promise<Read> {
  const { parseAtomFeed } = await rival<Feedsmith>('feedsmith', '3.0.1');
  const decoder = new TextDecoder();
  return (bytes) =>
    (parseAtomFeed(decoder.decode(bytes)).entries ?? []).map(({ id, updated, links = [] }) =>
      announced(id, updated, links.find(({ rel }) => rel === 'alternate')?.href),
    );
}

interface RssParser {
  default: new () => {
    parseString: (text: string) => Promise<{
      items: { id?: string; isoDate?: string; link?: string }[];
    }>;
  };
}

async function readRssParser(): Promise<Read> {
  const { default: Parser } = await rival<RssParser>('rss-parser', '3.13.0');
  const parser = new Parser();
  const decoder = new TextDecoder();
  return async (bytes) => {
    const { items } = await parser.parseString(decoder.decode(bytes));
    return items.map(({ id, isoDate, link }) => announced(id, isoDate, link));
  };
}

const LINK = /\/patients\/([^/]+)\/(inbox|outbox)\/messages\/([^/]+)$/;

function announced(id = '', updated = '', href = ''): Announced {
  const [, patient = '', box, message = ''] = LINK.exec(href) ?? [];
  return {
    atomId: id,
    updatedAt: Date.parse(updated),
    ohPatientId: decodeURIComponent(patient),
    ohMessageId: decodeURIComponent(message),
    box: box === 'outbox' ? 'outbox' : 'inbox',
  };
}

async function expectTheSame(document: Uint8Array | undefined, sides: Read[]): Promise<void> {
  const results = new Set<string>();
  for (const side of sides) {
    const entries = (await side(document ?? new Uint8Array())).map(
      ({ atomId, updatedAt, ohPatientId, ohMessageId, box }) =>
        [atomId, updatedAt, ohPatientId, ohMessageId, box].join(' '),
    );
    results.add(entries.join('\n'));
  }
  if (results.size !== 1) throw new Error('The parsers do not read the same from one document.');
}

async function warmUp(side: Read, documents: Uint8Array[], size: number): Promise<void> {
  for (let entries = 0; entries < WARM_UP_ENTRIES; ) {
    for (const document of documents) await side(document);
    entries += documents.length * size;
  }
}

async function entriesPerSecond(side: Read, documents: Uint8Array[], size: number) {
  Bun.gc(true);
  const began = performance.now();
  let entries = 0;
  while (performance.now() - began < ROUND_MS) {
    for (const document of documents) {
      const reading = side(document);
      if (reading instanceof Promise) await reading;
      entries += size;
    }
  }
  return (entries / (performance.now() - began)) * 1000;
}

/** Bytes to Atom entries. */
import { ExchangeError } from '../errors.ts';
import { baseOf } from './base.ts';
import { ATOM_NAMESPACE, elementsOf, isAtom, readAuthors, readLink } from './constructs.ts';
import type { AtomDocument, Tombstone } from './document.ts';
import { decodeXml } from './encoding.ts';
import { type EntryPlace, elementError, idOf, readEntry } from './entry.ts';
import { instantOf } from './instant.ts';
import { type AtomLimits, withDefaults } from './limits.ts';
import { shownName, trimSpace } from './names.ts';
import { attributeOf, parseXml, textOf, type XmlDocument, type XmlElement } from './tree.ts';

interface ParseOptions {
  /** `Content-Type` header of the document; only its `charset` counts, the root element decides. */
  contentType?: string | undefined;
  limits?: Partial<AtomLimits> | undefined;
  /** Absolute URL that relative references start from, where the document gives no other. */
  baseUrl?: string | undefined;
}

/**
 * Reads an Atom feed or a single Atom entry (RFC 4287, with RFC 4685, 5005 and 6721). An entry that
 * can't be read is listed in `rejected` and sinks no other.
 *
 * Throws ExchangeError and nothing else, whatever the bytes are: `malformed` when the document is
 * not well formed, not Atom, or has a document type declaration; `too-large` over one of the limits.
 * Takes time linear in the size of the document.
 */
export function parseAtom(bytes: Uint8Array, options: ParseOptions = {}): AtomDocument {
  const limits = withDefaults(options.limits);
  if (bytes.byteLength > limits.maxBytes) {
    throw new ExchangeError('too-large', `The document is larger than ${limits.maxBytes} bytes.`);
  }
  const document = parseXml(decodeXml(bytes, options.contentType), limits);
  const { root } = document;
  if (root.namespace !== ATOM_NAMESPACE) throw notAtom(document);
  const { baseUrl } = options;
  const outermostBase = baseUrl !== undefined && URL.canParse(baseUrl) ? baseUrl : undefined;
  return root.name === 'feed'
    ? readFeed(document, outermostBase, limits)
    : readSingleEntry(document, outermostBase, limits);
}

const HISTORY_NAMESPACE = 'http://purl.org/syndication/history/1.0';
const TOMBSTONE_NAMESPACE = 'http://purl.org/atompub/tombstones/1.0';
const ATOM_03_NAMESPACE = 'http://purl.org/atom/ns#';

function notAtom({ root, position }: XmlDocument): ExchangeError {
  const { namespace } = root;
  const where =
    namespace === '' ? 'no namespace' : namespace === ATOM_03_NAMESPACE ? 'Atom 0.3' : 'another';
  const found = `${shownName(root.name)} in ${where}`;
  const message = `Expected feed or entry in the Atom namespace, found ${found} (line ${position(root).line}).`;
  return new ExchangeError('malformed', message, { ...position(root), element: root.name });
}

function emptyDocument(kind: AtomDocument['kind']): AtomDocument {
  return {
    kind,
    links: [],
    isArchive: false,
    isComplete: false,
    entries: [],
    rejected: [],
    tombstones: [],
  };
}

function readSingleEntry(
  document: XmlDocument,
  base: string | undefined,
  limits: AtomLimits,
): AtomDocument {
  const result = emptyDocument('entry');
  const place = { document, path: 'entry', index: 0, base, feedAuthors: [], limits };
  addEntry(result, document.root, place);
  return result;
}

function readFeed(
  document: XmlDocument,
  outermostBase: string | undefined,
  limits: AtomLimits,
): AtomDocument {
  const result = emptyDocument('feed');
  const base = baseOf(document.root, outermostBase);
  const children = elementsOf(document.root);
  const feedAuthors = readAuthors(children);
  const tombstones: XmlElement[] = [];
  let index = 0;
  for (const child of children) {
    if (isAtom(child, 'entry')) {
      if (index === limits.maxEntries) throw tooMany('entries', child, document, limits);
      const path = `feed/entry[${index + 1}]`;
      addEntry(result, child, { document, path, index, base, feedAuthors, limits });
      index += 1;
    } else if (isAtom(child, 'id')) {
      result.id ??= trimSpace(textOf(child));
    } else if (isAtom(child, 'link')) {
      // A feed's links only say where more is; one that can't be read leads nowhere.
      const link = readLink(child, base);
      if (link !== undefined) result.links.push(link);
    } else if (child.namespace === HISTORY_NAMESPACE) {
      if (child.name === 'archive') result.isArchive = true;
      if (child.name === 'complete') result.isComplete = true;
    } else if (child.namespace === TOMBSTONE_NAMESPACE && child.name === 'deleted-entry') {
      if (tombstones.push(child) > limits.maxEntries) {
        throw tooMany('tombstones', child, document, limits);
      }
    }
  }
  if (tombstones.length > 0) addTombstones(result, tombstones, document, limits);
  return result;
}

function tooMany(
  what: 'entries' | 'tombstones',
  element: XmlElement,
  document: XmlDocument,
  { maxEntries }: AtomLimits,
): ExchangeError {
  const message = `The document has more than ${maxEntries} ${what}.`;
  return new ExchangeError('too-large', message, document.position(element));
}

function addEntry(result: AtomDocument, element: XmlElement, place: EntryPlace): void {
  try {
    result.entries.push(readEntry(element, place));
  } catch (error) {
    if (!(error instanceof ExchangeError)) throw error;
    const atomId = idOf(element, place.limits);
    const { line } = place.document.position(element);
    const known = atomId === undefined ? {} : { atomId };
    result.rejected.push({ element: place.path, line, ...known, error });
  }
}

function addTombstones(
  result: AtomDocument,
  elements: XmlElement[],
  document: XmlDocument,
  limits: AtomLimits,
): void {
  const lastUpdated = new Map<string, number>();
  for (const { id, updatedAt } of result.entries) {
    lastUpdated.set(id, Math.max(updatedAt, lastUpdated.get(id) ?? updatedAt));
  }
  for (const [index, element] of elements.entries()) {
    const path = `feed/deleted-entry[${index + 1}]`;
    const tombstone = readTombstone(element, lastUpdated, limits);
    if (tombstone !== undefined) result.tombstones.push(tombstone);
    else {
      const what = 'at:deleted-entry needs a ref and a when that is a date and time of RFC 3339';
      const { line } = document.position(element);
      const error = elementError(what, element, path, document);
      result.rejected.push({ element: path, line, error });
    }
  }
}

function readTombstone(
  element: XmlElement,
  lastUpdated: Map<string, number>,
  limits: AtomLimits,
): Tombstone | undefined {
  const ref = trimSpace(attributeOf(element, 'ref') ?? '');
  const when = trimSpace(attributeOf(element, 'when') ?? '');
  const deletedAt = instantOf(when);
  if (ref === '' || ref.length > limits.maxIdCharacters || deletedAt === undefined)
    return undefined;
  return { ref, when, deletedAt, isOutlived: (lastUpdated.get(ref) ?? -Infinity) > deletedAt };
}

/** One `atom:entry` element to an AtomEntry. */
import { ExchangeError } from '../errors.ts';
import type { Instant } from '../message.ts';
import { baseOf } from './base.ts';
import {
  ATOM_NAMESPACE,
  elementsOf,
  isAtom,
  readAuthors,
  readContent,
  readInReplyTo,
  readLink,
  readText,
} from './constructs.ts';
import type { AtomEntry, AtomLink, AtomPerson, Extension } from './document.ts';
import { instantOf } from './instant.ts';
import type { AtomLimits } from './limits.ts';
import { trimSpace } from './names.ts';
import { textOf, type XmlDocument, type XmlElement } from './tree.ts';

const THREAD_NAMESPACE = 'http://purl.org/syndication/thread/1.0';

/** Where an entry stands, and what it takes from around it. */
export interface EntryPlace {
  document: XmlDocument;
  /** Path of the element, such as `feed/entry[2]`. */
  path: string;
  index: number;
  base: string | undefined;
  feedAuthors: AtomPerson[];
  limits: AtomLimits;
}

/**
 * Reads one entry. Throws ExchangeError `malformed`, with the path of the element and its line, when
 * `atom:id` or `atom:updated` is not there exactly once, when the date is none of RFC 3339, or when
 * a link can't be read. Elements and attributes that nobody knows are no error.
 */
export function readEntry(element: XmlElement, place: EntryPlace): AtomEntry {
  const children = elementsOf(element);
  const base = baseOf(element, place.base);
  const id = readId(element, children, place);
  const { updated, updatedAt } = readUpdated(element, children, place);
  const entry: AtomEntry = {
    index: place.index,
    element: place.path,
    id,
    updated,
    updatedAt,
    authors: readEntryAuthors(children, place),
    links: [],
    inReplyTo: [],
    extensions: [],
  };
  for (const child of children) {
    if (child.namespace === ATOM_NAMESPACE) readAtomChild(entry, child, base, place);
    else if (child.namespace === THREAD_NAMESPACE && child.name === 'in-reply-to') {
      entry.inReplyTo.push(readInReplyTo(child, base));
    } else entry.extensions.push(readExtension(child));
  }
  return entry;
}

/** The `atom:id` of an entry that can't be read otherwise, for the record of its rejection. */
export function idOf(element: XmlElement, limits: AtomLimits): string | undefined {
  const [only, second] = elementsOf(element).filter((child) => isAtom(child, 'id'));
  if (only === undefined || second !== undefined) return undefined;
  const id = trimSpace(textOf(only));
  return id === '' || id.length > limits.maxIdCharacters ? undefined : id;
}

/** An error about one element: what is wrong, the path, the line; never what the element holds. */
export function elementError(
  what: string,
  element: XmlElement,
  path: string,
  document: XmlDocument,
): ExchangeError {
  const position = document.position(element);
  const message = `${what} (${path}, line ${position.line}).`;
  return new ExchangeError('malformed', message, { ...position, element: path });
}

function readId(entry: XmlElement, children: XmlElement[], place: EntryPlace): string {
  const element = single('id', entry, children, place);
  const id = trimSpace(textOf(element));
  const { maxIdCharacters } = place.limits;
  if (id !== '' && id.length <= maxIdCharacters) return id;
  const what =
    id === '' ? 'atom:id is empty' : `atom:id is longer than ${maxIdCharacters} characters`;
  throw elementError(what, element, `${place.path}/id`, place.document);
}

function readUpdated(
  entry: XmlElement,
  children: XmlElement[],
  place: EntryPlace,
): { updated: string; updatedAt: Instant } {
  const element = single('updated', entry, children, place);
  const updated = trimSpace(textOf(element));
  const updatedAt = instantOf(updated);
  if (updatedAt !== undefined) return { updated, updatedAt };
  const what = 'atom:updated is no date and time of RFC 3339 with an offset';
  throw elementError(what, element, `${place.path}/updated`, place.document);
}

function single(
  name: string,
  entry: XmlElement,
  children: XmlElement[],
  place: EntryPlace,
): XmlElement {
  let element: XmlElement | undefined;
  let second: XmlElement | undefined;
  for (const child of children) {
    if (!isAtom(child, name)) continue;
    if (element === undefined) element = child;
    else second ??= child;
  }
  if (element === undefined) {
    throw elementError(`atom:${name} is missing`, entry, place.path, place.document);
  }
  if (second === undefined) return element;
  const what = `atom:${name} comes more than once`;
  throw elementError(what, second, `${place.path}/${name}[2]`, place.document);
}

function readEntryAuthors(children: XmlElement[], place: EntryPlace): AtomPerson[] {
  const own = readAuthors(children);
  if (own.length > 0) return own;
  const source = children.find((child) => isAtom(child, 'source'));
  const ofSource = source === undefined ? [] : readAuthors(elementsOf(source));
  return ofSource.length > 0 ? ofSource : place.feedAuthors;
}

/** Of an element that should come once and does more often, the first counts. */
function readAtomChild(
  entry: AtomEntry,
  child: XmlElement,
  base: string | undefined,
  place: EntryPlace,
): void {
  switch (child.name) {
    case 'title':
      entry.title ??= readText(child);
      return;
    case 'summary':
      entry.summary ??= readText(child);
      return;
    case 'content':
      entry.content ??= readContent(child, base);
      return;
    case 'published':
      entry.published ??= trimSpace(textOf(child));
      return;
    case 'link':
      entry.links.push(readEntryLink(child, base, entry.links.length + 1, place));
      return;
    default:
  }
}

function readEntryLink(
  element: XmlElement,
  base: string | undefined,
  number: number,
  place: EntryPlace,
): AtomLink {
  const link = readLink(element, base);
  if (link !== undefined) return link;
  const what = 'atom:link has no href that is a reference';
  throw elementError(what, element, `${place.path}/link[${number}]`, place.document);
}

function readExtension(element: XmlElement): Extension {
  // Without a prototype, so that an attribute may have any name.
  const attributes: Record<string, string> = Object.create(null);
  for (const { namespace, name, value } of element.attributes) {
    attributes[namespace === '' ? name : `{${namespace}}${name}`] = value;
  }
  const { namespace, name } = element;
  return { namespace, name, attributes, text: textOf(element) };
}

/** What an Atom document says (RFC 4287 and its extensions), as far as the exchange can use it. */
import type { ExchangeError } from '../errors.ts';
import type { Instant } from '../message.ts';

export interface AtomDocument {
  kind: 'feed' | 'entry';
  /** The feed's own `atom:id`; undefined for a single entry. */
  id?: string;
  /** The feed's own links; empty for a single entry. */
  links: AtomLink[];
  /** The document is a stable archive page (RFC 5005 §4). */
  isArchive: boolean;
  /** Entries that are not listed are gone (RFC 5005 §2). Worth a log line, never a deletion. */
  isComplete: boolean;
  /** In document order, which means nothing; the same id may come more than once. */
  entries: AtomEntry[];
  /** Entries and tombstones that could not be read; they sink no others. */
  rejected: RejectedEntry[];
  tombstones: Tombstone[];
}

export interface AtomEntry {
  /** Place among all entry elements of the document, from 0, rejected ones counted. */
  index: number;
  /** Path of the element, such as `feed/entry[2]` (counted from 1). */
  element: string;
  /** `atom:id` without the XML white space around it, else character by character. */
  id: string;
  /** `atom:updated` as written. */
  updated: string;
  /** `atom:updated` as an instant, cut to whole milliseconds. */
  updatedAt: Instant;
  /** As written: nothing depends on it, so a bad date here sinks no entry. */
  published?: string;
  title?: AtomText;
  summary?: AtomText;
  content?: AtomContent;
  /** Of the entry; else of its `atom:source`; else of the feed (RFC 4287 §4.2.1). */
  authors: AtomPerson[];
  links: AtomLink[];
  /** RFC 4685, in document order. A hint: the parent may come later or never. */
  inReplyTo: InReplyTo[];
  /** Child elements of other namespaces, in document order. */
  extensions: Extension[];
}

/** A text construct (RFC 4287 §3.1). Patient data: never logged. */
export interface AtomText {
  type: 'text' | 'html' | 'xhtml';
  /** Plain text; for `html` the markup as its author wrote it, for `xhtml` without the markup. */
  text: string;
}

/** RFC 4287 §4.1.3. Patient data: never logged. */
export interface AtomContent {
  type: 'text' | 'html' | 'xhtml' | 'media';
  /** For `media`, when it is given. */
  mediaType?: string;
  /** As in AtomText; for `media` the text as written, which is base64 unless it is text or XML. */
  text?: string;
  /** Where the content lies when it is not in the entry. */
  src?: string;
}

export interface AtomPerson {
  name: string;
  uri?: string;
  email?: string;
}

export interface AtomLink {
  /** `alternate` when not given; IANA's long form is made short. */
  rel: string;
  /** Absolute where a base is known (`xml:base`, or the base the caller gave), else as written. */
  href: string;
  type?: string;
}

export interface InReplyTo {
  /** `atom:id` of the parent. */
  ref?: string;
  href?: string;
}

export interface Extension {
  namespace: string;
  name: string;
  /** By name; those in a namespace by `{namespace}name`. */
  attributes: Record<string, string>;
  /** Text of the element and all in it. Patient data: never logged. */
  text: string;
}

interface RejectedEntry {
  /** Path of the element, such as `feed/entry[2]` (counted from 1). */
  element: string;
  line: number;
  /** When it could be read. */
  atomId?: string;
  error: ExchangeError;
}

/** `at:deleted-entry` (RFC 6721). It is recorded; nothing is deleted for it. */
export interface Tombstone {
  /** `atom:id` of the entry that was deleted. */
  ref: string;
  /** As written. */
  when: string;
  deletedAt: Instant;
  /** An entry of the same document with that id was updated later, and so stands. */
  isOutlived: boolean;
}

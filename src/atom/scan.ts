/**
 * One pass over the characters of an XML document before the XML library sees it. The library is
 * made for documents that are well formed and meant well: it takes mismatched tags, illegal
 * characters, repeated attributes and unknown entities as they come, knows no line numbers, and goes
 * astray on a quote in a processing instruction. The scan refuses all that, holds the limits, and
 * never looks at a character twice.
 */
import { ExchangeError } from '../errors.ts';
import { declarationFault, startsWithDeclaration } from './declaration.ts';
import type { AtomLimits } from './limits.ts';
import { CUT_OUT, ILLEGAL_CHARACTER, nameEnd, shownName, spaceEnd } from './names.ts';
import { malformedAt, type Positions } from './position.ts';
import { namesLegalCharacter, REFERENCE_AT } from './references.ts';

export interface Scanned {
  /** The document without declaration, comments and instructions; a `CUT_OUT` for each of `texts`. */
  body: string;
  /** Long pieces of text, as written, in document order. */
  texts: string[];
  /** Offset in the scanned text of each element's start tag, in document order. */
  starts: number[];
}

/** From so many characters on text is cut out: the library puts it together character by character. */
const LONG_TEXT_CHARACTERS = 12;

/**
 * Checks that `text` is a well-formed XML 1.0 document (namespaces apart) without document type
 * declaration, within `limits`, with a root element called feed or entry. Throws ExchangeError
 * `malformed` or `too-large`, with line and column.
 */
export function scanXml(text: string, limits: AtomLimits, positions: Positions): Scanned {
  return new Scanner(text, limits, positions).scan();
}

const EXCLAMATION = 0x21;
const QUOTE = 0x22;
const APOSTROPHE = 0x27;
const SLASH = 0x2f;
const EQUALS = 0x3d;
const GREATER = 0x3e;
const QUESTION = 0x3f;

class Scanner {
  readonly #text: string;
  readonly #limits: AtomLimits;
  readonly #positions: Positions;
  readonly #starts: number[] = [];
  readonly #openNames: string[] = [];
  readonly #kept: string[] = [];
  readonly #texts: string[] = [];
  #keptFrom = 0;
  #references = 0;
  #nextAmpersand: number;
  #nextSectionEnd: number;

  constructor(text: string, limits: AtomLimits, positions: Positions) {
    this.#text = text;
    this.#limits = limits;
    this.#positions = positions;
    this.#nextAmpersand = this.#find('&', 0);
    this.#nextSectionEnd = this.#find(']]>', 0);
  }

  scan(): Scanned {
    const text = this.#text;
    const illegal = text.search(ILLEGAL_CHARACTER);
    if (illegal !== -1) throw this.#fault(illegal, 'A character that XML 1.0 does not allow');
    let at = this.#declaration();
    while (at < text.length) {
      const markup = this.#find('<', at);
      if (markup > at) this.#characters(at, markup);
      at = markup < text.length ? this.#markup(markup) : text.length;
    }
    const open = this.#openNames.at(-1);
    if (open !== undefined) {
      throw this.#fault(text.length, `The document ends before the end tag of ${shownName(open)}`);
    }
    if (this.#starts.length === 0) throw this.#fault(text.length, 'The document has no element');
    this.#kept.push(text.slice(this.#keptFrom));
    return { body: this.#kept.join(''), texts: this.#texts, starts: this.#starts };
  }

  #declaration(): number {
    if (!startsWithDeclaration(this.#text)) return 0;
    const end = this.#endOf('?>', 0, 'The XML declaration is not closed');
    const what = declarationFault(this.#text.slice(0, end));
    if (what !== undefined) throw this.#fault(0, what);
    this.#keptFrom = end;
    return end;
  }

  /** Text from `start` to `end`, up to the next markup or the end of the document. */
  #characters(start: number, end: number): void {
    if (this.#openNames.length === 0) {
      const other = spaceEnd(this.#text, start);
      if (other < end) throw this.#outsideRoot(other);
      return;
    }
    this.#checkReferences(end);
    if (this.#nextSectionEnd < end) {
      if (this.#nextSectionEnd < start) this.#nextSectionEnd = this.#find(']]>', start);
      const at = this.#nextSectionEnd;
      if (at < end) throw this.#fault(at, 'A bare "]]>" in text');
    }
    if (end - start < LONG_TEXT_CHARACTERS) return;
    this.#texts.push(this.#text.slice(start, end));
    this.#kept.push(this.#text.slice(this.#keptFrom, start), CUT_OUT);
    this.#keptFrom = end;
  }

  #outsideRoot(at: number): ExchangeError {
    if (this.#starts.length > 0) return this.#fault(at, 'Text after the end of the root element');
    const first = this.#text[at] ?? '';
    const found = first === '{' || first === '[' ? 'JSON' : 'text';
    return this.#fault(at, `Expected feed or entry in the Atom namespace, found ${found}`);
  }

  /** Checks the references before `end`, from where the last call stopped. */
  #checkReferences(end: number): void {
    while (this.#nextAmpersand < end) {
      const at = this.#nextAmpersand;
      REFERENCE_AT.lastIndex = at;
      if (!REFERENCE_AT.test(this.#text)) {
        throw this.#fault(at, 'A bare "&" or an entity other than amp, lt, gt, quot and apos');
      }
      const next = REFERENCE_AT.lastIndex;
      if (!namesLegalCharacter(this.#text.slice(at, next))) {
        throw this.#fault(at, 'A reference to a character that XML 1.0 does not allow');
      }
      this.#references += 1;
      const { maxReferences } = this.#limits;
      if (this.#references > maxReferences) throw this.#excess(at, `${maxReferences} references`);
      this.#nextAmpersand = this.#find('&', next);
    }
  }

  /** Handles the markup at `at` and gives the offset after it. */
  #markup(at: number): number {
    switch (this.#text.charCodeAt(at + 1)) {
      case SLASH:
        return this.#endTag(at);
      case QUESTION:
        return this.#processingInstruction(at);
      case EXCLAMATION:
        return this.#declarationOrSection(at);
      default:
        return this.#startTag(at);
    }
  }

  #declarationOrSection(at: number): number {
    const text = this.#text;
    if (text.startsWith('<!--', at)) {
      const dashes = this.#endOf('--', at + 4, 'A comment is not closed', at);
      if (text.charCodeAt(dashes) !== GREATER)
        throw this.#fault(dashes - 2, 'A "--" inside a comment');
      return this.#leaveOut(at, dashes + 1);
    }
    if (text.startsWith('<![CDATA[', at)) {
      if (this.#openNames.length === 0)
        throw this.#fault(at, 'A CDATA section outside the root element');
      const end = this.#endOf(']]>', at + 9, 'A CDATA section is not closed', at);
      this.#passOver(end);
      return end;
    }
    if (/^<!doctype/i.test(text.slice(at, at + 9))) {
      const html = /^[ \t\n]+html/i.test(text.slice(at + 9, at + 64)) ? ' (of HTML)' : '';
      throw this.#fault(at, `A document type declaration${html}, which is not allowed`);
    }
    throw this.#fault(at, 'Markup that is no comment and no CDATA section');
  }

  #processingInstruction(at: number): number {
    const text = this.#text;
    const target = nameEnd(text, at + 2);
    const name = text.slice(at + 2, target);
    if (name.toLowerCase() === 'xml') {
      throw this.#fault(at, 'An XML declaration that is not at the very start of the document');
    }
    const end = this.#endOf('?>', target, 'A processing instruction is not closed', at);
    const isNamed = name !== '' && !name.includes(':');
    if (!isNamed || (spaceEnd(text, target) === target && target !== end - 2)) {
      throw this.#fault(at, 'A processing instruction without a name');
    }
    return this.#leaveOut(at, end);
  }

  #startTag(at: number): number {
    const text = this.#text;
    const end = nameEnd(text, at + 1);
    if (end === at + 1) throw this.#fault(at, 'A "<" that starts no element');
    const name = text.slice(at + 1, end);
    if (this.#openNames.length === 0) this.#checkRoot(at, name);
    const { maxElements, maxDepth } = this.#limits;
    if (this.#starts.push(at) > maxElements) throw this.#excess(at, `${maxElements} elements`);
    const tagEnd = this.#attributes(at, end);
    if (text.charCodeAt(tagEnd) === SLASH) {
      if (text.charCodeAt(tagEnd + 1) !== GREATER) throw this.#fault(tagEnd, 'A "/" without ">"');
      if (this.#openNames.length >= maxDepth) throw this.#excess(at, `${maxDepth} nested elements`);
      return tagEnd + 2;
    }
    if (text.charCodeAt(tagEnd) !== GREATER)
      throw this.#fault(tagEnd, 'A start tag is not well formed');
    if (this.#openNames.push(name) > maxDepth)
      throw this.#excess(at, `${maxDepth} nested elements`);
    return tagEnd + 1;
  }

  #checkRoot(at: number, name: string): void {
    if (this.#starts.length > 0) throw this.#fault(at, 'A second root element');
    const local = name.slice(name.indexOf(':') + 1);
    if (local === 'feed' || local === 'entry') return;
    throw this.#fault(
      at,
      `Expected feed or entry in the Atom namespace, found ${shownName(local)}`,
    );
  }

  /** Checks the attributes of the tag at `at`, and gives the offset of the `>` or `/` after them. */
  #attributes(tag: number, start: number): number {
    const text = this.#text;
    const nextTag = this.#find('<', tag + 1);
    let seen: Set<string> | undefined;
    let at = start;
    for (;;) {
      const nameStart = spaceEnd(text, at);
      const code = text.charCodeAt(nameStart);
      if (code === GREATER || code === SLASH) return nameStart;
      const end = nameEnd(text, nameStart);
      if (end === nameStart || nameStart === at) return nameStart === at ? at : end;
      const name = text.slice(nameStart, end);
      if (seen?.has(name)) throw this.#fault(nameStart, 'A repeated attribute');
      seen = (seen ?? new Set()).add(name);
      const { maxAttributes } = this.#limits;
      if (seen.size > maxAttributes)
        throw this.#excess(nameStart, `${maxAttributes} attributes in one element`);
      const equals = spaceEnd(text, end);
      const open = spaceEnd(text, equals + 1);
      const quote = text.charCodeAt(open);
      if (text.charCodeAt(equals) !== EQUALS || (quote !== QUOTE && quote !== APOSTROPHE)) {
        throw this.#fault(nameStart, 'An attribute without a quoted value');
      }
      const close = this.#find(quote === QUOTE ? '"' : "'", open + 1);
      if (close > nextTag || close >= text.length) {
        throw this.#fault(nameStart, 'An attribute value that is not closed or holds "<"');
      }
      this.#checkReferences(close);
      at = close + 1;
    }
  }

  #endTag(at: number): number {
    const text = this.#text;
    const name = this.#openNames.pop();
    if (name === undefined) throw this.#fault(at, 'An end tag without a start tag');
    const end = spaceEnd(text, at + 2 + name.length);
    if (!text.startsWith(name, at + 2) || text.charCodeAt(end) !== GREATER) {
      throw this.#fault(at, `Expected the end tag of ${shownName(name)}`);
    }
    return end + 1;
  }

  #leaveOut(start: number, end: number): number {
    if (start > this.#keptFrom) this.#kept.push(this.#text.slice(this.#keptFrom, start));
    this.#keptFrom = end;
    this.#passOver(end);
    return end;
  }

  /** Up to `end` an ampersand means nothing. */
  #passOver(end: number): void {
    if (this.#nextAmpersand < end) this.#nextAmpersand = this.#find('&', end);
  }

  /** Offset of `wanted`, or the end of the text. Not infinity, which is slow as an offset. */
  #find(wanted: string, from: number): number {
    const at = this.#text.indexOf(wanted, from);
    return at === -1 ? this.#text.length : at;
  }

  /** Offset after the next `wanted`. */
  #endOf(wanted: string, from: number, otherwise: string, at = from): number {
    const found = this.#text.indexOf(wanted, from);
    if (found === -1) throw this.#fault(at, otherwise);
    return found + wanted.length;
  }

  #fault(at: number, what: string): ExchangeError {
    return malformedAt(this.#positions.at(at), what);
  }

  #excess(at: number, limit: string): ExchangeError {
    const position = this.#positions.at(at);
    const message = `The document has more than ${limit} (line ${position.line}).`;
    return new ExchangeError('too-large', message, position);
  }
}

/** XHTML and everyday HTML -> plain text. */
import { Parser } from 'htmlparser2';
import { linkSuffix, MAX_LABEL_CHARS } from './link.ts';
import { raisedMark } from './normal-form.ts';
import { TextLines } from './text-lines.ts';
import { MAX_DEPTH, UnreadableBody } from './unreadable-body.ts';
import {
  type Attributes,
  breakOf,
  isUnseen,
  keepsWhiteSpace,
  pictureText,
} from './xhtml-elements.ts';

/**
 * The visible text of XHTML, in linear time: paragraphs apart by a blank line, `<br />` a line end,
 * list items behind `• ` or their number, cells of a table row apart by ` | `, pictures by their
 * `alt`, the address of a link behind its text; scripts, styles, comments and content that its tag or
 * inline style hides left out (rules of a `<style>` sheet are not applied). Throws UnreadableBody
 * when elements are nested too deep.
 */
export function xhtmlText(xhtml: string): string {
  const reader = new XhtmlReader();
  const parser = new Parser(
    {
      onopentag: (name, attributes) => reader.open(name, attributes),
      ontext: (text) => reader.text(text),
      onclosetag: (name) => reader.close(name),
    },
    { recognizeSelfClosing: true, recognizeCDATA: true },
  );
  parser.end(xhtml);
  return reader.end();
}

interface List {
  ordered: boolean;
  next: number;
  depth: number;
}

/** An open element, with what it inherits from those around it. */
interface Element {
  name: string;
  apart: 'none' | 'line' | 'blank';
  unseen: boolean;
  keepsWhiteSpace: boolean;
  raised: boolean;
  inItem: boolean;
  list?: List;
  /** The table row, and where its lines begin. */
  row?: { mark: number; cells: number };
}

interface Anchor {
  address: string;
  label: string;
  mark: number;
}

const MAX_INDENT = 8;

class XhtmlReader {
  readonly #lines = new TextLines();
  readonly #outer: Element[] = [];
  #element: Element = {
    name: '',
    apart: 'none',
    unseen: false,
    keepsWhiteSpace: false,
    raised: false,
    inItem: false,
  };
  #anchor: Anchor | undefined;
  #wasRaised = false;
  /** HTML drops a line end right behind `<pre>`. */
  #afterPre = false;

  open(name: string, attributes: Attributes): void {
    if (this.#outer.length >= MAX_DEPTH) throw new UnreadableBody('its XHTML is nested too deep');
    const outer = this.#element;
    this.#outer.push(outer);
    const apart = breakOf(name, attributes);
    this.#element = {
      ...outer,
      name,
      apart: apart === 'blank' && outer.inItem ? 'line' : apart,
      unseen: outer.unseen || isUnseen(name, attributes),
      keepsWhiteSpace: outer.keepsWhiteSpace || keepsWhiteSpace(name, attributes),
    };
    if (!this.#element.unseen) this.#begin(name, attributes);
  }

  text(text: string): void {
    if (this.#element.unseen) return;
    if (this.#element.keepsWhiteSpace) return this.#preformatted(text);
    for (const [piece] of text.matchAll(/[ \t\r\n\f]+|[^ \t\r\n\f]+/g)) {
      if (/^[ \t\r\n\f]/.test(piece)) this.#lines.space();
      else this.#word(piece);
    }
  }

  close(name: string): void {
    const closed = this.#element;
    // The parser also closes a tag that the document's end cut off before it was ever opened.
    if (closed.name !== name) return;
    this.#element = this.#outer.pop() ?? closed;
    if (closed.unseen) return;
    if (name === 'a') this.#endAnchor();
    if (name === 'tr') this.#lines.endRow();
    else if (closed.apart !== 'none') this.#lines.block(closed.apart);
    if (name === 'li') this.#lines.prefix('');
  }

  end(): string {
    return this.#lines.toString();
  }

  #begin(name: string, attributes: Attributes): void {
    const element = this.#element;
    if (element.apart !== 'none') this.#lines.block(element.apart);
    if (name === 'br') this.#lines.lineBreak();
    else if (name === 'hr') this.#lines.word('-----');
    else if (name === 'img') this.#picture(pictureText(attributes));
    else if (name === 'sup') element.raised = true;
    else if (name === 'sub') element.raised = false;
    else if (name === 'pre') this.#afterPre = true;
    else if (name === 'a') this.#beginAnchor(attributes['href']);
    else if (name === 'ul' || name === 'ol') this.#beginList(name, attributes['start']);
    else if (name === 'li') this.#beginItem(attributes['value']);
    else if (name === 'tr') element.row = { mark: this.#lines.count, cells: 0 };
    else if (name === 'td' || name === 'th') this.#beginCell();
  }

  #word(word: string): void {
    const { raised } = this.#element;
    const mark = raised && !this.#wasRaised ? raisedMark(this.#lines.tail, word) : '';
    this.#wasRaised = raised;
    this.#afterPre = false;
    this.#lines.word(mark + word);
    if (this.#anchor !== undefined && this.#anchor.label.length <= MAX_LABEL_CHARS) {
      this.#anchor.label += word;
    }
  }

  #preformatted(text: string): void {
    const [first = '', ...rest] = text.split(/\r\n|\r|\n/);
    if (first !== '') this.#word(first);
    for (const line of rest) {
      if (!this.#afterPre) this.#lines.lineBreak();
      this.#afterPre = false;
      if (line !== '') this.#word(line);
    }
  }

  #picture(text: string): void {
    if (text !== '') this.#word(text);
  }

  #beginAnchor(href: string | undefined): void {
    if (href !== undefined) this.#anchor = { address: href, label: '', mark: this.#lines.count };
  }

  #endAnchor(): void {
    const anchor = this.#anchor;
    this.#anchor = undefined;
    if (anchor === undefined) return;
    const suffix = linkSuffix(anchor.label, anchor.address);
    if (suffix === '') return;
    if (anchor.label !== '') this.#lines.reopen(anchor.mark);
    this.#lines.word(suffix);
  }

  #beginList(name: 'ul' | 'ol', start: string | undefined): void {
    const depth = (this.#element.list?.depth ?? 0) + 1;
    this.#element.list = { ordered: name === 'ol', next: ordinal(start) ?? 1, depth };
  }

  #beginItem(value: string | undefined): void {
    const list = this.#element.list ?? { ordered: false, next: 1, depth: 1 };
    const number = ordinal(value) ?? list.next;
    list.next = number + 1;
    this.#element.inItem = true;
    const indent = '  '.repeat(Math.min(list.depth - 1, MAX_INDENT));
    this.#lines.prefix(indent + (list.ordered ? `${number}. ` : '• '));
  }

  #beginCell(): void {
    const { row } = this.#element;
    if (row === undefined) return;
    if (row.cells === 0) this.#lines.firstCell();
    else this.#lines.nextCell(row.mark);
    row.cells += 1;
  }
}

function ordinal(value: string | undefined): number | undefined {
  return value !== undefined && /^-?\d{1,9}$/.test(value) ? Number(value) : undefined;
}

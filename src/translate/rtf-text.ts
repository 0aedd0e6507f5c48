/** RTF -> plain text. Reads one document or several run together, and damaged ones as far as they go. */
import { hyperlinkAddress, linkSuffix, MAX_LABEL_CHARS } from './link.ts';
import { raisedMark } from './normal-form.ts';
import * as fonts from './rtf-fonts.ts';
import { type Field, type Group, outermostGroup } from './rtf-group.ts';
import { type RtfToken, rtfTokens } from './rtf-tokens.ts';
import * as words from './rtf-words.ts';
import { MAX_DEPTH, UnreadableBody } from './unreadable-body.ts';

/**
 * The visible text of RTF, in linear time: each `\par` and `\line` a line end, cells of a table row
 * apart by ` | `, list marks as the writer put them, pictures as `[picture]`, the address of a link
 * behind its text; hidden and deleted text, headers, footers, notes to the document left out.
 * Characters of the string over U+007F are taken as they are: RTF is ASCII, so whoever wrote them
 * has decoded them. Throws UnreadableBody when groups are nested too deep.
 */
export function rtfText(rtf: string): string {
  const reader = new RtfReader();
  for (const token of rtfTokens(rtf)) reader.take(token);
  return reader.end();
}

const CELL_END = ' | ';
const MAX_INSTRUCTION_CHARS = 8192;

class RtfReader {
  readonly #out: string[] = [];
  readonly #outer: Group[] = [];
  #group: Group = outermostGroup();
  #written = 0;
  #bytes: number[] = [];
  #toSkip = 0;
  #wasRaised = false;
  #tableFont: fonts.RtfFont | undefined;

  take(token: RtfToken): void {
    switch (token.kind) {
      case 'open':
        return this.#open();
      case 'close':
        return this.#close();
      case 'word':
        return this.#word(token.word, token.param);
      case 'symbol':
        return this.#symbol(token.symbol);
      case 'byte':
        return this.#byte(token.byte);
      case 'text':
        return this.#text(token.text);
      case 'lineEnds':
        return this.#lineEnds();
    }
  }

  end(): string {
    this.#flush();
    return this.#out.join('');
  }

  #open(): void {
    this.#flush();
    this.#toSkip = 0;
    if (this.#outer.length >= MAX_DEPTH) throw new UnreadableBody('its RTF is nested too deep');
    this.#outer.push(this.#group);
    this.#group = { ...this.#group, ownsField: false, starred: false };
  }

  #close(): void {
    this.#flush();
    this.#toSkip = 0;
    const { field, ownsField } = this.#group;
    this.#group = this.#outer.pop() ?? this.#group;
    if (ownsField && field !== undefined) this.#endField(field);
  }

  #word(word: string, param: number | undefined): void {
    this.#flush();
    this.#toSkip = 0;
    const group = this.#group;
    const { starred } = group;
    group.starred = false;
    if (word === 'rtf') this.#beginDocument();
    else if (group.destination === 'fonts') this.#fontTableWord(word, param, starred);
    else if (group.destination === 'upr') {
      if (starred && word === 'ud') group.destination = 'text';
    } else if (group.destination !== 'nowhere' && !this.#destination(word, starred)) {
      const text = words.textByWord.get(word);
      if (text === undefined) this.#property(word, param);
      else this.#write(group.inListMark && text === '\t' ? ' ' : text);
    }
  }

  /** Enters what a word opens; false when it opens nothing. */
  #destination(word: string, starred: boolean): boolean {
    const group = this.#group;
    if (word === 'fonttbl') group.destination = 'fonts';
    else if (word === 'fldinst') group.destination = 'instruction';
    else if (word === 'upr') group.destination = 'upr';
    else if (word === 'field') {
      group.field = { instruction: '', start: this.#written };
      group.ownsField = true;
    } else if (word === 'pict') {
      this.#write('[picture]');
      group.destination = 'nowhere';
    } else if (word === 'listtext' || word === 'pntext') group.inListMark = true;
    else if (word === 'nonesttables') this.#dropCellEnd();
    else if (starred) {
      if (!words.shownStarDestinations.has(word)) group.destination = 'nowhere';
    } else if (words.hiddenDestinations.has(word)) group.destination = 'nowhere';
    else return false;
    return true;
  }

  #property(word: string, param: number | undefined): void {
    const group = this.#group;
    if (word === 'u') this.#unicode(param ?? 0);
    else if (word === 'uc') group.fallbackChars = Math.max(0, param ?? 1);
    else if (word === 'f') group.font = param;
    else if (word === 'af') group.rtlFont = param;
    else if (word === 'rtlch') group.rtl = true;
    else if (word === 'ltrch') group.rtl = false;
    else if (word === 'v' || word === 'deleted') group.hidden = param !== 0;
    else if (word === 'super') group.raised = param !== 0;
    else if (word === 'up') group.raised = (param ?? 6) > 0;
    else if (word === 'nosupersub' || word === 'sub' || word === 'dn') group.raised = false;
    else if (word === 'plain') {
      Object.assign(group, { hidden: false, raised: false, font: undefined, rtlFont: undefined });
    } else if (word === 'cell' || word === 'nestcell') this.#write(CELL_END);
    else if (word === 'row') {
      this.#dropCellEnd();
      this.#write('\n');
    } else this.#documentProperty(word, param);
  }

  #documentProperty(word: string, param: number | undefined): void {
    const { document } = this.#group;
    if (word === 'ansicpg' && param !== undefined && param > 0) document.codePage = param;
    else if (word === 'deff') document.defaultFont = param ?? 0;
    else if (word === 'mac') document.codePage = 10_000;
    else if (word === 'pc') document.codePage = 437;
    else if (word === 'pca') document.codePage = 850;
  }

  /** Starts afresh even inside another document, which may have lost its end. */
  #beginDocument(): void {
    this.#group = outermostGroup();
    if (this.#written > 0) this.#write(this.#out.at(-1)?.endsWith('\n') ? '\n' : '\n\n');
  }

  #fontTableWord(word: string, param: number | undefined, starred: boolean): void {
    const { document } = this.#group;
    if (starred) this.#group.destination = 'nowhere';
    else if (word === 'f' && param !== undefined) {
      this.#tableFont = { name: '' };
      document.fonts.set(param, this.#tableFont);
    } else if (this.#tableFont !== undefined && param !== undefined) {
      if (word === 'fcharset') fonts.setCharset(document, this.#tableFont, param);
      else if (word === 'cpg') this.#tableFont.codePage = param;
    }
  }

  #symbol(symbol: string): void {
    if (symbol === '*') {
      this.#group.starred = true;
      return;
    }
    const text = words.textBySymbol.get(symbol);
    if (text === undefined) return;
    this.#flush();
    this.#text(text);
  }

  #unicode(param: number): void {
    const code = param < 0 ? param + 0x10000 : param;
    if (code >= 0 && code <= 0x10ffff) {
      this.#write(fonts.shownText(codeUnits(code), this.#encoding()));
    }
    this.#toSkip = this.#group.fallbackChars;
  }

  #byte(byte: number): void {
    if (this.#toSkip > 0) this.#toSkip -= 1;
    else if (this.#group.destination === 'text' || this.#group.destination === 'instruction') {
      this.#bytes.push(byte);
    }
  }

  #text(text: string): void {
    const rest = text.slice(this.#toSkip);
    this.#toSkip = Math.max(0, this.#toSkip - text.length);
    const { destination } = this.#group;
    if (rest === '' || destination === 'nowhere' || destination === 'upr') return;
    if (destination === 'fonts') this.#nameFont(rest);
    else if (this.#bytes.length > 0 && fonts.isMultiByte(this.#encoding())) {
      for (const byte of Buffer.from(rest, 'latin1')) this.#bytes.push(byte);
    } else {
      this.#flush();
      this.#write(fonts.shownText(rest, this.#encoding()));
    }
  }

  /** Between documents stand plain words at times, and their lines are lines. */
  #lineEnds(): void {
    const last = this.#out.at(-1);
    if (this.#outer.length === 0 && last !== undefined && !last.endsWith('\n')) this.#write('\n');
  }

  #nameFont(text: string): void {
    const font = this.#tableFont;
    if (font === undefined) return;
    const end = text.indexOf(';');
    font.name = (font.name + (end < 0 ? text : text.slice(0, end))).slice(0, 64);
    if (end >= 0) this.#tableFont = undefined;
  }

  #encoding(): fonts.RtfEncoding {
    const { document, font, rtlFont, rtl } = this.#group;
    return fonts.encodingOf(document, rtl ? (rtlFont ?? font) : font);
  }

  #flush(): void {
    if (this.#bytes.length === 0) return;
    const bytes = this.#bytes;
    this.#bytes = [];
    this.#write(fonts.decodeBytes(bytes, this.#encoding()));
  }

  #write(text: string): void {
    const { destination, field, hidden, raised } = this.#group;
    if (destination === 'instruction' && field !== undefined) {
      if (field.instruction.length < MAX_INSTRUCTION_CHARS)
        field.instruction += text.slice(0, MAX_INSTRUCTION_CHARS);
    }
    if (destination !== 'text' || hidden || text === '') return;
    const mark = raised && !this.#wasRaised ? raisedMark(this.#out.at(-1) ?? '', text) : '';
    this.#wasRaised = raised;
    this.#out.push(mark + text);
    this.#written += mark.length + text.length;
  }

  #dropCellEnd(): void {
    if (this.#out.at(-1) !== CELL_END) return;
    this.#out.pop();
    this.#written -= CELL_END.length;
  }

  #endField({ instruction, start }: Field): void {
    const url = hyperlinkAddress(instruction);
    if (url === undefined) return;
    const length = this.#written - start;
    this.#write(linkSuffix(length > MAX_LABEL_CHARS ? '-' : this.#last(length), url));
  }

  /** The last `length` characters written; `length` is bounded by the caller. */
  #last(length: number): string {
    const pieces: string[] = [];
    for (let index = this.#out.length - 1, found = 0; found < length && index >= 0; index -= 1) {
      const piece = this.#out[index] ?? '';
      pieces.unshift(piece);
      found += piece.length;
    }
    return pieces.join('');
  }
}

/** `\uN` holds a UTF-16 unit; some writers put a whole code point there. */
function codeUnits(code: number): string {
  return code > 0xffff ? String.fromCodePoint(code) : String.fromCharCode(code);
}

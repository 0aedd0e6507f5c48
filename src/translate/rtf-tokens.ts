/**
 * RTF -> tokens (RTF 1.9.1, "Basic Entities"). Our own, because the tokenizer of rtf-stream-parser
 * takes quadratic time on many short lines, allocates whatever size `\bin` claims, and writes each
 * bad hex digit to the console; other libraries are no longer kept.
 */
export type RtfToken =
  | { kind: 'open' }
  | { kind: 'close' }
  /** A control word such as `\par` or `\u8217`. */
  | { kind: 'word'; word: string; param: number | undefined }
  /** A control symbol such as `\~`; its one character. */
  | { kind: 'symbol'; symbol: string }
  /** `\'hh`: one byte in the code page of the font. */
  | { kind: 'byte'; byte: number }
  | { kind: 'text'; text: string }
  /** Line ends of the file, which mean nothing inside a document. */
  | { kind: 'lineEnds' };

const TOKEN =
  /\\([a-zA-Z]{1,32})(-?\d{1,10})? ?|\\'([0-9a-fA-F]{2})|\\(\r\n|[^])|([{}])|([^\\{}\r\n]+)|([\r\n]+)|\\$/y;

/**
 * Every token in order, in linear time. The N characters after `\binN` are left out; a claim to more
 * than there are is ignored, so that it can't swallow the text after it.
 */
export function* rtfTokens(rtf: string): Generator<RtfToken, void, void> {
  let at = 0;
  while (at < rtf.length) {
    TOKEN.lastIndex = at;
    const match = TOKEN.exec(rtf);
    if (match === null) return;
    at = TOKEN.lastIndex;
    const [, word, digits, hex, symbol, brace, text, lineEnds] = match;
    if (word !== undefined) {
      const param = digits === undefined ? undefined : Number(digits);
      yield { kind: 'word', word, param };
      if (word === 'bin' && param !== undefined && param > 0 && at + param <= rtf.length)
        at += param;
    } else if (text !== undefined) yield { kind: 'text', text };
    else if (hex !== undefined) yield { kind: 'byte', byte: Number.parseInt(hex, 16) };
    else if (brace !== undefined) yield { kind: brace === '{' ? 'open' : 'close' };
    else if (symbol !== undefined) yield { kind: 'symbol', symbol };
    else if (lineEnds !== undefined) yield { kind: 'lineEnds' };
  }
}

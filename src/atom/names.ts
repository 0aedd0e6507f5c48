/** Characters, names and white space of XML 1.0 (fifth edition, §2.2, §2.3), read off a text at a place. */

/** What XML 1.0 §2.2 allows nowhere. Surrogates pass: the decoder gives none that is alone. */
export const ILLEGAL_CHARACTER = /[^\t\n\u0020-\uFFFD]/;

/** Stands for text that was cut out: none of these characters, so no document holds one. */
export const CUT_OUT = '\uFFFF';

const SPACE = 1;
const NAME_CHARACTER = 2;
const NAME_START = 4;

const asciiClasses = new Uint8Array(128);
for (const space of ' \t\n\r') asciiClasses[space.charCodeAt(0)] = SPACE;
for (let code = 0; code < 128; code += 1) {
  const character = String.fromCharCode(code);
  if (/[A-Za-z_:]/.test(character)) asciiClasses[code] = NAME_CHARACTER | NAME_START;
  if (/[0-9.-]/.test(character)) asciiClasses[code] = NAME_CHARACTER;
}

// U+1680 and U+FEFF are left out: XML allows them in a name, but JavaScript, and so the XML library,
// takes them for white space and would see another name than we do.
const otherNameStarts = [
  [0xc0, 0xd6],
  [0xd8, 0xf6],
  [0xf8, 0x2ff],
  [0x370, 0x37d],
  [0x37f, 0x167f],
  [0x1681, 0x1fff],
  [0x200c, 0x200d],
  [0x2070, 0x218f],
  [0x2c00, 0x2fef],
  [0x3001, 0xd7ff],
  [0xf900, 0xfdcf],
  [0xfdf0, 0xfefe],
  [0xff00, 0xfffd],
  [0x10000, 0xeffff],
] as const;
const otherNameCharacters = [
  [0xb7, 0xb7],
  [0x300, 0x36f],
  [0x203f, 0x2040],
] as const;

/** Offset after the name that starts at `start`; `start` itself when no name does. */
export function nameEnd(text: string, start: number): number {
  // Never asked beyond the end: one such question makes the engine give up its fast code for all.
  const end = text.length;
  let at = start;
  while (at < end) {
    const code = text.charCodeAt(at);
    if (code < 128) {
      const needed = at === start ? NAME_START : NAME_CHARACTER;
      if (((asciiClasses[code] ?? 0) & needed) === 0) return at;
      at += 1;
      continue;
    }
    const point = text.codePointAt(at) ?? 0;
    const fits =
      isWithin(otherNameStarts, point) || (at > start && isWithin(otherNameCharacters, point));
    if (!fits) return at;
    at += point > 0xffff ? 2 : 1;
  }
  return at;
}

function isWithin(ranges: readonly (readonly [number, number])[], point: number): boolean {
  return ranges.some(([first, last]) => point >= first && point <= last);
}

/** Offset of the first character from `start` on that is not XML white space. */
export function spaceEnd(text: string, start: number): number {
  const end = text.length;
  let at = start;
  while (at < end && asciiClasses[text.charCodeAt(at)] === SPACE) at += 1;
  return at;
}

/**
 * Cuts XML white space, and nothing else, off both ends: an IRI or date holds none, but printers of
 * XML put line breaks around it (RFC 4287 §2).
 */
export function trimSpace(text: string): string {
  const start = spaceEnd(text, 0);
  let end = text.length;
  while (end > start && asciiClasses[text.charCodeAt(end - 1)] === SPACE) end -= 1;
  return text.slice(start, end);
}

/** A name fit for an error message: names are the sender's words, so only short plain ones are. */
export function shownName(name: string): string {
  return /^[A-Za-z_][\w.:-]{0,39}$/.test(name) ? name : 'another element';
}

/** Which characters the bytes of an RTF document stand for: code pages, charsets, symbol fonts. */
import iconv from 'iconv-lite';
import { fontToUnicode, recodeSymbolFontText } from 'rtf-stream-parser/dist/src/decode.js';

/** One entry of `\fonttbl`. */
export interface RtfFont {
  name: string;
  charset?: number;
  codePage?: number;
}

/** What one RTF document says of its text; several may be run together. */
export interface RtfDocument {
  codePage: number;
  defaultFont: number;
  fonts: Map<number, RtfFont>;
  /** True when some font says that it is not for Western text. */
  hasForeignFont: boolean;
}

/** How bytes become text: through a code page, or through the table of a symbol font. */
export type RtfEncoding = { codePage: number } | { symbolFont: string };

const WINDOWS_1252 = 1252;
const SYMBOL_CHARSET = 2;

/** `\fcharsetN` -> code page (RTF 1.9.1, "Font Table"). */
const codePageByCharset = new Map([
  [77, 10_000],
  [128, 932],
  [129, 949],
  [134, 936],
  [136, 950],
  [161, 1253],
  [162, 1254],
  [163, 1258],
  [177, 1255],
  [178, 1256],
  [186, 1257],
  [204, 1251],
  [222, 874],
  [238, 1250],
  [254, 437],
  [255, 850],
]);

/** A document before it has said anything. */
export function newRtfDocument(): RtfDocument {
  return { codePage: WINDOWS_1252, defaultFont: 0, fonts: new Map(), hasForeignFont: false };
}

/** Notes `\fcharset` of a font. */
export function setCharset(document: RtfDocument, font: RtfFont, charset: number): void {
  font.charset = charset;
  if (codePageByCharset.has(charset)) document.hasForeignFont = true;
}

/**
 * How text in font `number` is encoded. Western charset (0) means Windows-1252 as specified, except
 * where no font of the document is for another script: then a plain writer has put charset 0 on
 * everything, and the document's own code page tells more.
 */
export function encodingOf(document: RtfDocument, number: number | undefined): RtfEncoding {
  const font = document.fonts.get(number ?? document.defaultFont);
  if (font === undefined) return { codePage: document.codePage };
  const symbolFont = font.name.trim();
  if (Object.hasOwn(fontToUnicode, symbolFont)) return { symbolFont };
  if (font.codePage !== undefined) return { codePage: font.codePage };
  const { charset } = font;
  if (charset === 0 && document.hasForeignFont) return { codePage: WINDOWS_1252 };
  if (charset === SYMBOL_CHARSET) return { codePage: WINDOWS_1252 };
  return { codePage: codePageByCharset.get(charset ?? 1) ?? document.codePage };
}

/** Decodes the bytes of a run; an unknown code page is read as Windows-1252. */
export function decodeBytes(bytes: number[], encoding: RtfEncoding): string {
  const buffer = Buffer.from(bytes);
  if ('symbolFont' in encoding) return symbols(buffer.toString('latin1'), encoding.symbolFont);
  const { codePage } = encoding;
  if (codePage === 65_001) return buffer.toString('utf8');
  const name = codePage === 10_000 ? 'macintosh' : `cp${codePage}`;
  return iconv.decode(buffer, iconv.encodingExists(name) ? name : `cp${WINDOWS_1252}`);
}

/** Whether a character of the code page can take two bytes, of which the second may be ASCII. */
export function isMultiByte(encoding: RtfEncoding): boolean {
  return 'codePage' in encoding && [932, 936, 949, 950].includes(encoding.codePage);
}

/**
 * Text in a symbol font as the symbols it shows. Word moves them to U+F020..U+F0FF; found there in
 * an ordinary font they are taken for the Symbol font's.
 */
export function shownText(text: string, encoding: RtfEncoding): string {
  const font = 'symbolFont' in encoding ? encoding.symbolFont : undefined;
  const moved = text.replace(/[\uf020-\uf0ff]/g, (character) =>
    symbols(String.fromCharCode(character.charCodeAt(0) - 0xf000), font ?? 'Symbol'),
  );
  return font === undefined || moved !== text ? moved : symbols(text, font);
}

function symbols(text: string, font: string): string {
  return recodeSymbolFontText(text, font, 'keep') ?? text;
}

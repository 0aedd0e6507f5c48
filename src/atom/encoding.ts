/**
 * Bytes to characters, by RFC 7303 §3.3 and XML 1.0 §4.3.3 and appendix F. The first of these that
 * says something decides: byte order mark, `charset` of the Content-Type, shape of the first bytes,
 * XML declaration; else UTF-8.
 */
import { ExchangeError } from '../errors.ts';

/**
 * Decodes an XML document; the byte order mark is dropped and line ends become `\n` (XML 1.0
 * §2.11). Throws ExchangeError `malformed` for bytes that are not valid in the encoding (nothing is
 * replaced), for an encoding nobody knows, and for a declaration that the bytes contradict.
 */
export function decodeXml(bytes: Uint8Array, contentType: string | undefined): string {
  if (bytes.byteLength === 0) throw new ExchangeError('malformed', 'The document is empty.');
  const text = decode(bytes, encodingOf(bytes, contentType));
  return text.includes('\r') ? text.replace(/\r\n?/g, '\n') : text;
}

const UTF_8 = new TextDecoder('utf-8', { fatal: true });
const ASCII_COMPATIBLE = new TextDecoder('windows-1252');

/** An encoding declaration lies this near to the start, or is none. */
const DECLARATION_BYTES = 256;
const DECLARATION = /^<\?xml[ \t\r\n][^>]*?[ \t\r\n]encoding[ \t\r\n]*=[ \t\r\n]*["']([^"'>]*)["']/;

function encodingOf(bytes: Uint8Array, contentType: string | undefined): string {
  const first = bytes[0];
  const second = bytes[1];
  if (first === 0xef && second === 0xbb && bytes[2] === 0xbf) return 'utf-8';
  if (first === 0xfe && second === 0xff) return 'utf-16be';
  if (first === 0xff && second === 0xfe) return 'utf-16le';
  const shape = first === 0 ? 'utf-16be' : second === 0 ? 'utf-16le' : undefined;
  const charset = /;[ \t]*charset[ \t]*=[ \t]*"?([^";]*)/i.exec(contentType ?? '')?.[1]?.trim();
  if (charset) return charset.toLowerCase() === 'utf-16' ? (shape ?? 'utf-16be') : charset;
  return declaredEncoding(bytes, shape);
}

function declaredEncoding(bytes: Uint8Array, shape: 'utf-16be' | 'utf-16le' | undefined): string {
  const start = bytes.subarray(0, DECLARATION_BYTES);
  const decoder = shape === undefined ? ASCII_COMPATIBLE : new TextDecoder(shape);
  const declared = DECLARATION.exec(decoder.decode(start))?.[1];
  if (declared === undefined) return shape ?? 'utf-8';
  const declaresUtf16 = /^(?:utf-16(?:le|be)?|ucs-2|iso-10646-ucs-2)$/i.test(declared);
  if (declaresUtf16 === (shape !== undefined)) return shape ?? declared;
  throw new ExchangeError(
    'malformed',
    declaresUtf16
      ? 'The XML declaration says UTF-16, but the bytes are not UTF-16.'
      : 'The bytes are UTF-16, but the XML declaration says another encoding.',
    { line: 1, column: 1 },
  );
}

function decode(bytes: Uint8Array, label: string): string {
  const encoding = label.toLowerCase();
  if (encoding === 'utf-8') return decodeUtf8(bytes);
  // WHATWG reads these labels as windows-1252, which has a character for every byte.
  if (encoding === 'us-ascii' || encoding === 'ascii') {
    if (bytes.every((byte) => byte < 0x80)) return decodeUtf8(bytes);
    throw invalidBytes('us-ascii', undefined);
  }
  const decoder = decoderFor(encoding);
  try {
    return decoder.decode(bytes);
  } catch {
    throw invalidBytes(decoder.encoding, undefined);
  }
}

function decodeUtf8(bytes: Uint8Array): string {
  try {
    return UTF_8.decode(bytes);
  } catch {
    throw invalidBytes('utf-8', lineOfInvalidUtf8(bytes));
  }
}

function decoderFor(label: string): TextDecoder {
  try {
    return new TextDecoder(label, { fatal: true });
  } catch {
    const shown = /^[a-z][a-z0-9._-]{0,39}$/.test(label) ? `"${label}"` : 'that is declared';
    throw new ExchangeError('malformed', `The encoding ${shown} is not known.`, {
      line: 1,
      column: 1,
    });
  }
}

function invalidBytes(encoding: string, line: number | undefined): ExchangeError {
  const where = line === undefined ? '' : ` (line ${line})`;
  const message = `The document holds bytes that are not valid ${encoding}${where}.`;
  return new ExchangeError('malformed', message, line === undefined ? {} : { line });
}

/** No byte of a longer UTF-8 sequence is a line feed, so lines can be tried one by one. */
function lineOfInvalidUtf8(bytes: Uint8Array): number {
  let line = 1;
  for (let start = 0; start < bytes.byteLength; line += 1) {
    const lineFeed = bytes.indexOf(0x0a, start);
    const end = lineFeed === -1 ? bytes.byteLength : lineFeed + 1;
    try {
      UTF_8.decode(bytes.subarray(start, end));
    } catch {
      return line;
    }
    start = end;
  }
  return line;
}

import { describe, expect, test } from 'bun:test';
import { parseAtom } from '../../src/atom/parse.ts';
import { ExchangeError } from '../../src/errors.ts';

const fixtures = `${import.meta.dir}/fixtures`;
const bytesOf = (text: string) => new TextEncoder().encode(text);
const latin = (text: string) => Uint8Array.from(text, (character) => character.charCodeAt(0));

function entry(title: string, declaration = '') {
  return `${declaration}<entry xmlns="http://www.w3.org/2005/Atom"><id>urn:example:1</id>\n<title>${title}</title><updated>2025-10-08T00:00:00Z</updated></entry>`;
}

function titleOf(bytes: Uint8Array, contentType?: string) {
  return parseAtom(bytes, { contentType }).entries[0]?.title?.text;
}

function refusalOf(bytes: Uint8Array, contentType?: string): ExchangeError {
  try {
    parseAtom(bytes, { contentType });
  } catch (error) {
    if (error instanceof ExchangeError) return error;
  }
  throw new Error('The document was not refused.');
}

describe('which encoding holds (RFC 7303)', () => {
  test('a byte order mark beats the charset of the Content-Type', async () => {
    const bytes = await Bun.file(`${fixtures}/encoding-utf-8-bom.xml`).bytes();
    expect(titleOf(bytes, 'application/atom+xml; charset=iso-8859-1')).toBe('naïve — €😀');
    const wide = await Bun.file(`${fixtures}/encoding-utf-16le-bom.xml`).bytes();
    expect(titleOf(wide, 'application/atom+xml; charset=utf-8')).toBe('naïve — €😀');
  });

  test('the charset beats the declaration', () => {
    const declared = entry('caf\u00e9', '<?xml version="1.0" encoding="utf-8"?>');
    expect(titleOf(latin(declared), 'text/xml; Charset="ISO-8859-1"; x=y')).toBe('café');
    const wrong = entry('café', '<?xml version="1.0" encoding="utf-16"?>');
    expect(titleOf(bytesOf(wrong), 'application/atom+xml;charset=utf-8')).toBe('café');
  });

  test('charset utf-16 without a mark is read in the order that the bytes have', async () => {
    for (const name of ['encoding-utf-16le', 'encoding-utf-16be']) {
      const bytes = await Bun.file(`${fixtures}/${name}.xml`).bytes();
      expect(titleOf(bytes, 'application/atom+xml; charset=UTF-16')).toBe('naïve — €😀');
    }
  });

  test('without mark, charset and declaration it is UTF-8', () => {
    expect(titleOf(bytesOf(entry('naïve')), 'application/atom+xml')).toBe('naïve');
  });

  test('the declaration may use single quotes and any case', () => {
    const declaration = "<?xml version='1.0' encoding='iso-8859-1' standalone='no' ?>";
    expect(titleOf(latin(entry('caf\u00e9', declaration)))).toBe('café');
  });
});

describe('bytes that are not what they are said to be are refused, never replaced', () => {
  test('bytes that are not UTF-8 are refused with their line', () => {
    const refusal = refusalOf(latin(entry('caf\u00e9')));
    expect(refusal).toMatchObject({ code: 'malformed', line: 2 });
    expect(refusal.message).toBe('The document holds bytes that are not valid utf-8 (line 2).');
  });

  test.each([
    ['utf-8', [0xed, 0xa0, 0x80]],
    ['utf-8', [0xc0, 0x80]],
    ['us-ascii', [0xe9]],
    ['shift_jis', [0x82]],
    ['euc-kr', [0xff]],
  ])('%s %p', (encoding, bad) => {
    const declaration = `<?xml version="1.0" encoding="${encoding}"?>`;
    const text = entry(String.fromCharCode(...bad), declaration);
    const refusal = refusalOf(latin(text));
    expect(refusal.code).toBe('malformed');
    expect(refusal.message).toStartWith('The document holds bytes that are not valid');
  });

  test('half a character of UTF-16 is refused', () => {
    const text = entry('x');
    const bytes = new Uint8Array(2 * text.length + 1);
    for (let at = 0; at < text.length; at += 1) bytes[2 * at] = text.charCodeAt(at);
    expect(refusalOf(bytes).message).toContain('not valid utf-16le');
  });

  test('a declaration of UTF-16 over bytes that are not is refused', () => {
    const declared = entry('x', '<?xml version="1.0" encoding="UTF-16"?>');
    expect(refusalOf(bytesOf(declared)).message).toBe(
      'The XML declaration says UTF-16, but the bytes are not UTF-16.',
    );
    const wide = Uint8Array.from(Buffer.from(declared.replace('16', '8'), 'utf16le'));
    expect(refusalOf(wide).message).toBe(
      'The bytes are UTF-16, but the XML declaration says another encoding.',
    );
  });
});

describe('an encoding that nobody knows is refused by its name', () => {
  test.each([
    ['application/atom+xml; charset=utf-7', 'The encoding "utf-7" is not known.'],
    ['application/atom+xml; charset="Klingon-1"', 'The encoding "klingon-1" is not known.'],
    ['application/atom+xml; charset=<b>', 'The encoding that is declared is not known.'],
    [
      `application/atom+xml; charset=${'x'.repeat(99)}`,
      'The encoding that is declared is not known.',
    ],
  ])('%s', (contentType, message) => {
    expect(refusalOf(bytesOf(entry('x')), contentType)).toMatchObject({
      code: 'malformed',
      message,
    });
  });

  test('in the declaration', () => {
    const declared = entry('x', '<?xml version="1.0" encoding="UTF-32"?>');
    expect(refusalOf(bytesOf(declared)).message).toBe('The encoding "utf-32" is not known.');
  });
});

import { describe, expect, test } from 'bun:test';
import { readFileSync } from 'node:fs';
import * as fc from 'fast-check';
import type { TextBlock } from '../../src/message.ts';
import { plainText } from '../../src/translate/plain-text.ts';

const rtf = (text: string) => plainText([{ format: 'RTF', text }]);
const xhtml = (text: string) => plainText([{ format: 'XHTML', text }]);
const unknown = (text: string) => plainText([{ format: 'UNKNOWN', text }]);

function fixture(name: string): string {
  return readFileSync(`${import.meta.dir}/fixtures/${name}`, 'utf8');
}

function block(text: string, title?: string): TextBlock {
  return { format: 'UNKNOWN', text, ...(title === undefined ? {} : { title }) };
}

describe('RTF of many writers reads as its author saw it', () => {
  for (const writer of ['word', 'wordpad', 'simple', 'together', 'arabic', 'cyrillic', 'emoji']) {
    test(`${writer}.rtf gives ${writer}.txt`, () => {
      expect(rtf(fixture(`${writer}.rtf`))).toBe(fixture(`${writer}.txt`).trimEnd());
    });
  }

  test('line ends of Windows and a NUL after the document change nothing', () => {
    const text = `${fixture('wordpad.rtf').replaceAll('\n', '\r\n')}\0`;
    expect(rtf(text)).toBe(fixture('wordpad.txt').trimEnd());
  });

  test('characters outside ASCII that arrive decoded are kept', () => {
    expect(rtf('{\\rtf1\\ansi Señor Ж 😀}')).toBe('Señor Ж 😀');
  });

  test('without a font for another script, the code page of the document decodes Western fonts', () => {
    const text = String.raw`{\rtf1\ansi\ansicpg1251{\fonttbl{\f0\fcharset0 Arial;}}\f0 \'c4\'e0}`;
    expect(rtf(text)).toBe('Да');
  });

  test('a code page nobody knows is read as Windows-1252', () => {
    expect(rtf(String.raw`{\rtf1\ansi\ansicpg31337 caf\'e9}`)).toBe('café');
  });

  test('binary data is passed over, and a false claim to it takes no text away', () => {
    expect(rtf(String.raw`{\rtf1 a{\pict\bin4 }{}{}b\bin9999999999 c}`)).toBe('a[picture]bc');
  });

  test('text of a document that was cut off is kept', () => {
    expect(rtf(String.raw`{\rtf1{\fonttbl{\f0 Arial;}}{\b Take one\par at ni`)).toBe(
      'Take one\nat ni',
    );
  });

  test('a document cut off inside its header does not hide the next one', () => {
    expect(rtf(String.raw`{\rtf1{\fonttbl{\f0 Ari{\rtf1 Second}`)).toBe('Second');
  });

  test('too many closing braces and bad hex digits lose no text', () => {
    expect(rtf(String.raw`}{\rtf1 a}}}b\'zzc`)).toBe('abzzc');
  });

  test('lines of plain text around documents stay lines', () => {
    expect(rtf('Saved by\nZZTEST\n{\\rtf1 on\ne\\par}\n{\\rtf1 two}\nend')).toBe(
      'Saved by\nZZTEST\n\none\n\ntwo\nend',
    );
  });

  test('a table in a table keeps its rows apart', () => {
    const nested = String.raw`{\rtf1 \intbl x\nestcell y\nestcell{\*\nesttableprops\nestrow}{\nonesttables\par}z\cell\row}`;
    expect(rtf(nested)).toBe('x | y\nz');
  });
});

describe('XHTML', () => {
  test('letter.xhtml gives letter.txt', () => {
    expect(xhtml(fixture('letter.xhtml'))).toBe(fixture('letter.txt').trimEnd());
  });

  test('named, decimal and hexadecimal entities and CDATA are decoded once', () => {
    expect(xhtml('<p>&lt;b&gt; &#8217;&#x1F600; &amp;lt; <![CDATA[1 < 2 & 3]]></p>')).toBe(
      '<b> ’😀 &lt; 1 < 2 & 3',
    );
  });

  test('a table that lays out the page keeps its paragraphs', () => {
    expect(xhtml('<table><tr><td><p>One</p><p>Two</p></td></tr></table><p>Three</p>')).toBe(
      'One\n\nTwo\n\nThree',
    );
  });

  test('styles that hide are seen in every spelling', () => {
    const hiding = [
      'display:none',
      'color:red; VISIBILITY : hidden',
      'mso-hide:all',
      'font-size:0px',
    ];
    const hidden = hiding.map((style) => `<p style="${style}">secret<br/><b>deep</b></p>`).join('');
    expect(xhtml(`${hidden}<p style="font-size:0.9em;display:block">shown</p>`)).toBe('shown');
  });

  test('sloppy HTML is read as a browser reads it', () => {
    expect(xhtml('<P>one<P>two<BR>three</DIV><ul><li>a<li>b')).toBe(
      'one\n\ntwo\nthree\n\n• a\n• b',
    );
  });
});

describe('format', () => {
  test('content tells RTF and XHTML apart when OH does not', () => {
    expect(unknown('{\\rtf1 a\\par b}')).toBe('a\nb');
    expect(unknown('<div>a<br>b</div>')).toBe('a\nb');
  });

  test('plain text with angle brackets is no markup', () => {
    const text = 'BP <120 and >80, a<b, write <someone@example.test>\n\n  2 &lt; 3';
    expect(unknown(text)).toBe(text);
  });

  test('plain text that OH calls RTF stays plain, and RTF that OH calls XHTML is RTF', () => {
    expect(rtf('Dear Mr. Zztest,\r\n{hello} \\par')).toBe('Dear Mr. Zztest,\n{hello} \\par');
    expect(xhtml(' {\\rtf1 a\\par b}')).toBe('a\nb');
  });

  test('characters nobody can see are left out', () => {
    expect(unknown('\ufeffa\u200b\u0007b\u00a0c\u00ad \r\n\r\n')).toBe('ab c');
  });
});

describe('blocks', () => {
  test('one block stands alone, without its title', () => {
    expect(plainText([block('hello', 'Re: Refill')])).toBe('hello');
  });

  test('several come newest first, each under its title', () => {
    expect(plainText([block('new', 'Re:\nRefill'), block('older'), block('first', 'Refill')])).toBe(
      '----- Re: Refill -----\nnew\n\n-----\nolder\n\n----- Refill -----\nfirst',
    );
  });

  test('blocks without words are left out; a body without words is empty', () => {
    expect(plainText([block('{\\rtf1\\par}', 'x'), block('hello', 'y')])).toBe('hello');
    expect(plainText([block(' \n'), block('<p></p>')])).toBe('');
    expect(plainText([])).toBe('');
  });
});

describe('hostile bodies', () => {
  test.each([
    ['RTF groups', '{\\rtf1'.concat('{'.repeat(100_000))],
    ['XHTML elements', '<div>'.repeat(100_000)],
    ['XHTML elements and stray ends', '<b></i>'.repeat(100_000)],
  ])('%s nested without end are rejected, not half read', (_what, text) => {
    expect(unknown(text)).toMatchObject({
      kind: 'rejected',
      code: 'translate:unreadable-body',
      reason: expect.stringContaining('nested too deep'),
    });
  });

  test('a body over the size limit is rejected', () => {
    expect(unknown('a'.repeat(16 * 1024 * 1024 + 1))).toMatchObject({
      code: 'translate:unreadable-body',
    });
  });

  // Sizes at which anything worse than linear time would run into the test's time limit.
  test.each([
    ['short lines', '{\\rtf1 '.concat('a\n'.repeat(300_000)), 300_000],
    ['hex bytes', '{\\rtf1 '.concat("\\'e9".repeat(300_000)), 300_000],
    ['binary claims', '{\\rtf1 '.concat('\\bin1 }\\bin2000000000 a'.repeat(100_000)), 100_000],
    ['trailing spaces', '{\\rtf1 '.concat(' '.repeat(300_000), 'x'), 300_001],
    [
      'links',
      '{\\rtf1 '.concat('{\\field{\\*\\fldinst HYPERLINK "x:"}{\\fldrslt a}}'.repeat(30_000)),
      30_000,
    ],
    ['table cells', '<tr>'.concat('<td>a'.repeat(100_000)), 399_997],
    ['lists in lists', '<ul><li>'.repeat(200).concat('<li>a'.repeat(20_000)), 20_000 * 20 - 1],
    ['white space', '<p>'.concat(' '.repeat(300_000), 'x'), 1],
    ['styles', `<p style="${'; '.repeat(300_000)}">x</p>`, 1],
  ])('%s by the hundred thousand are read whole', (_what, text, length) => {
    expect(unknown(text)).toHaveLength(length);
  });

  const scraps = fc.oneof(
    fc.constantFrom(
      '{\\rtf1',
      '{',
      '}',
      '\\',
      '\\*',
      "\\'",
      "\\'9f",
      '\\u-10179?',
      '\\uc3',
      '\\bin7 ',
      '\\f1',
      '{\\fonttbl{\\f1\\fcharset128 __proto__;}}',
      '{\\field{\\*\\fldinst HYPERLINK "',
      '{\\fldrslt',
      '\\cell',
      '\\row',
      '\\super',
      '{\\upr',
      '{\\*\\ud',
      '\\pict',
      '\\ansicpg99999',
      '\\rtlch\\af1',
      '<p>',
      '</p>',
      '<td',
      '<tr>',
      '<a href="https://x.test">',
      '</a>',
      '<![CDATA[',
      '<!--',
      '<pre>',
      '<sup>',
      '<li value="7">',
      '<ol start="-1">',
      '&#x110000;',
      '&nbsp;',
      '<svg/>',
      '<script>',
    ),
    fc.string({ unit: 'binary', maxLength: 8 }),
    fc.constantFrom('\ud83d', '\udc00', '\0', '\r\n'),
  );
  const garbage = fc.array(scraps, { maxLength: 60 }).map((parts) => parts.join(''));
  const format = fc.constantFrom('RTF', 'XHTML', 'UNKNOWN');

  test('any garbage gives well-formed text in normal form, and never an exception', () => {
    fc.assert(
      fc.property(format, garbage, (declared, text) => {
        const found = plainText([{ format: declared, text }]);
        if (typeof found !== 'string') throw new Error('rejected');
        expect(found.isWellFormed()).toBe(true);
        expect(found).not.toMatch(/(?![\n\t])\p{Cc}|[^\S\n]$|^\n|\n$/u);
      }),
      { numRuns: 400 },
    );
  });

  test('text that RTF escapes comes back unchanged', () => {
    const words = fc.string({
      unit: fc.constantFrom('a', '\\', '{', '}', 'é', 'م', '😀', '.'),
      minLength: 1,
    });
    fc.assert(
      fc.property(words, (text) => {
        const escaped = text
          .replace(/[\\{}]/g, '\\$&')
          .replace(/[^ -~]/g, (unit) => `\\u${(unit.charCodeAt(0) << 16) >> 16}?`);
        expect(rtf(`{\\rtf1\\ansi ${escaped}}`)).toBe(text);
      }),
    );
  });
});

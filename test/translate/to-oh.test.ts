import { describe, expect, test } from 'bun:test';
import * as fc from 'fast-check';
import { XMLValidator } from 'fast-xml-parser';
import type { Attachment, Send, ToOh, Undelivered } from '../../src/message.ts';
import { plainText } from '../../src/translate/plain-text.ts';
import { toOh } from '../../src/translate/to-oh.ts';

const send: Send = {
  icn: '1012345678V123456',
  subject: 'Refill question',
  body: 'Thank you.',
  receivingPoolId: '2000001',
};

function translated(change: Partial<Send>): ToOh {
  const result = toOh({ ...send, ...change }, '1000001');
  if ('kind' in result) throw new Error(`${result.code} ${result.reason}`);
  return result;
}

function refused(change: Partial<Send>): Undelivered {
  const result = toOh({ ...send, ...change }, '1000001');
  if (!('kind' in result)) throw new Error('was translated');
  expect(result.kind).toBe('rejected');
  return result;
}

/** What stands in the body element of the XHTML. */
function bodyOf(body: string): string | undefined {
  return /<body>(.*)<\/body>/s.exec(translated({ body }).xhtml)?.[1];
}

function file(change: Partial<Attachment> = {}): Attachment {
  return { name: 'a.txt', mimeType: 'text/plain', contentBase64: 'YQ==', ...change };
}

function codeFor(...attachments: Attachment[]): string {
  return refused({ attachments }).code;
}

function base64OfBytes(bytes: number): string {
  return Buffer.alloc(bytes).toString('base64');
}

const mebibytes = 1024 * 1024;

test('a reply with a file becomes what OH wants', () => {
  const attachments = [{ name: 'label.JPG', mimeType: 'image/jpg', contentBase64: 'AAEC' }];
  expect(
    translated({
      category: 'OTHER',
      inReplyToOhMessageId: '3:-6:0:0',
      mhvMessageId: '7',
      attachments,
    }),
  ).toEqual({
    direction: 'mhv-to-oh',
    icn: '1012345678V123456',
    ohPatientId: '1000001',
    receivingPoolId: '2000001',
    subject: 'Refill question',
    xhtml:
      '<html xmlns="http://www.w3.org/1999/xhtml"><head><title>Secure message</title></head>' +
      '<body><p>Thank you.</p></body></html>',
    previousMessageId: '3:-6:0:0',
    mhvMessageId: '7',
    attachments: [{ name: 'label.JPG', mimeType: 'image/jpeg', contentBase64: 'AAEC' }],
  });
});

test('what a send does not say is not in the result', () => {
  expect(Object.keys(translated({})).toSorted()).toEqual([
    'attachments',
    'direction',
    'icn',
    'ohPatientId',
    'receivingPoolId',
    'subject',
    'xhtml',
  ]);
});

describe('body', () => {
  test('paragraphs, line breaks, indents and runs of spaces are kept', () => {
    expect(bodyOf('\n \n  One,\r\ntwo   three\n\nfour\n\n\n\tfive\v<six> & "seven"  \n')).toBe(
      '<p>&#160;&#160;One,<br />two &#160;&#160;three</p><p>four</p>' +
        '<p><br />&#160;&#160;&#160;&#160;five<br />&#60;six&#62; &#38; &#34;seven&#34;</p>',
    );
  });

  test('every character outside ASCII is a numeric reference', () => {
    expect(bodyOf('Señor 😀 مرحبا')).toBe(
      '<p>Se&#241;or &#128512; &#1605;&#1585;&#1581;&#1576;&#1575;</p>',
    );
  });

  test('characters that XML forbids are refused by code point, never dropped', () => {
    expect(refused({ body: 'a\u0000b\ud800c\uffff\u0000' })).toMatchObject({
      code: 'translate:body-characters',
      reason: 'The text holds characters that XML forbids: U+0000, U+D800, U+FFFF.',
    });
  });

  test('a blank body is refused, unless files are attached', () => {
    expect(refused({ body: ' \n\t' }).code).toBe('translate:empty-body');
    const attachments = [{ name: 'a.txt', mimeType: 'text/plain', contentBase64: 'YQ==' }];
    expect(translated({ body: ' \n', attachments }).xhtml).toContain('<body><p></p></body>');
  });

  const allowed = fc.oneof(
    fc.constantFrom(' ', ' ', '\n', '\n', '\t', '\r\n', '<', '&', '"', ']]>', '&#160;'),
    fc
      .string({ unit: 'binary', maxLength: 3 })
      .map((text) => text.replace(/(?![\t\n\u007f-\u009f])\p{Cc}|[\ufffe\uffff]/gu, '')),
  );
  const anyText = fc.array(allowed, { maxLength: 40 }).map((parts) => `x${parts.join('')}y`);

  test('any text comes back whole from pure ASCII and well-formed XML', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        const { xhtml } = translated({ body: text });
        expect(xhtml).toMatch(/^[ -~]*$/);
        expect(XMLValidator.validate(xhtml)).toBe(true);
        expect(decoded(xhtml)).toBe(
          text.replace(/\r\n?/g, '\n').replaceAll('\t', '    ').replaceAll('\u00a0', ' '),
        );
      }),
      { numRuns: 300 },
    );
  });

  test('what the exchange writes for OH it reads back as it was', () => {
    const unit = fc.constantFrom('a', '1', '<', '&', ' ', ' ', '\n', '\n', 'é', '😀', '"', '|');
    fc.assert(
      fc.property(fc.string({ unit, maxLength: 40 }), (text) => {
        const lines = `x${text}y`.split('\n').map((line) => line.trimEnd());
        const { xhtml } = translated({ body: `x${text}y` });
        expect(plainText([{ format: 'XHTML', text: xhtml }])).toBe(lines.join('\n'));
      }),
      { numRuns: 300 },
    );
  });
});

/** Undoes the document by its written rules only, sharing nothing with the readers under test. */
function decoded(xhtml: string): string {
  const body = xhtml.slice(xhtml.indexOf('<body><p>') + 9, xhtml.indexOf('</p></body>'));
  return body
    .replaceAll('</p><p>', '\n\n')
    .replaceAll('<br />', '\n')
    .replace(/&#(\d+);/g, (_reference, code) => String.fromCodePoint(Number(code)))
    .replaceAll('\u00a0', ' ');
}

describe('subject', () => {
  test('characters that Windows-1252 and Windows-1256 share are kept', () => {
    const subject = '“Réponse” – 5 € ± œuf… <b>&amp; 100 %';
    expect(translated({ subject }).subject).toBe(subject);
  });

  test('decomposed accents are composed, white space around and line ends are evened out', () => {
    expect(translated({ subject: ' Re\u0301ponse\r\ntwo\tthree ' }).subject).toBe(
      'Réponse two three',
    );
  });

  test.each([
    ['😀 hello', 'U+1F600'],
    ['Привет', 'U+041F, U+0440, U+0438, U+0432, U+0435, U+0442'],
    ['niño', 'U+00F1'],
    ['مرحبا', 'U+0645, U+0631, U+062D, U+0628, U+0627'],
    ['bell\u0007', 'U+0007'],
    ['half \ud83d', 'U+D83D'],
    [
      'αβγδεζηθικλμ',
      'U+03B1, U+03B2, U+03B3, U+03B4, U+03B5, U+03B6, U+03B7, U+03B8, U+03B9, U+03BA and 2 more',
    ],
  ])('%s is refused, naming code points only', (subject, named) => {
    const { code, reason } = refused({ subject });
    expect(code).toBe('translate:subject-characters');
    expect(reason).toEndWith(`: ${named}.`);
  });

  test('a blank one is refused, and one over 255 characters', () => {
    expect(refused({ subject: ' \t ' }).code).toBe('translate:empty-subject');
    expect(translated({ subject: 'a'.repeat(255) }).subject).toHaveLength(255);
    expect(refused({ subject: 'a'.repeat(256) }).code).toBe('translate:subject-too-long');
  });
});

describe('attachments', () => {
  test('ten are taken, eleven are not', () => {
    expect(
      translated({ attachments: Array.from({ length: 10 }, () => file()) }).attachments,
    ).toHaveLength(10);
    expect(codeFor(...Array.from({ length: 11 }, () => file()))).toBe(
      'translate:too-many-attachments',
    );
  });

  test('25 MB are taken, one byte more is not, alone or together', () => {
    const whole = base64OfBytes(25 * mebibytes);
    expect(translated({ attachments: [file({ contentBase64: whole })] }).attachments).toHaveLength(
      1,
    );
    expect(codeFor(file({ contentBase64: base64OfBytes(25 * mebibytes + 1) }))).toBe(
      'translate:attachment-too-large',
    );
    expect(codeFor(file({ contentBase64: whole }), file())).toBe('translate:attachments-too-large');
  });

  test.each(['YQ', 'YQ=', 'Y===', 'YW Jj', 'YQ==YQ==', 'data:,a', 'YW\nJ', 'Y-_j'])(
    'content %j is not base64',
    (contentBase64) => {
      expect(codeFor(file({ contentBase64 }))).toBe('translate:attachment-encoding');
    },
  );

  test('an empty file is refused', () => {
    expect(codeFor(file({ contentBase64: '' }))).toBe('translate:attachment-empty');
  });

  test.each([
    ['scan.PDF', 'application/pdf; name=x', 'application/pdf'],
    ['photo.jpg', 'image/jpg', 'image/jpeg'],
    ['notes.rtf', 'text/rtf', 'application/rtf'],
    ['list.csv', 'application/vnd.ms-excel', 'text/csv'],
    ['walk.mov', 'application/octet-stream', 'video/quicktime'],
  ])('%s given as %s goes as %s', (name, given, mimeType) => {
    const attachments = [file({ name, mimeType: given })];
    expect(translated({ attachments }).attachments[0]).toMatchObject({ name, mimeType });
  });

  test.each([
    ['run.exe', 'application/octet-stream'],
    ['page.html', 'text/html'],
    ['scan.pdf', 'text/html'],
    ['scan', 'application/pdf'],
    ['scan.pdf.exe', 'application/pdf'],
    ['a.constructor', 'text/plain'],
  ])('%s given as %s is refused', (name, mimeType) => {
    expect(codeFor(file({ name, mimeType }))).toBe('translate:attachment-type');
  });

  test.each(['', ' ', `${'a'.repeat(252)}.txt`, '../a.txt', 'a\\b.txt', 'a\u0000.txt'])(
    'name %j is refused',
    (name) => {
      expect(codeFor(file({ name }))).toBe('translate:attachment-name');
    },
  );

  test('characters of a name that OH may lose are replaced, the file is not touched', () => {
    const name = 'Screenshot 9.41\u202fAM ñ 😀.txt';
    expect(translated({ attachments: [file({ name })] }).attachments).toEqual([
      file({ name: 'Screenshot 9.41 AM _ _.txt' }),
    ]);
  });

  test('reasons never name the file', () => {
    const { reason } = refused({ attachments: [file(), file({ name: 'ZZTEST results.exe' })] });
    expect(reason).toBe('Attachment 2 is not of an accepted file type, or its media type differs.');
  });
});

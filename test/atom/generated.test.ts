import { expect, test } from 'bun:test';
import { readdirSync, readFileSync } from 'node:fs';
import * as fc from 'fast-check';
import { parseAtom } from '../../src/atom/parse.ts';
import { ExchangeError } from '../../src/errors.ts';

const atom = 'http://www.w3.org/2005/Atom';
const bytesOf = (text: string) => new TextEncoder().encode(text);
const fixtures = readdirSync(`${import.meta.dir}/fixtures`)
  .filter((file) => file.endsWith('.xml'))
  .map((file) => new Uint8Array(readFileSync(`${import.meta.dir}/fixtures/${file}`)));

/** Whether the document was read or refused as promised; any other error is thrown on. */
function isReadOrRefused(bytes: Uint8Array, contentType?: string): boolean {
  try {
    const { entries, rejected } = parseAtom(bytes, { contentType, baseUrl: 'https://oh.test/' });
    return entries.length + rejected.length >= 0;
  } catch (error) {
    if (!(error instanceof ExchangeError)) throw error;
    return error.code === 'malformed' || error.code === 'too-large';
  }
}

test('any bytes under any content type are read or refused', () => {
  const contentType = fc.option(
    fc.oneof(
      fc.string(),
      fc
        .constantFrom(
          'utf-8',
          'utf-16',
          'shift_jis',
          'iso-2022-jp',
          'gb18030',
          'x-user-defined',
          '"',
        )
        .map((charset) => `application/atom+xml; charset=${charset}`),
    ),
    { nil: undefined },
  );
  const property = fc.property(fc.uint8Array({ maxLength: 200 }), contentType, isReadOrRefused);
  fc.assert(property, { numRuns: 500 });
});

test('any damage to a real document is read or refused', () => {
  const damage = fc.record({
    at: fc.nat(),
    remove: fc.nat(20),
    insert: fc.oneof(
      fc.uint8Array({ maxLength: 4 }),
      fc
        .constantFrom(
          ...`<|>|/|"|'|&|;|=|:|<!--|-->|<![CDATA[|]]>|<?|?>|<!DOCTYPE a>|xmlns:a=""|xmlns="b"|&#0;`.split(
            '|',
          ),
          ...'&#xfffff;|</entry>|<entry>|\0|\ufffe|\ufeff|\u2028|<a:b/>|<constructor>|__proto__="1"|<a/ >'.split(
            '|',
          ),
        )
        .map(bytesOf),
    ),
  });
  const property = fc.property(
    fc.constantFrom(...fixtures),
    fc.array(damage, { minLength: 1, maxLength: 4 }),
    (document, damages) => {
      let bytes = document;
      for (const { at, remove, insert } of damages) {
        const start = at % (bytes.length + 1);
        bytes = Buffer.concat([bytes.subarray(0, start), insert, bytes.subarray(start + remove)]);
      }
      return isReadOrRefused(bytes);
    },
  );
  fc.assert(property, { numRuns: 800 });
});

test('any pile of markup is read or refused', () => {
  const piece = fc.constantFrom(
    ...`</feed>|<entry>|</entry>|<id>|</id>|<a |/>|>|<!--|-->|<![CDATA[|]]>|<?p|?>|"|'|=|&amp;|&`.split(
      '|',
    ),
    ...'xmlns:p="q"|p:a|<p:a>|</p:a>| |\n|text|2025-10-08T00:00:00Z|<updated>|</updated>|<link'.split(
      '|',
    ),
    ...' href="|http://[|xml:base="|toString|\u1680|\u00e9|\u{1f600}|<!D|!|#'.split('|'),
  );
  const property = fc.property(fc.array(piece, { maxLength: 40 }), (pieces) =>
    isReadOrRefused(bytesOf(`<feed xmlns="${atom}"><entry>${pieces.join('')}`)),
  );
  fc.assert(property, { numRuns: 800 });
});

/** Elements of any name and nesting, well formed, in namespaces that are declared. */
const tree = fc.letrec<{ node: string; element: string }>((tie) => ({
  node: fc.oneof(
    { depthSize: 'small' },
    fc.string({ unit: 'grapheme', maxLength: 10 }).map(escaped),
    fc.constantFrom('<![CDATA[ <a> & ]]>', '<!-- <a> & -->', '<?p "<a>\' ?>', '\r\n'),
    tie('element'),
  ),
  element: fc
    .tuple(
      fc.constantFrom(
        'a',
        'p:a',
        'id',
        'entry',
        'constructor',
        '__proto__',
        'p:toString',
        '\u00e9\u3042',
      ),
      fc.uniqueArray(fc.constantFrom('b', 'p:b', 'xml:lang', 'xmlns', 'xmlns:p', 'valueOf')),
      fc.array(tie('node'), { maxLength: 4 }),
    )
    .map(([name, attributes, children]) => {
      const written = attributes.map((attribute) => ` ${attribute}='urn:"${name}'`).join('');
      const body = children.join('');
      return body === '' ? `<${name}${written} />` : `<${name}${written}>${body}</${name}\n>`;
    }),
}));

test('any well-formed extension leaves the entry as it is', () => {
  const property = fc.property(fc.array(tree.element, { maxLength: 4 }), (extensions) => {
    const inner = extensions.join('<!-- - -->');
    const text = `<feed xmlns="${atom}" xmlns:p="urn:p"><entry><id>urn:1</id><q:x xmlns:q="urn:q" xmlns="urn:r">${inner}</q:x><updated>2025-10-08T00:00:00Z</updated></entry></feed>`;
    const { entries, rejected } = parseAtom(bytesOf(text));
    expect(rejected).toEqual([]);
    expect(entries[0]?.id).toBe('urn:1');
    expect(entries[0]?.extensions.map(({ name }) => name)).toEqual(['x']);
  });
  fc.assert(property, { numRuns: 300 });
});

test('entries that are written and read again are the same entries', () => {
  const words = fc.string({ unit: 'grapheme', maxLength: 40 }).map(legal);
  const written = fc.record({
    id: words.filter((id) => id.trim() === id && id !== ''),
    title: words,
    extension: words,
    attribute: words,
    instant: fc.integer({ min: Date.UTC(1, 0, 1), max: Date.UTC(9998, 0, 1) }),
    offsetMinutes: fc.integer({ min: -23 * 60, max: 23 * 60 }),
    useCdata: fc.boolean(),
    prefix: fc.constantFrom('', 'a:', 'atom:'),
  });
  const property = fc.property(fc.array(written, { maxLength: 5 }), (all) => {
    const document = `<f:feed xmlns:f="${atom}">${all.map(serialised).join('\n')}</f:feed>`;
    const { entries, rejected } = parseAtom(bytesOf(document));
    expect(rejected).toEqual([]);
    const read = entries.map(({ id, title, updatedAt, extensions: [extension] }) => ({
      id,
      title: title?.text,
      instant: updatedAt,
      extension: extension?.text,
      attribute: extension?.attributes['value'],
    }));
    const expected = all.map(({ id, title, instant, extension, attribute }) => ({
      id,
      title: title.replace(/^[ \t\n]+|[ \t\n]+$/g, ''),
      instant,
      extension,
      attribute,
    }));
    expect(read).toEqual(expected);
  });
  fc.assert(property, { numRuns: 300 });
});

interface Written {
  id: string;
  title: string;
  extension: string;
  attribute: string;
  instant: number;
  offsetMinutes: number;
  useCdata: boolean;
  prefix: string;
}

function serialised(entry: Written): string {
  const { prefix, id, title, extension, attribute, useCdata } = entry;
  const declaration = prefix === '' ? 'xmlns' : `xmlns:${prefix.slice(0, -1)}`;
  const inside = (text: string) =>
    useCdata ? `<![CDATA[${text.replaceAll(']]>', ']]]]><![CDATA[>')}]]>` : escaped(text);
  return [
    `<${prefix}entry ${declaration}="${atom}">`,
    `<${prefix}id>\n  ${inside(id)}\n</${prefix}id>`,
    `<${prefix}title>${inside(title)}</${prefix}title>`,
    `<${prefix}updated>${dateOf(entry)}</${prefix}updated>`,
    `<x xmlns="urn:x" value="${escaped(attribute)}">${inside(extension)}</x>`,
    `</${prefix}entry>`,
  ].join('');
}

function dateOf({ instant, offsetMinutes }: Written): string {
  const local = new Date(instant + offsetMinutes * 60_000).toISOString().slice(0, -1);
  const [hours, minutes] = [Math.abs(offsetMinutes) / 60, Math.abs(offsetMinutes) % 60];
  const sign = offsetMinutes < 0 ? '-' : '+';
  const two = (part: number) => String(Math.floor(part)).padStart(2, '0');
  return `${local}${sign}${two(hours)}:${two(minutes)}`;
}

/** Drops what XML 1.0 can't hold, and the line ends that it makes one. */
function legal(text: string): string {
  return text.replace(/[^\t\n\u0020-\u{d7ff}\u{e000}-\u{fffd}\u{10000}-\u{10ffff}]/gu, '');
}

function escaped(text: string): string {
  return legal(text).replace(/[<>&"'\t\n]/g, (character) => `&#${character.charCodeAt(0)};`);
}

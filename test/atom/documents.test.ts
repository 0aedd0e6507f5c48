import { describe, expect, test } from 'bun:test';
import { readdirSync } from 'node:fs';
import { archiveLinks } from '../../src/atom/archive.ts';
import { parseAtom } from '../../src/atom/parse.ts';

const fixtures = `${import.meta.dir}/fixtures`;

async function read(name: string) {
  return parseAtom(await Bun.file(`${fixtures}/${name}.xml`).bytes());
}

function xml(text: string) {
  return new TextEncoder().encode(text);
}

describe('each document of a generator is read to what it says', () => {
  const names = readdirSync(fixtures)
    .filter((file) => file.endsWith('.xml'))
    .map((file) => file.slice(0, -'.xml'.length));

  test.each(names)('%s', async (name) => {
    const { rejected, ...document } = await read(name);
    const faults = rejected.map(({ error, ...rest }) => {
      const { code, message, line, element } = error;
      return { ...rest, error: { code, message, line, element } };
    });
    const expected = await Bun.file(`${fixtures}/${name}.json`).json();
    expect({ ...document, rejected: faults }).toEqual(expected);
  });
});

describe('what a document is', () => {
  test('the root element decides whether it is a feed or an entry, not the media type', async () => {
    const bytes = await Bun.file(`${fixtures}/single-entry-prefixed.xml`).bytes();
    const contentType = 'application/atom+xml;type=feed';
    expect(parseAtom(bytes, { contentType }).kind).toBe('entry');
  });

  test('a feed without entries is a feed without entries', () => {
    const document = parseAtom(xml('<feed xmlns="http://www.w3.org/2005/Atom"/>'));
    expect(document.entries).toEqual([]);
    expect(document.rejected).toEqual([]);
  });

  test('an archive page says so and links the page before it and the live feed', async () => {
    const document = await read('archive-page');
    expect(document.isArchive).toBe(true);
    expect(archiveLinks(document)).toEqual({
      prevArchive: 'https://oh.example.test/feeds/messages/archive/40',
      current: 'https://oh.example.test/feeds/messages',
    });
  });

  test('all links of RFC 5005 are found by their relation, and the first of a kind counts', () => {
    const relations = ['next', 'previous', 'first', 'last', 'next-archive', 'prev-archive'];
    const links = [...relations, 'next', 'toString'].map(
      (rel, index) => `<link rel="${rel}" href="https://oh.example.test/${index}"/>`,
    );
    const document = parseAtom(
      xml(`<feed xmlns="http://www.w3.org/2005/Atom">${links.join('')}</feed>`),
    );
    expect(archiveLinks(document)).toEqual({
      next: 'https://oh.example.test/0',
      previous: 'https://oh.example.test/1',
      first: 'https://oh.example.test/2',
      last: 'https://oh.example.test/3',
      nextArchive: 'https://oh.example.test/4',
      prevArchive: 'https://oh.example.test/5',
    });
  });
});

describe('what references are relative to', () => {
  const entry = (link: string, attributes = '') =>
    xml(
      `<entry xmlns="http://www.w3.org/2005/Atom" ${attributes}><id>urn:example:1</id><updated>2025-10-08T00:00:00Z</updated>${link}</entry>`,
    );
  const hrefOf = (bytes: Uint8Array, baseUrl?: string) =>
    parseAtom(bytes, { baseUrl }).entries[0]?.links[0]?.href;

  test('the base of the caller counts where the document gives none', () => {
    expect(hrefOf(entry('<link href="a"/>'), 'https://oh.example.test/f/x')).toBe(
      'https://oh.example.test/f/a',
    );
  });

  test('a base in the document is relative to that of the caller', () => {
    const bytes = entry('<link href="a"/>', 'xml:base="../g/"');
    expect(hrefOf(bytes, 'https://oh.example.test/f/x')).toBe('https://oh.example.test/g/a');
  });

  test('without a base, and with one that can not be read, a reference stays as written', () => {
    expect(hrefOf(entry('<link href="a/b"/>'))).toBe('a/b');
    expect(hrefOf(entry('<link href="a/b"/>', 'xml:base="http://["'))).toBe('a/b');
    expect(hrefOf(entry('<link href="a/b"/>'), 'no base')).toBe('a/b');
  });

  test('white space around a reference is none of it', () => {
    expect(hrefOf(entry('<link href="\n https://oh.example.test/a\t"/>'))).toBe(
      'https://oh.example.test/a',
    );
  });
});

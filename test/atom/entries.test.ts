import { describe, expect, test } from 'bun:test';
import { parseAtom } from '../../src/atom/parse.ts';

const id = '<id>urn:example:1</id>';
const updated = '<updated>2025-10-08T00:00:00Z</updated>';
const good = `<entry>${id}${updated}</entry>`;

/** A feed with a good entry, the given one on line 3, and a good one. */
function feedAround(entry: string) {
  const text = `<feed xmlns="http://www.w3.org/2005/Atom">\n${good}\n${entry}\n${good}</feed>`;
  return parseAtom(new TextEncoder().encode(text));
}

describe('one bad entry is put aside and sinks no other', () => {
  const secret = 'ZZTEST-7929590';
  const cases: [outcome: string, entry: string, element: string, message: string][] = [
    ['no id', `<entry>${updated}</entry>`, '', 'atom:id is missing'],
    ['an empty id', `<entry><id> </id>${updated}</entry>`, '/id', 'atom:id is empty'],
    [
      'an id too long for a key',
      `<entry><id>${secret.repeat(200)}</id>${updated}</entry>`,
      '/id',
      'atom:id is longer than 2048 characters',
    ],
    ['two ids', `<entry>${id}${id}${updated}</entry>`, '/id[2]', 'atom:id comes more than once'],
    ['no date', `<entry>${id}</entry>`, '', 'atom:updated is missing'],
    [
      'two dates',
      `<entry>${id}${updated}${updated}</entry>`,
      '/updated[2]',
      'atom:updated comes more than once',
    ],
    ...[
      '2025-10-08T00:00:00',
      '2025-10-08',
      '2025-10-08 00:00:00Z',
      '2025-02-29T00:00:00Z',
      '2025-13-01T00:00:00Z',
      '2025-10-00T00:00:00Z',
      '2025-10-08T24:00:00Z',
      '2025-10-08T00:60:00Z',
      '2025-10-08T00:00:61Z',
      '2025-10-08T00:00:00.Z',
      '2025-10-08T00:00:00+24:00',
      '2025-10-08T00:00:00+0400',
      'Wed, 08 Oct 2025 00:00:00 GMT',
      '1759881600',
      secret,
      '',
    ].map((date): [string, string, string, string] => [
      `the date "${date}"`,
      `<entry>${id}<updated>${date}</updated></entry>`,
      '/updated',
      'atom:updated is no date and time of RFC 3339 with an offset',
    ]),
    [
      'a link without href',
      `<entry>${id}${updated}<link href="https://oh.example.test/"/><link rel="${secret}"/></entry>`,
      '/link[2]',
      'atom:link has no href that is a reference',
    ],
    [
      'a link to nowhere',
      `<entry>${id}${updated}<link href="https://[${secret}"/></entry>`,
      '/link[1]',
      'atom:link has no href that is a reference',
    ],
  ];

  test.each(cases)('%s', (_, entry, element, message) => {
    const { entries, rejected } = feedAround(entry);
    expect(entries.map(({ index }) => index)).toEqual([0, 2]);
    expect(rejected).toHaveLength(1);
    const [{ error, ...place } = { error: undefined }] = rejected;
    expect(place).toMatchObject({ element: 'feed/entry[2]', line: 3 });
    expect(error).toMatchObject({ code: 'malformed', element: `feed/entry[2]${element}`, line: 3 });
    expect(error?.message).toBe(`${message} (feed/entry[2]${element}, line 3).`);
    expect(error?.message).not.toContain(secret);
  });

  test('the id of a bad entry is kept with its rejection when it can be read', () => {
    expect(feedAround(`<entry>${id}</entry>`).rejected[0]?.atomId).toBe('urn:example:1');
    expect(feedAround(`<entry>${id}${id}</entry>`).rejected[0]?.atomId).toBeUndefined();
  });

  test('a single entry that is bad is rejected, not thrown', () => {
    const text = `<entry xmlns="http://www.w3.org/2005/Atom">${id}</entry>`;
    const document = parseAtom(new TextEncoder().encode(text));
    expect(document.entries).toEqual([]);
    expect(document.rejected[0]).toMatchObject({ element: 'entry', line: 1 });
  });

  test('lines are right in a long document with comments and Windows line ends', () => {
    const lines = [
      '<?xml version="1.0"?>',
      '<feed xmlns="http://www.w3.org/2005/Atom">',
      '<!-- <entry>',
      '</entry> -->',
      '<entry><?pi <entry> ?>',
      '<id><![CDATA[<entry>]]></id>',
      '<updated>never</updated>',
      '</entry>',
      '</feed>',
    ];
    const { rejected } = parseAtom(new TextEncoder().encode(lines.join('\r\n')));
    expect(rejected[0]?.line).toBe(5);
    expect(rejected[0]?.error).toMatchObject({ line: 7, column: 1 });
  });
});

describe('what identifies a version of an entry', () => {
  const entryOf = (parts: string) => {
    const text = `<entry xmlns="http://www.w3.org/2005/Atom">${parts}</entry>`;
    return parseAtom(new TextEncoder().encode(text)).entries[0];
  };

  test('an id is kept character by character but for XML white space around it', () => {
    const written = '\n\t HTTP://Example.test/%7e/../A?b=&amp;#\u00a0 \n';
    expect(entryOf(`<id>${written}</id>${updated}`)?.id).toBe(
      'HTTP://Example.test/%7e/../A?b=&#\u00a0',
    );
  });

  test('an id may be broken up by comments, CDATA sections and references', () => {
    expect(entryOf(`<id>urn:<!-- a -->exam<![CDATA[ple&amp;]]>&#58;1</id>${updated}`)?.id).toBe(
      'urn:example&amp;:1',
    );
  });

  test.each([
    ['2025-10-08T14:15:47Z', Date.UTC(2025, 9, 8, 14, 15, 47)],
    ['2025-10-08t14:15:47z', Date.UTC(2025, 9, 8, 14, 15, 47)],
    ['2025-10-08T10:15:47-04:00', Date.UTC(2025, 9, 8, 14, 15, 47)],
    ['2025-10-08T23:45:47+09:30', Date.UTC(2025, 9, 8, 14, 15, 47)],
    ['2025-10-08T14:15:47-00:00', Date.UTC(2025, 9, 8, 14, 15, 47)],
    ['2025-10-08T14:15:47.5Z', Date.UTC(2025, 9, 8, 14, 15, 47, 500)],
    ['2025-10-08T14:15:47.1239999Z', Date.UTC(2025, 9, 8, 14, 15, 47, 123)],
    ['2016-12-31T23:59:60Z', Date.UTC(2017, 0, 1)],
    ['2024-02-29T00:00:00Z', Date.UTC(2024, 1, 29)],
    ['0001-01-01T00:00:00Z', -62_135_596_800_000],
    [' \n2025-10-08T14:15:47Z\t', Date.UTC(2025, 9, 8, 14, 15, 47)],
  ])('%p is the instant %d', (date, instant) => {
    expect(entryOf(`${id}<updated>${date}</updated>`)?.updatedAt).toBe(instant);
  });

  test('long and short pieces of text keep their places, whatever stands between them', () => {
    const summary =
      'Short, <!-- then -->a much longer piece &amp; a reference, <?then?>another long piece of it, <![CDATA[a <section> with a & in it, ]]>end &lt; of it.';
    const content =
      '<div xmlns="http://www.w3.org/1999/xhtml">The first long piece of it, <b>b</b>, <i>the long middle of it, </i>c, and a long last piece.</div>';
    const { entries } = feedAround(
      `<entry>${id}${updated}<summary>${summary}</summary><content type="xhtml">${content}</content></entry>`,
    );
    expect(entries[1]?.summary?.text).toBe(
      'Short, a much longer piece & a reference, another long piece of it, a <section> with a & in it, end < of it.',
    );
    expect(entries[1]?.content?.text).toBe(
      'The first long piece of it, b, the long middle of it, c, and a long last piece.',
    );
  });

  test('a bad publication date and a bad hint of a parent sink nothing', () => {
    const entry = entryOf(
      `${id}${updated}<published>once</published><in-reply-to xmlns="http://purl.org/syndication/thread/1.0" href="https://["/>`,
    );
    expect(entry?.published).toBe('once');
    expect(entry?.inReplyTo).toEqual([{}]);
  });
});

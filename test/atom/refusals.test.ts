import { describe, expect, test } from 'bun:test';
import type { AtomLimits } from '../../src/atom/limits.ts';
import { parseAtom } from '../../src/atom/parse.ts';
import { ExchangeError } from '../../src/errors.ts';

const atom = 'xmlns="http://www.w3.org/2005/Atom"';
const bytesOf = (text: string) => new TextEncoder().encode(text);

function refusalOf(text: string | Uint8Array, limits: Partial<AtomLimits> = {}): ExchangeError {
  try {
    parseAtom(typeof text === 'string' ? bytesOf(text) : text, { limits });
  } catch (error) {
    if (error instanceof ExchangeError) return error;
    throw error;
  }
  throw new Error('The document was not refused.');
}

/** Inside a feed, on line 2. */
const inFeed = (text: string) => `<feed ${atom}>\n${text}</feed>`;

describe('what is not XML 1.0 is refused with its line', () => {
  const cases: [string, message: string, line: number][] = [
    ['', 'The document is empty.', 0],
    [' \n', 'The document has no element', 2],
    ['<!-- only -->', 'The document has no element', 1],
    [inFeed('<entry>'), 'Expected the end tag of entry', 2],
    [`<feed ${atom}>\n<a>`, 'The document ends before the end tag of a', 2],
    [inFeed('<a></b>'), 'Expected the end tag of a', 2],
    [inFeed('<a></a b="c">'), 'Expected the end tag of a', 2],
    [inFeed('<a></ab>'), 'Expected the end tag of a', 2],
    [`${inFeed('')}\n</feed>`, 'An end tag without a start tag', 3],
    [`${inFeed('')}\nmore`, 'Text after the end of the root element', 3],
    [`${inFeed('')}\n<feed/>`, 'A second root element', 3],
    [`<feed ${atom}/><entry/>`, 'A second root element', 1],
    [`${inFeed('')}<![CDATA[ ]]>`, 'A CDATA section outside the root element', 2],
    [inFeed('<'), 'A "<" that starts no element', 2],
    [inFeed('< a/>'), 'A "<" that starts no element', 2],
    [inFeed('<1a/>'), 'A "<" that starts no element', 2],
    [inFeed('<a b/>'), 'An attribute without a quoted value', 2],
    [inFeed('<a b=c/>'), 'An attribute without a quoted value', 2],
    [inFeed('<a b="<"/>'), 'An attribute value that is not closed or holds "<"', 2],
    [inFeed('<a b="c/>'), 'An attribute value that is not closed or holds "<"', 2],
    [inFeed('<a b="c"d="e"/>'), 'A start tag is not well formed', 2],
    [inFeed('<a =""/>'), 'A start tag is not well formed', 2],
    [inFeed('<a b="c" / >'), 'A "/" without ">"', 2],
    [inFeed('<a\ufeff="b"/>'), 'A start tag is not well formed', 2],
    [`<feed ${atom}>\n<a`, 'A start tag is not well formed', 2],
    [inFeed('<a b="1"\nb="2"/>'), 'A repeated attribute', 3],
    [inFeed('a & b'), 'A bare "&" or an entity other than amp, lt, gt, quot and apos', 2],
    [inFeed('&nbsp;'), 'A bare "&" or an entity other than amp, lt, gt, quot and apos', 2],
    [inFeed('<a b="&eacute;"/>'), 'A bare "&" or an entity other than amp,', 2],
    [inFeed('&amp'), 'A bare "&" or an entity other than amp,', 2],
    [inFeed('&AMP;'), 'A bare "&" or an entity other than amp,', 2],
    [inFeed('&#xZ;'), 'A bare "&" or an entity other than amp,', 2],
    [inFeed('&#0;'), 'A reference to a character that XML 1.0 does not allow', 2],
    [inFeed('&#x1F;'), 'A reference to a character that XML 1.0 does not allow', 2],
    [inFeed('&#xD800;'), 'A reference to a character that XML 1.0 does not allow', 2],
    [inFeed('&#xFFFF;'), 'A reference to a character that XML 1.0 does not allow', 2],
    [inFeed('&#x110000;'), 'A reference to a character that XML 1.0 does not allow', 2],
    [inFeed('\u0000'), 'A character that XML 1.0 does not allow', 2],
    [inFeed('<!-- \u001b -->'), 'A character that XML 1.0 does not allow', 2],
    [inFeed('\ufffe'), 'A character that XML 1.0 does not allow', 2],
    [inFeed('\uffff'), 'A character that XML 1.0 does not allow', 2],
    [inFeed('a ]]> b'), 'A bare "]]>" in text', 2],
    [inFeed('<![CDATA[ a ]]>]]>'), 'A bare "]]>" in text', 2],
    [inFeed('<![CDATA[ a'), 'A CDATA section is not closed', 2],
    [inFeed('<!-- a'), 'A comment is not closed', 2],
    [inFeed('<!-- a -- b -->'), 'A "--" inside a comment', 2],
    [inFeed('<!ELEMENT a ANY>'), 'Markup that is no comment and no CDATA section', 2],
    [inFeed('<?a'), 'A processing instruction is not closed', 2],
    [inFeed('<? a?>'), 'A processing instruction without a name', 2],
    [inFeed('<?a+?>'), 'A processing instruction without a name', 2],
    [inFeed('<?a:b c?>'), 'A processing instruction without a name', 2],
    [inFeed('<?xml version="1.0"?>'), 'An XML declaration that is not at the very start', 2],
    [`\n<?xml version="1.0"?>${inFeed('')}`, 'An XML declaration that is not at the very start', 2],
    [`<?xml version="1.1"?>${inFeed('')}`, 'The XML version is not 1.0', 1],
    [`<?xml encoding="utf-8"?>${inFeed('')}`, 'The XML declaration has no version', 1],
    [`<?xml version="1.0" a="b"?>${inFeed('')}`, 'The XML declaration is not well formed', 1],
    [`<?xml version="1.0" standalone="maybe"?>${inFeed('')}`, 'The XML declaration is not well', 1],
    [`<?xml version="1.0">${inFeed('')}`, 'The XML declaration is not closed', 1],
  ];

  test.each(cases)('%p', (text, message, line) => {
    const refusal = refusalOf(text);
    expect(refusal.code).toBe('malformed');
    expect(refusal.message).toStartWith(message);
    if (line > 0) expect(refusal.message).toContain(`(line ${line}, column ${refusal.column})`);
    expect(refusal.line ?? 0).toBe(line);
  });
});

describe('a document type declaration is refused before anything in it is read', () => {
  const bomb = '<!DOCTYPE feed [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]>';

  test('with entities, external or not, and after anything that may come before', () => {
    const documents = [
      `${bomb}${inFeed('&b;')}`,
      `<?xml version="1.0"?>\n<!-- a -->\n<?b c?>${bomb}${inFeed('')}`,
      `<!DOCTYPE feed SYSTEM "file:///etc/passwd">${inFeed('')}`,
      inFeed(bomb),
      `${inFeed('')}<!DOCTYPE feed>`,
      `<!doctype feed>${inFeed('')}`,
    ];
    for (const text of documents) {
      const refusal = refusalOf(text);
      expect(refusal.code).toBe('malformed');
      expect(refusal.message).toStartWith('A document type declaration, which is not allowed');
      expect(refusal.line).toBeGreaterThan(0);
    }
  });

  test('in UTF-16 as well', () => {
    const text = `\ufeff${bomb}${inFeed('')}`;
    expect(refusalOf(Uint8Array.from(Buffer.from(text, 'utf16le'))).message).toStartWith(
      'A document type declaration',
    );
  });

  test('a mention of one in a comment or CDATA section is no declaration', () => {
    const text = inFeed(`<!-- ${bomb.replaceAll('--', '')} --><title><![CDATA[${bomb}]]></title>`);
    expect(parseAtom(bytesOf(text)).kind).toBe('feed');
  });
});

describe('what is not Atom is refused by what was found', () => {
  test.each([
    ['<rss version="2.0"><channel/></rss>', 'found rss'],
    ['<rdf:RDF xmlns:rdf="urn:x" xmlns="http://purl.org/rss/1.0/"/>', 'found RDF'],
    ['<html><body><p>Not found<br></body></html>', 'found html'],
    ['{"entries": []}', 'found JSON'],
    ['[]', 'found JSON'],
    ['Service unavailable', 'found text'],
    ['<feed/>', 'found feed in no namespace'],
    ['<feed xmlns="http://purl.org/atom/ns#"/>', 'found feed in Atom 0.3'],
    ['<feed xmlns="http://www.w3.org/2005/atom"/>', 'found feed in another'],
    [`<${'x'.repeat(50)}/>`, 'found another element'],
  ])('%p', (text, found) => {
    const refusal = refusalOf(text);
    expect(refusal).toMatchObject({ code: 'malformed', line: 1 });
    expect(refusal.message).toStartWith('Expected feed or entry in the Atom namespace, ');
    expect(refusal.message).toContain(found);
  });

  test('an HTML page is called one', () => {
    expect(refusalOf('<!DOCTYPE html>\n<html></html>').message).toStartWith(
      'A document type declaration (of HTML)',
    );
  });
});

describe('names that belong to no namespace are refused', () => {
  test.each([
    ['<a:b/>', 'The element a:b has an undeclared namespace prefix'],
    ['<b a:c="d"/>', 'The attribute a:c has an undeclared namespace prefix'],
    ['<c xmlns:a="urn:a"/><a:b/>', 'The element a:b has an undeclared namespace prefix'],
    ['<b xmlns:a=""/>', 'A prefix bound to a namespace that it can not be bound to'],
    ['<b xmlns:xml="urn:a"/>', 'A prefix bound to a namespace that it can not be bound to'],
    ['<b xmlns:a="http://www.w3.org/XML/1998/namespace"/>', 'A prefix bound to a namespace'],
    ['<b xmlns:a="http://www.w3.org/2000/xmlns/"/>', 'A prefix bound to a namespace'],
    ['<b xmlns:xmlns="urn:a"/>', 'A namespace declaration with a bad prefix'],
    ['<b xmlns:="urn:a"/>', 'A namespace declaration with a bad prefix'],
    ['<b xmlns="http://www.w3.org/2000/xmlns/"/>', 'A namespace that can be no default namespace'],
    ['<:b/>', 'An element name with a colon in the wrong place'],
    ['<b:/>', 'An element name with a colon in the wrong place'],
    ['<a:b:c xmlns:a="urn:a"/>', 'An element name with a colon in the wrong place'],
    ['<a:1 xmlns:a="urn:a"/>', 'An element name with a colon in the wrong place'],
    ['<b :constructor="" constructor=""/>', 'An attribute name with a colon in the wrong place'],
    [
      '<b xmlns:p="urn:a" xmlns:q="urn:&#97;" p:c="" q:c=""/>',
      'An attribute repeated under two prefixes of one namespace',
    ],
  ])('%p', (text, message) => {
    const refusal = refusalOf(inFeed(`\n${text}`));
    expect(refusal).toMatchObject({ code: 'malformed', line: 3 });
    expect(refusal.message).toStartWith(message);
  });
});

describe('what is over a limit is refused as too large', () => {
  const entry = '<entry><id>a</id><updated>2025-10-08T00:00:00Z</updated></entry>';
  const cases: [Partial<AtomLimits>, string, message: string][] = [
    [{ maxBytes: 99 }, inFeed(' '.repeat(99)), 'The document is larger than 99 bytes.'],
    [
      { maxDepth: 3 },
      inFeed('<a><b><c>'),
      'The document has more than 3 nested elements (line 2).',
    ],
    [
      { maxDepth: 3 },
      inFeed('<a><b><c/>'),
      'The document has more than 3 nested elements (line 2).',
    ],
    [
      { maxDepth: 1e9 },
      inFeed('<a>'.repeat(256)),
      'The document has more than 256 nested elements',
    ],
    [{ maxElements: 3 }, inFeed('<a/><a/><a/>'), 'The document has more than 3 elements (line 2).'],
    [
      { maxAttributes: 2 },
      inFeed('<a b="" c="" d=""/>'),
      'The document has more than 2 attributes',
    ],
    [
      { maxReferences: 2 },
      inFeed('&lt;<a b="&#65;"/>&gt;'),
      'The document has more than 2 references',
    ],
    [{ maxEntries: 2 }, inFeed(entry.repeat(3)), 'The document has more than 2 entries.'],
    [
      { maxEntries: 1 },
      inFeed('<a:deleted-entry xmlns:a="http://purl.org/atompub/tombstones/1.0"/>'.repeat(2)),
      'The document has more than 1 tombstones.',
    ],
  ];

  test.each(cases)('%p', (limits, text, message) => {
    const refusal = refusalOf(text, limits);
    expect(refusal.code).toBe('too-large');
    expect(refusal.message).toStartWith(message);
  });

  test('and what is just within them is not', () => {
    const text = inFeed(`<a b="" c="&lt;"><d/>&gt;</a>${entry}${entry}`);
    const limits = {
      maxBytes: text.length,
      maxDepth: 3,
      maxElements: 9,
      maxAttributes: 2,
      maxReferences: 2,
      maxEntries: 2,
    };
    expect(parseAtom(bytesOf(text), { limits }).entries).toHaveLength(2);
  });
});

test('no refusal quotes what the document holds', () => {
  const secret = 'ZZTEST 7929590';
  const documents = [
    inFeed(`<a b="${secret}" b="${secret}"/>`),
    inFeed(`${secret} & ${secret}`),
    inFeed(`&${secret};`),
    inFeed(`<a>${secret}`),
    inFeed(`<!-- ${secret}`),
    inFeed(`<a xmlns:b="${secret}" xmlns:xml="${secret}"/>`),
    `${inFeed('')}${secret}`,
    secret,
  ];
  for (const text of documents) expect(refusalOf(text).message).not.toContain('ZZTEST');
});

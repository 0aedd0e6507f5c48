import { describe, expect, test } from 'bun:test';
import { type Extraction, toEntry } from '../../src/atom/extract.ts';
import { parseAtom } from '../../src/atom/parse.ts';

const service = 'https://oh.example.test/messaging/example.authority/service';
const patients = `${service}/example.authority/patients`;
const extraction: Extraction = {
  messagingBaseUrl: service,
  authority: 'example.authority',
  idPrefix: 'urn:example:oh:message:',
  patientElement: { namespace: 'urn:example:oh-feed', element: 'patient', attribute: 'id' },
};

const messageId = '2170961660:-6:0:0';
const atomId = `urn:example:oh:message:${messageId}`;
const alternate = `${patients}/7929590/inbox/messages/2170961660%3A-6%3A0%3A0`;
const link = (href: string, rel = 'alternate') => `<link rel="${rel}" href="${href}"/>`;
const patient = (id: string) => `<oh:patient id="${id}"/>`;

/** The entry that is made of one with this id and these other children. */
function entryOf(id: string, parts: string, settings: Extraction = extraction) {
  const text = `<feed xmlns="http://www.w3.org/2005/Atom" xmlns:oh="urn:example:oh-feed" xmlns:thr="http://purl.org/syndication/thread/1.0"><entry/><entry><id>${id}</id><updated>2025-10-08T00:00:00Z</updated>${parts}</entry></feed>`;
  const [entry] = parseAtom(new TextEncoder().encode(text)).entries;
  if (entry === undefined) throw new Error('The entry was rejected.');
  return toEntry(entry, settings);
}

describe('the ids of a message', () => {
  test('come from the atom:id and the patient element, and the parent from the reference', async () => {
    const bytes = await Bun.file(`${import.meta.dir}/fixtures/push.xml`).bytes();
    const [first, second] = parseAtom(bytes).entries.map((entry) => toEntry(entry, extraction));
    expect(first).toEqual({
      source: 'feed',
      atomId: 'urn:example:oh:message:2170961659:-6:0:0',
      updatedAt: Date.UTC(2025, 9, 8, 14, 15, 40),
      ohPatientId: '7929590',
      ohMessageId: '2170961659:-6:0:0',
      box: 'inbox',
      inReplyToOhMessageId: '2170961745:-4:0:0',
    });
    expect(second).toEqual({
      source: 'feed',
      atomId,
      updatedAt: Date.UTC(2025, 9, 8, 14, 15, 47, 250),
      ohPatientId: '7929590',
      ohMessageId: messageId,
      box: 'inbox',
    });
  });

  test('come from a link alone when nothing else is configured', async () => {
    const bytes = await Bun.file(`${import.meta.dir}/fixtures/archive-page.xml`).bytes();
    const settings = { messagingBaseUrl: `${service}/`, authority: 'example.authority' };
    const entries = parseAtom(bytes).entries.map((entry) => toEntry(entry, settings));
    expect(entries.map(({ ohMessageId, ohPatientId }) => [ohMessageId, ohPatientId])).toEqual([
      ['2170950001:-6:0:0', '7929590'],
    ]);
  });

  test('may come half from the link and half from the rest only when they agree', () => {
    const { ohMessageId, ohPatientId } = entryOf(atomId, link(alternate) + patient('7929590'));
    expect([ohMessageId, ohPatientId]).toEqual([messageId, '7929590']);
    expect(entryOf('urn:other:1', link(alternate)).ohMessageId).toBe(messageId);
  });

  test('are decoded once', () => {
    const twice = `${patients}/7929590/inbox/messages/1%253A2`;
    expect(entryOf('urn:other:1', link(twice)).ohMessageId).toBe('1%3A2');
  });

  test('say in which box the message lies', () => {
    const sent = `${patients}/7929590/outbox/messages/${messageId}?loadReferences=true`;
    expect(entryOf('urn:other:1', link(sent)).box).toBe('outbox');
  });

  test('are not looked for in links of another relation or shape', () => {
    const others = [
      link(alternate.replace('7929590', '1'), 'related'),
      link('https://oh.example.test/page.html'),
      link(`${patients}/1/inbox/messages`),
      link(`${patients}/1/drafts/messages/1`),
      link('urn:example:1'),
      link('/messages'),
    ];
    const { ohPatientId } = entryOf(atomId, others.join('') + patient('7929590'));
    expect(ohPatientId).toBe('7929590');
  });

  test('may be named by several links that agree', () => {
    expect(entryOf('urn:other:1', link(alternate) + link(alternate)).ohMessageId).toBe(messageId);
  });
});

describe('an entry is refused, without its values in the message,', () => {
  const cases: [why: string, id: string, parts: string, message: string][] = [
    [
      'when the link leads to another host',
      atomId,
      link(alternate.replace('oh.example.test', 'evil.example.test')) + patient('7929590'),
      'An alternate link names another host',
    ],
    [
      'when the link has another port or scheme',
      atomId,
      link(alternate.replace('https:', 'http:')),
      'An alternate link names another host',
    ],
    [
      'when the link leads to the service of another authority',
      atomId,
      link(alternate.replace('/messaging/example', '/messaging/other')),
      'An alternate link names another messaging service',
    ],
    [
      'when the link names another authority',
      atomId,
      link(alternate.replace('/service/example', '/service/other')),
      'An alternate link names another authority',
    ],
    [
      'when the link names two messages',
      atomId,
      link(`${patients}/7929590/inbox/messages/1,2`),
      'An alternate link names more than one message',
    ],
    [
      'when the link names two messages with an encoded comma',
      atomId,
      link(`${patients}/7929590/inbox/messages/1%2C2`),
      'An alternate link names more than one message',
    ],
    [
      'when the atom:id names two messages',
      `${atomId},2`,
      patient('7929590'),
      'The atom:id names more than one message',
    ],
    [
      'when two links name two patients',
      atomId,
      link(alternate) + link(alternate.replace('7929590', '7929591')),
      'Two alternate links name two messages',
    ],
    [
      'when the link has an empty message id',
      atomId,
      link(`${patients}/7929590/inbox/messages/`),
      'An alternate link holds no usable message id',
    ],
    [
      'when the link can not be decoded',
      atomId,
      link(`${patients}/%ff/inbox/messages/1`),
      'An alternate link holds no usable patient id',
    ],
    [
      'when the link hides a path in an id',
      atomId,
      link(`${patients}/..%2F1/inbox/messages/1`),
      'An alternate link holds no usable patient id',
    ],
    [
      'when link and atom:id differ',
      `${atomId}1`,
      link(alternate),
      'The alternate link and the rest of the entry differ in the message id',
    ],
    [
      'when link and patient element differ',
      atomId,
      link(alternate) + patient('7929591'),
      'The alternate link and the rest of the entry differ in the patient id',
    ],
    [
      'when two patient elements differ',
      atomId,
      patient('7929590') + patient('7929591'),
      'Two patient elements name two patients',
    ],
    [
      'when the patient element is empty',
      atomId,
      '<oh:patient/>',
      'The patient element holds no usable patient id',
    ],
    [
      'when the patient id would lead a URL elsewhere',
      atomId,
      patient('..'),
      'The patient element holds no usable patient id',
    ],
    [
      'when nothing follows the prefix of the atom:id',
      'urn:example:oh:message:',
      patient('7929590'),
      'The atom:id holds no usable message id',
    ],
    [
      'when no message id can be found',
      'urn:other:1',
      patient('7929590'),
      'Neither an alternate link nor the atom:id holds an OH message id',
    ],
    [
      'when no patient can be found',
      atomId,
      '<patient xmlns="urn:other" id="7929590"/>',
      'Neither an alternate link nor an element names the OH patient',
    ],
  ];

  test.each(cases)('%s', (_, id, parts, message) => {
    const refusal: unknown = expect.objectContaining({
      name: 'ExchangeError',
      code: 'malformed',
      element: 'feed/entry[2]',
      message: `${message} (feed/entry[2]).`,
    });
    expect(() => entryOf(id, parts)).toThrow(refusal);
  });
});

describe('the message that an entry answers', () => {
  const parentOf = (attributes: string) =>
    entryOf(atomId, `${patient('7929590')}${attributes}`).inReplyToOhMessageId;
  const reply = (attributes: string) => `<thr:in-reply-to ${attributes}/>`;

  test('comes from a link when the reference can not be read', () => {
    expect(parentOf(reply(`ref="urn:other:1" href="${patients}/7929590/inbox/messages/1"`))).toBe(
      '1',
    );
  });

  test('is the first that can be read', () => {
    const first = reply('ref="urn:other:1" href="https://evil.example.test/"');
    const second = reply('ref="urn:example:oh:message:2"');
    expect(parentOf(first + second + reply('ref="urn:example:oh:message:3"'))).toBe('2');
  });

  test.each([
    ['absent', ''],
    ['without reference', reply('')],
    ['of another kind', reply('ref="urn:other:1"')],
    ['empty', reply('ref="urn:example:oh:message:"')],
    ['a list', reply('ref="urn:example:oh:message:1,2"')],
    ['on another host', reply('href="https://evil.example.test/a/patients/1/inbox/messages/1"')],
    ['the entry itself', reply(`ref="${atomId}"`)],
  ])('is left out when it is %s', (_, attributes) => {
    expect(parentOf(attributes)).toBeUndefined();
  });
});

describe('a link is read alike, as we would write it and as another URL of the same', () => {
  const { patientElement: _, ...byLink } = extraction;
  const read = (href: string) => {
    try {
      return entryOf('urn:other:1', link(href), byLink);
    } catch (error) {
      return (error as Error).message;
    }
  };

  test.each([
    '7929590/inbox/messages/2170961660%3A-6%3A0%3A0',
    '7929590/outbox/messages/2170961660%3a-6%3a0%3a0',
    '7929590/inbox/messages/2170961660:-6:0:0',
    '7929590/inbox/messages/1?a=b#c',
    'patients/inbox/messages/1',
    '1/inbox/messages/1%2C2',
    '1/inbox/messages/1,2',
    '1/inbox/messages/%2e%2e',
    '1/inbox/messages/..',
    '../inbox/messages/1',
    '1/inbox/messages/',
    '1/inbox/messages/a%2Fb',
    'x/patients/1/inbox/messages/1',
    `${'1'.repeat(257)}/inbox/messages/1`,
    `1/inbox/messages/${'%3A'.repeat(257)}`,
    `1/inbox/messages/${'%3A'.repeat(256)}`,
  ])('%s', (rest) => {
    const shouted = patients.replace('https://oh.example', 'HTTPS://OH.example');
    expect(read(`${patients}/${rest}`)).toEqual(read(`${shouted}/${rest}`));
  });
});

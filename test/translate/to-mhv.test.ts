import { describe, expect, test } from 'bun:test';
import * as fc from 'fast-check';
import type { OhMessage, ToMhv } from '../../src/message.ts';
import { type MhvFacts, toMhv } from '../../src/translate/to-mhv.ts';

const message: OhMessage = {
  id: '3000000005:-6:0:0',
  subject: 'Re: Refill question',
  createdAt: 1_738_335_845_000,
  messageType: 'MESSAGE',
  sender: { type: 'POOL', id: '2000001' },
  receivers: [{ type: 'PERSON', id: '1000001' }],
  patientId: '1000001',
  blocks: [{ format: 'RTF', title: 'Re: Refill question', text: '{\\rtf1 Ready on Monday.\\par}' }],
  referenceIds: [],
  attachments: [{ name: 'plan.pdf', mediaIdentifier: '{0-1}', mediaVersion: 1 }],
};

const facts: MhvFacts = {
  message,
  box: 'inbox',
  icn: '1012345678V123456',
  senderName: 'Primary Care East',
  pool: { id: '2000001', name: 'VHA SPO Primary Care' },
  stationNumber: '668',
};

function translated(change: Partial<OhMessage>, more: Partial<MhvFacts> = {}): ToMhv {
  const result = toMhv({ ...facts, ...more, message: { ...message, ...change } });
  if ('kind' in result) throw new Error(result.code);
  return result;
}

function without(key: keyof MhvFacts): MhvFacts {
  const { [key]: _left, ...rest } = facts;
  return rest as MhvFacts;
}

test('a message of a pool becomes what MHV wants', () => {
  const references = {
    inReplyToOhMessageId: '3000000003:-4:0:0',
    conversationRootOhMessageId: '3000000001:-4:0:0',
  };
  expect(toMhv({ ...facts, ...references })).toEqual({
    direction: 'oh-to-mhv',
    ohMessageId: '3000000005:-6:0:0',
    icn: '1012345678V123456',
    sender: { ohId: '2000001', type: 'POOL', name: 'Primary Care East' },
    triageGroup: { ohPoolId: '2000001', name: 'VHA SPO Primary Care', stationNumber: '668' },
    subject: 'Re: Refill question',
    category: 'OTHER',
    body: 'Ready on Monday.',
    sentAt: 1_738_335_845_000,
    ...references,
    attachments: [{ name: 'plan.pdf', mediaIdentifier: '{0-1}', mediaVersion: 1 }],
  });
});

test('a reminder travels as an ordinary message', () => {
  expect(translated({ messageType: 'REMINDER' })).toEqual(translated({}));
});

describe('sender', () => {
  test.each([
    ['a clinician nobody can name', 'PERSONNEL', 'inbox', 'VHA SPO Primary Care'],
    ['a pool', 'POOL', 'inbox', 'VHA SPO Primary Care'],
    ['the patient', 'PERSON', 'outbox', 'Patient'],
  ] as const)('%s (%s) is shown by a name all the same', (_who, type, box, name) => {
    const change = { sender: { type, id: '2100001' } };
    expect(translated(change, { senderName: ' ', box }).sender).toEqual({
      ohId: '2100001',
      type,
      name,
    });
  });

  test('a message from nobody is refused', () => {
    const { sender: _sender, ...anonymous } = message;
    expect(toMhv({ ...facts, message: anonymous })).toMatchObject({
      kind: 'rejected',
      code: 'translate:no-sender',
    });
  });
});

describe('triage group', () => {
  test.each([
    [without('pool'), 'translate:no-pool'],
    [{ ...facts, pool: { id: '2000001', name: ' ' } }, 'translate:no-pool'],
    [without('stationNumber'), 'translate:no-station'],
    [{ ...facts, stationNumber: '66' }, 'translate:no-station'],
  ])('facts that lack a part are refused (%#)', (lacking, code) => {
    expect(toMhv(lacking)).toMatchObject({ kind: 'rejected', code });
  });
});

describe('subject', () => {
  test('a blank one becomes "No subject", white space becomes single spaces', () => {
    expect(translated({ subject: ' \n ' }).subject).toBe('No subject');
    expect(translated({ subject: ' Re:\r\n lab\tresults\u0000 ' }).subject).toBe('Re: lab results');
  });

  test('a long one is cut at 255 code points, the last of them an ellipsis', () => {
    expect(translated({ subject: '😀'.repeat(255) }).subject).toBe('😀'.repeat(255));
    expect(translated({ subject: '😀'.repeat(256) }).subject).toBe(`${'😀'.repeat(254)}…`);
  });

  test('any subject gives 1 to 255 code points of well-formed text', () => {
    const subject = fc.string({
      unit: fc.constantFrom('a', '😀', '\ud83d', ' ', 'é'),
      maxLength: 300,
    });
    fc.assert(
      fc.property(subject, (text) => {
        const found = translated({ subject: text }).subject;
        expect(found.isWellFormed()).toBe(true);
        expect(Array.from(found).length).toBeWithin(1, 256);
      }),
    );
  });
});

describe('body', () => {
  test('a message without words says so, and points to its files', () => {
    const blocks: OhMessage['blocks'] = [{ format: 'XHTML', text: '<p> </p>' }];
    expect(translated({ blocks }).body).toBe('(This message has no text. See the attached files.)');
    expect(translated({ blocks: [], attachments: [] }).body).toBe('(This message has no text.)');
  });

  test('one that cannot be read is refused, with no word of it in the reason', () => {
    const text = `{\\rtf1 ZZTEST ${'{'.repeat(1000)}`;
    const result = toMhv({ ...facts, message: { ...message, blocks: [{ format: 'RTF', text }] } });
    expect(result).toEqual({
      kind: 'rejected',
      code: 'translate:unreadable-body',
      reason: "The body of the OH message can't be read: its RTF is nested too deep.",
    });
  });
});

test('ten attachments are carried, eleven are refused', () => {
  const files = Array.from({ length: 11 }, (_, index) => ({
    name: `${index}.pdf`,
    mediaIdentifier: `{0-${index}}`,
    mediaVersion: 1,
  }));
  expect(translated({ attachments: files.slice(0, 10) }).attachments).toEqual(files.slice(0, 10));
  expect(toMhv({ ...facts, message: { ...message, attachments: files } })).toMatchObject({
    kind: 'rejected',
    code: 'translate:too-many-attachments',
  });
});

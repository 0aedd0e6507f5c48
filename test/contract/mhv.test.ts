/** Every method of the MHV clients against the mock, each request and answer by the contract. */
import { describe, expect, test } from 'bun:test';
import type { ToMhv } from '../../src/message.ts';
import { context, verdictOf } from '../oh/loopback.ts';
import { NOW, patientOf, type Setup, setup } from './setup.ts';

const bytes = new TextEncoder().encode('%PDF-1.4 zztest');
const pdf = { mimeType: 'application/pdf', bytes };
const draft = {
  subject: 'ZZTEST "question" <1>',
  category: 'OTHER',
  recipientId: '613586',
  body: 'a & b',
};

function letterOf(run: Setup, ohMessageId = '3000000005:-6:0:0'): ToMhv {
  return {
    direction: 'oh-to-mhv',
    ohMessageId,
    icn: patientOf(run.mocks).icn,
    sender: { ohId: '2000001', type: 'POOL', name: 'ZZTEST Primary Care East' },
    triageGroup: { ohPoolId: '2000001', name: 'ZZTEST Primary Care East', stationNumber: '589GR' },
    subject: 'ZZTEST answer',
    category: 'TEST_RESULTS',
    body: 'Hello',
    sentAt: NOW,
    attachments: [],
  };
}

function operationsOf(run: Setup): (string | undefined)[] {
  return run.mhvProxy.exchanges.map(({ operation }) => operation);
}

describe('a message written in OH', () => {
  test('is looked for, inserted, found, and inserted again without a second one', async () => {
    await using run = await setup();
    const letter = letterOf(run);
    expect(await run.mhv.findByOhMessageId(letter.ohMessageId, context)).toBeUndefined();
    const ids = await run.mhv.insert(letter, [], context);
    expect(await run.mhv.findByOhMessageId(letter.ohMessageId, context)).toEqual(ids);
    expect(await run.mhv.insert(letter, [], context)).toEqual(ids);
    expect(run.mocks.world.mhv.messages.size).toBe(1);
    expect(run.mhvProxy.exchanges[0]?.request.target).toEndWith(
      '?ohMessageId=3000000005%3A-6%3A0%3A0',
    );
  });

  test('joins the thread of the message that it answers', async () => {
    await using run = await setup();
    const first = await run.mhv.insert(letterOf(run), [], context);
    const reply: ToMhv = {
      ...letterOf(run, '3000000007:-6:0:0'),
      sender: { ohId: '2100001', type: 'PERSONNEL', name: 'ZZTEST, NURSE' },
      inReplyToOhMessageId: '3000000006:-4:0:0',
      conversationRootOhMessageId: '3000000005:-6:0:0',
    };
    expect((await run.mhv.insert(reply, [], context)).mhvThreadId).toBe(first.mhvThreadId);
  });

  test('brings its files, as content and as objects that were put before', async () => {
    await using run = await setup();
    const { url, lgAttachmentId } = await run.session.presignedUrl('scan.of.it.pdf', context);
    await run.session.put(url, pdf, context);
    const size = bytes.byteLength;
    const files = [
      {
        name: 'a.pdf',
        mimeType: 'application/pdf',
        size,
        contentBase64: Buffer.from(bytes).toString('base64'),
      },
      { name: 'b.pdf', mimeType: 'application/pdf', size, lgAttachmentId },
    ];
    const { mhvMessageId: messageId } = await run.mhv.insert(letterOf(run), files, context);
    const kept = run.mocks.world.mhv.messages.get(Number(messageId))?.files ?? [];
    expect(kept.map(({ name }) => name)).toEqual(['a.pdf', 'b.pdf']);
    for (const { id, name } of kept) {
      const file = await run.session.file({ messageId, attachmentId: String(id) }, context);
      expect(file.bytes).toEqual(bytes);
      expect(file.name).toBe(name);
    }
    const answers = run.mhvProxy.exchanges.filter(({ operation }) => operation === 'getAttachment');
    expect(answers.map(({ response }) => response?.headers.get('content-type'))).toEqual([
      'application/octet-stream',
      'application/json',
    ]);
  });

  test('has a large file put by the exchange itself, which the contract does not provide for', async () => {
    await using run = await setup();
    const { lgAttachmentId } = await run.mhv.putFile({ name: 'a.pdf', ...pdf }, context);
    expect(run.mocks.world.mhv.objects.get(lgAttachmentId)?.bytes).toHaveLength(bytes.byteLength);
    // Our assumption: without a patient's session the application token opens the object store.
    expect(run.mhvProxy.violations.splice(0)).toEqual([
      'getPresignedUrl request header Token and x-api-key, or Token is required',
    ]);
  });

  test('without an answer is in doubt, and MHV can be asked for it', async () => {
    await using run = await setup();
    const letter = letterOf(run);
    await run.fault('mhv', {
      path: '/exchange/message',
      method: 'POST',
      dropAfter: true,
      times: 1,
    });
    expect((await verdictOf(run.mhv.insert(letter, [], context))).kind).toBe('in-doubt');
    expect(await run.mhv.findByOhMessageId(letter.ohMessageId, context)).toBeDefined();
  });
});

describe('a patient', () => {
  test('writes, replies and reads the conversation', async () => {
    await using run = await setup();
    const { session } = run;
    const first = await session.create(draft, context);
    run.clock.now += 60_000;
    const second = await session.reply(first.id, { ...draft, subject: 'Re: it' }, context);
    expect(second.isOhMessage).toBe(true);
    const thread = await session.thread(first.id, context);
    expect(thread.map(({ id, subject, sentAt }) => ({ id, subject, sentAt }))).toEqual([
      { id: first.id, subject: draft.subject, sentAt: NOW },
      { id: second.id, subject: 'Re: it', sentAt: NOW + 60_000 },
    ]);
    expect(operationsOf(run)).toEqual([
      'getSession',
      'createMessage',
      'replyToMessage',
      'getMessagesForThread',
    ]);
  });

  test('sends small files in the form', async () => {
    await using run = await setup();
    const files = {
      uploads: [
        { name: 'a.pdf', ...pdf },
        { name: 'é.jpg', ...pdf, mimeType: 'image/jpeg' },
      ],
    };
    const first = await run.session.create({ ...draft, files }, context);
    const second = await run.session.reply(first.id, { ...draft, files }, context);
    expect(second.attachments.map(({ name, sizeBytes }) => ({ name, sizeBytes }))).toEqual([
      { name: 'a.pdf', sizeBytes: bytes.byteLength },
      { name: 'é.jpg', sizeBytes: bytes.byteLength },
    ]);
    expect(operationsOf(run)).toEqual([
      'getSession',
      'createMessageWithAttachments',
      'replyToMessageWithAttachments',
    ]);
  });

  test('puts large files first and then names them', async () => {
    await using run = await setup();
    const large = [];
    for (const name of ['a.pdf', 'b.pdf']) {
      const { url, lgAttachmentId } = await run.session.presignedUrl(name, context);
      // It names the store itself and so passes by the proxy.
      expect(new URL(url).origin).toBe(run.mocks.origins.mhv);
      await run.session.put(url, pdf, context);
      large.push({ name, mimeType: pdf.mimeType, size: bytes.byteLength, lgAttachmentId });
    }
    const message = { ...draft, files: { large } };
    const first = await run.session.create(message, context);
    const second = await run.session.reply(first.id, message, context);
    expect(second.attachments.map(({ name }) => name)).toEqual(['a.pdf', 'b.pdf']);
  });

  test('is told how far the message has come, whatever the state', async () => {
    await using run = await setup();
    const { id } = await run.session.create(draft, context);
    expect((await run.session.status(id, context)).status).toBe('IN_PROGRESS');
    for (const status of ['SENT', 'FAILED', 'INVALID', 'UNKNOWN', 'NOT_SUPPORTED'] as const) {
      await run.control('mhv', 'POST', 'status', {
        id: Number(id),
        status,
        ohSecureMessageId: '1.0.-4.prsnl',
      });
      expect(await run.session.status(id, context)).toEqual({
        status,
        isOhMessage: true,
        ohSecureMessageId: '1.0.-4.prsnl',
      });
    }
  });

  test('gets a new session when the old one has ended', async () => {
    await using run = await setup();
    const { id } = await run.session.create(draft, context);
    await run.control('mhv', 'POST', 'expire');
    await run.session.create(draft, context);
    expect((await run.session.status(id, context)).status).toBe('IN_PROGRESS');
    const expired = run.mhvProxy.exchanges.filter(({ response }) => response?.status === 400);
    expect(expired.map(({ response }) => response?.headers.get('content-type'))).toEqual([
      'application/xml',
    ]);
    expect(operationsOf(run).filter((one) => one === 'getSession')).toHaveLength(2);
    expect(run.mocks.world.mhv.messages.size).toBe(2);
  });

  test('is refused for good what MHV does not have', async () => {
    await using run = await setup();
    const verdicts = [
      await verdictOf(run.session.reply('1', draft, context)),
      await verdictOf(run.session.create({ ...draft, recipientId: '1' }, context)),
      await verdictOf(run.session.create({ ...draft, recipientId: '9007199254740993' }, context)),
      await verdictOf(run.session.status('1', context)),
      await verdictOf(run.session.file({ messageId: '1', attachmentId: '2' }, context)),
      await verdictOf(run.session.presignedUrl('virus.exe', context)),
    ];
    expect(verdicts.map(({ kind, code }) => `${kind} ${code}`)).toEqual([
      'rejected mhv:904',
      'rejected mhv:119',
      'rejected mhv:119',
      'rejected mhv:404',
      'rejected mhv:115',
      'rejected mhv:122',
    ]);
    expect(run.mhvProxy.exchanges[3]?.body).toContain('"recipientId":9007199254740993');
  });
});

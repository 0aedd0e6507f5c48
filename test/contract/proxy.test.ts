/** The proxy is worth nothing unless it can fail: each breach is put through it and must be named. */
import { describe, expect, test } from 'bun:test';
import { createOhMessaging } from '../../src/oh/messaging.ts';
import { context, verdictOf } from '../oh/loopback.ts';
import { NOW, setup } from './setup.ts';
import { violationsOf } from './stub.ts';

const OH = '/messaging/demo/service/demo';
const MHV = '/v1/sm/patient';

const list = () => Response.json({ messages: [] });
const stored = () => new Response(null, { status: 201 });
const json = (body: unknown): RequestInit => ({
  method: 'POST',
  headers: { 'Content-Type': 'application/json' },
  body: JSON.stringify(body),
});
const letter = {
  patientId: 1000001,
  receivers: [{ receiverId: 2000001, type: 'POOL' }],
  subject: 'ZZTEST',
};
const OUTBOX = `${OH}/patients/1000001/outbox/messages`;
const INBOX = `${OH}/patients/1000001/inbox/messages`;

describe('a request that breaks the contract is named by operation, place and fault', () => {
  const cases: [string, () => Response, string, RequestInit, string][] = [
    ['an unknown path', list, `${OH}/folders`, {}, 'no operation is GET on this path'],
    [
      'an unknown method',
      list,
      `${OH}/pools`,
      { method: 'PUT' },
      'no operation is PUT on this path',
    ],
    [
      'a colon that is not encoded',
      () => Response.json({ messagesById: {} }),
      `${INBOX}/3000000005:-6:0:0`,
      {},
      'getInboxMessages request path.messageIds must be percent-encoded',
    ],
    [
      'a date with milliseconds',
      list,
      `${INBOX}?beginDate=2025-01-31T08%3A00%3A00.000Z`,
      {},
      'listInboxMessages request query.beginDate must match pattern',
    ],
    [
      'a status of a body in a query',
      list,
      `${INBOX}?statuses=UNREAD,OPENED`,
      {},
      'listInboxMessages request query.statuses/1 must be equal to one of the allowed values',
    ],
    [
      'a parameter nobody knows',
      list,
      `${INBOX}?page=2`,
      {},
      'listInboxMessages request query.page is not documented',
    ],
    [
      'a charset that is not offered',
      list,
      INBOX,
      { headers: { 'Accept-Charset': 'KOI8-R' } },
      'listInboxMessages request header.Accept-Charset must be equal to one of the allowed values',
    ],
    [
      'no proof of the caller',
      list,
      INBOX,
      { headers: { Authorization: '' } },
      'listInboxMessages request header Authorization is required',
    ],
    [
      'an id that is text',
      stored,
      OUTBOX,
      json({ ...letter, patientId: '1000001' }),
      'sendMessage request body/patientId must be integer',
    ],
    [
      'an id beyond int64',
      stored,
      OUTBOX,
      { ...json({}), body: JSON.stringify(letter).replace('1000001', '9223372036854775808') },
      'sendMessage request body/patientId must be integer',
    ],
    [
      'a field nobody knows',
      stored,
      OUTBOX,
      json({ ...letter, priority: 'STAT' }),
      'sendMessage request body must NOT have unevaluated properties',
    ],
    [
      'a format without a text',
      stored,
      OUTBOX,
      json({ ...letter, formatType: 'XHTML' }),
      'sendMessage request body must have property text when property formatType is present',
    ],
    [
      'a charset of the body that is refused',
      stored,
      OUTBOX,
      { ...json(letter), headers: { 'Content-Type': 'application/json; charset=latin1' } },
      'sendMessage request header.Content-Type has a charset that is not documented',
    ],
    ['no body', stored, OUTBOX, { method: 'POST' }, 'sendMessage request body is required'],
  ];
  test.each(cases)('%s', async (_, answer, path, init, violation) => {
    const violations = await violationsOf('messaging', answer, path, init);
    expect(violations.join('\n')).toStartWith(violation);
  });

  test('a form whose part is not of its type', async () => {
    const form = new FormData();
    form.append(
      'message',
      JSON.stringify({ subject: 's', category: 'OTHER', recipientId: 1, body: 'b' }),
    );
    const answer = () => Response.json({ id: 1 });
    const init = { method: 'POST', body: form };
    expect(await violationsOf('mhv', answer, `${MHV}/message/attach`, init)).toEqual([
      'createMessageWithAttachments request body part message is text/plain, not application/json',
    ]);
  });

  test('a header that is required', async () => {
    const answer = () => new Response(null, { headers: { Token: 't', Expires: 'Fri' } });
    const init = { headers: { appToken: 'zztest' } };
    expect(await violationsOf('mhv', answer, `${MHV}/session`, init)).toEqual([
      'getSession request header.mhvCorrelationId is required',
    ]);
  });
});

describe('a response that breaks the contract is named by operation, place and fault', () => {
  const light = {
    id: '1:-6:0:0',
    idUrl: 'http://oh.invalid/1',
    subject: 'ZZTEST',
    referenceId: 'r',
  };
  const line = {
    ...light,
    createDate: '2025-01-31T15:04:05Z',
    messageType: 'MESSAGE',
    priority: 'ROUTINE',
    status: 'UNREAD',
  };
  const cases: [string, () => Response, string[]][] = [
    [
      'an undocumented status',
      () => new Response(null, { status: 503 }),
      ['status 503 is not documented'],
    ],
    ['no body', () => new Response(null), ['200 body is missing']],
    [
      'a body of another type',
      () => new Response('ok'),
      ['200 body media type text/plain is not documented'],
    ],
    [
      'broken JSON',
      () => new Response('{', { headers: { 'Content-Type': 'application/json' } }),
      ['200 body is not JSON'],
    ],
    [
      'a field that is always returned and is not there',
      () => Response.json({ messages: [{ ...line, status: undefined }] }),
      ["200 body/messages/0 must have required property 'status'"],
    ],
    [
      'a value that is not in the list',
      () => Response.json({ messages: [{ ...line, status: 'OPEN' }] }),
      ['200 body/messages/0/status must be equal to one of the allowed values'],
    ],
    [
      'a field nobody knows',
      () => Response.json({ messages: [{ ...line, text: 'ZZTEST' }] }),
      ['200 body/messages/0 must NOT have unevaluated properties'],
    ],
  ];
  test.each(cases)('%s', async (_, answer, violations) => {
    const found = await violationsOf('messaging', answer, INBOX);
    expect(found).toEqual(violations.map((one) => `listInboxMessages response ${one}`));
  });

  test('an error in XML without its code', async () => {
    const body = '<Error><message>ZZTEST</message></Error>';
    const headers = { 'Content-Type': 'application/xml' };
    const answer = () => new Response(body, { status: 400, headers });
    expect(await violationsOf('mhv', answer, `${MHV}/message/1/status`)).toEqual([
      "getMessageStatus response body must have required property 'errorCode'".replace(
        'body',
        '400 body',
      ),
    ]);
  });

  test('a session without its end', async () => {
    const answer = () => new Response(null, { headers: { Token: 'zztest' } });
    const init = { headers: { appToken: 'zztest', mhvCorrelationId: '1' } };
    expect(await violationsOf('mhv', answer, `${MHV}/session`, init)).toEqual([
      'getSession response 200 header.Expires is required',
    ]);
  });

  test('a body where none may be', async () => {
    const answer = () => Response.json({}, { status: 201 });
    expect(await violationsOf('messaging', answer, OUTBOX, json(letter))).toEqual([
      'sendMessage response 201 body must be empty',
    ]);
  });
});

test('a test whose client breaks the contract fails when it lets go of the setup', async () => {
  const run = await setup();
  const oh = createOhMessaging({
    baseUrl: run.messagingUrl,
    authority: 'demo',
    authorizer: run.authorizer,
    timeoutMs: 2000,
    now: () => NOW,
  });
  const request = {
    patientId: '1000001',
    receivingPoolId: '2000001',
    xhtml: '<p/>',
    attachments: [],
  };
  await verdictOf(oh.send({ ...request, subject: ' ' }, context));
  await expect(run[Symbol.asyncDispose]()).rejects.toThrow(
    'sendMessage request body/subject must match',
  );
});

/** Every method of the Oracle Health clients against the mock, each request and answer by the contract. */
import { describe, expect, test } from 'bun:test';
import { generateKeyPairSync } from 'node:crypto';
import { createOhMessaging } from '../../src/oh/messaging.ts';
import { context, verdictOf } from '../oh/loopback.ts';
import { contracts, NOW, patientOf, type Setup, setup } from './setup.ts';

const YEARS_MS = 5 * 366 * 24 * 3600 * 1000;
const everything = { since: NOW - YEARS_MS, until: NOW };
const POOL = '2000001';

function letterOf(run: Setup) {
  return {
    patientId: patientOf(run.mocks).ohPatientId,
    receivingPoolId: POOL,
    subject: 'ZZTEST question',
    xhtml:
      '<html xmlns="http://www.w3.org/1999/xhtml"><head><title>t</title></head><body><p>Caf&#233;</p></body></html>',
    attachments: [],
  };
}

async function receive(run: Setup, letter: Record<string, unknown> = {}): Promise<string> {
  const { ohPatientId: patientId } = patientOf(run.mocks);
  const sent = { patientId, subject: 'ZZTEST answer', body: 'Hello', ...letter };
  const response = await run.control('messaging', 'POST', 'inbox', sent);
  return ((await response.json()) as { ohMessageId: string }).ohMessageId;
}

function operationsOf(run: Setup): (string | undefined)[] {
  return run.messagingProxy.exchanges.map(({ operation }) => operation);
}

describe('messages', () => {
  test('are listed over years, window by window, from both boxes', async () => {
    await using run = await setup();
    const { ohPatientId: patientId } = patientOf(run.mocks);
    const inbox = await run.oh.listMessages({ patientId, box: 'inbox', ...everything }, context);
    const outbox = await run.oh.listMessages({ patientId, box: 'outbox', ...everything }, context);
    const all = run.mocks.world.mailbox.byPatient.get(patientId) ?? [];
    expect([...inbox, ...outbox].map(({ id }) => id).toSorted()).toEqual(
      all.map(({ id }) => id).toSorted(),
    );
    expect(inbox.length * outbox.length).toBeGreaterThan(0);
    expect(new Set(operationsOf(run))).toEqual(
      new Set(['listInboxMessages', 'listOutboxMessages']),
    );
  });

  test('are read by id with their references, from both boxes', async () => {
    await using run = await setup();
    const { ohPatientId: patientId } = patientOf(run.mocks);
    const first = await receive(run);
    const letter = { ...letterOf(run), previousMessageId: first };
    const { ohMessageId: reply } = await run.oh.send(letter, context);
    const answer = await receive(run, { previousMessageId: reply });
    const read = await run.oh.getMessage({ patientId, box: 'inbox', messageId: answer }, context);
    const sent = await run.oh.getMessage({ patientId, box: 'outbox', messageId: reply }, context);
    expect(read.sender).toEqual({ type: 'POOL', id: POOL });
    expect(read.referenceIds).toEqual([...sent.referenceIds, sent.referenceId ?? '']);
    expect(sent.blocks).toEqual([{ format: 'XHTML', title: letter.subject, text: letter.xhtml }]);
    expect(operationsOf(run)).toEqual(['sendMessage', 'getInboxMessages', 'getOutboxMessages']);
  });

  test('that came as several blocks, from a person and as a reminder are read as they are', async () => {
    await using run = await setup();
    const { ohPatientId: patientId } = patientOf(run.mocks);
    const texts = [
      { title: 'New', formatType: 'RTF', text: '{\\rtf1 new}' },
      { formatType: 'UNKNOWN', text: 'old' },
    ];
    const messageId = await receive(run, { personnelSenderId: 2100001, texts });
    const message = run.mocks.world.mailbox.byId.get(messageId);
    Object.assign(message ?? {}, { messageType: 'REMINDER' });
    const read = await run.oh.getMessage({ patientId, box: 'inbox', messageId }, context);
    expect(read).toMatchObject({
      messageType: 'REMINDER',
      sender: { type: 'PERSONNEL', id: '2100001' },
      blocks: [
        { format: 'RTF', title: 'New' },
        { format: 'UNKNOWN', text: 'old' },
      ],
    });
  });

  test('that OH does not show yet are worth another try', async () => {
    await using run = await setup();
    const { ohPatientId: patientId } = patientOf(run.mocks);
    const request = { patientId, box: 'inbox', messageId: '9:-6:0:0' } as const;
    expect(await verdictOf(run.oh.getMessage(request, context))).toMatchObject({
      kind: 'retry',
      code: 'oh:message-not-found',
    });
  });
});

describe('a message sent', () => {
  test("with a file has both halves of the file's way agree", async () => {
    await using run = await setup();
    const bytes = new TextEncoder().encode('%PDF-1.4 zztest');
    const file = { name: 'plan é.pdf', mimeType: 'application/pdf', bytes, idempotencyKey: 'k1' };
    const reference = await run.media.upload(file, context);
    expect(await run.media.upload(file, context)).toEqual(reference);
    const sent = await run.oh.send({ ...letterOf(run), attachments: [reference] }, context);
    const { ohMessageId: messageId, patientId } = sent;
    const message = await run.oh.getMessage({ patientId, box: 'outbox', messageId }, context);
    expect(message.attachments).toEqual([reference]);
    const back = await run.media.download(reference, context);
    expect(back).toEqual({ bytes, mimeType: 'application/pdf' });
  });

  test('without an answer is in doubt, and the outbox tells what became of it', async () => {
    await using run = await setup();
    const { ohPatientId: patientId } = patientOf(run.mocks);
    await run.fault('messaging', { path: '/outbox/', method: 'POST', dropAfter: true, times: 1 });
    expect((await verdictOf(run.oh.send(letterOf(run), context))).kind).toBe('in-doubt');
    const since = { patientId, box: 'outbox', since: NOW - 1000, until: NOW } as const;
    const [found, ...others] = await run.oh.listMessages(since, context);
    expect(found?.subject).toBe('ZZTEST question');
    expect(others).toEqual([]);
  });

  test('to a team that takes none is refused for good', async () => {
    await using run = await setup();
    const letter = { ...letterOf(run), receivingPoolId: '2000003' };
    const verdict = await verdictOf(run.oh.send(letter, context));
    expect(verdict).toMatchObject({ kind: 'rejected', code: 'oh:400' });
  });
});

describe('pools and personnel', () => {
  test('are read, found and asked whether they can be written to, several ids at once', async () => {
    await using run = await setup();
    const { oh } = run;
    expect((await oh.getPools([POOL, '2000002', '9'], context)).map(({ id }) => id)).toEqual([
      POOL,
      '2000002',
    ]);
    expect(await oh.findPools('zztest pharm', context)).toEqual([
      { id: '2000002', name: 'ZZTEST Pharmacy' },
    ]);
    expect(await oh.poolAccess([POOL, '2000003'], context)).toEqual(
      new Map([
        [POOL, true],
        ['2000003', false],
      ]),
    );
    expect(await oh.personnelAccess(['2100001', '2100003', '9'], context)).toEqual(
      new Map([
        ['2100001', true],
        ['2100003', false],
      ]),
    );
    expect(operationsOf(run)).toEqual([
      'getPools',
      'findPools',
      'getPoolRecipientAccess',
      'getPersonnelRecipientAccess',
    ]);
  });
});

describe('a combined patient', () => {
  test.each(['inbox', 'outbox'] as const)('is followed to the survivor in the %s', async (box) => {
    await using run = await setup();
    const { oldPatientId, survivorPatientId } = run.mocks.world.population.special.combined;
    const request = { patientId: oldPatientId, box };
    const month = { since: NOW - 30 * 86_400_000, until: NOW };
    const [first] = await run.oh.listMessages({ ...request, ...month }, context);
    const messageId = first?.id ?? '';
    // Another client, because one remembers what it has learned of a patient.
    await using other = await setup();
    const read = await other.oh.getMessage({ ...request, messageId }, context);
    expect(read.patientId).toBe(survivorPatientId);
    const exchanges = [run, other].flatMap(({ messagingProxy }) => messagingProxy.exchanges);
    expect(exchanges.map(({ response }) => response?.status)).toEqual([301, 200, 301, 200]);
    // Ids are lost from the printed path of the inbox, and the outbox list names the inbox.
    const kept =
      box === 'outbox' ? `outbox/messages/${encodeURIComponent(messageId)}` : 'inbox/messages';
    expect([0, 2].map((at) => exchanges[at]?.response?.headers.get('location'))).toEqual([
      `/demo/patients/${survivorPatientId}/inbox/messages`,
      `/demo/patients/${survivorPatientId}/${kept}`,
    ]);
  });

  test('is not redirected when it writes, so the message is refused for good', async () => {
    await using run = await setup();
    const { oldPatientId } = run.mocks.world.population.special.combined;
    const letter = { ...letterOf(run), patientId: oldPatientId };
    const verdict = await verdictOf(run.oh.send(letter, context));
    expect(verdict).toMatchObject({ kind: 'rejected', code: 'oh:patient-unknown' });
  });
});

describe('the caller is proved', () => {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-384' });
  const privateKeyPem = privateKey.export({ type: 'pkcs8', format: 'pem' });
  const jwk = { ...publicKey.export({ format: 'jwk' }), kid: 'k1', alg: 'ES384', kty: 'EC' };
  const clients = [
    { clientId: 'zztest-jwt', jwks: { keys: [jwk] } },
    { clientId: 'zztest-oauth1', secret: "zztest's & secret" },
  ];

  test('by a signed assertion', async () => {
    await using run = await setup({
      clients,
      auth: (variable) => ({
        method: 'private-key-jwt',
        tokenUrl: variable('OH_AUTH_TOKEN_URL'),
        clientId: 'zztest-jwt',
        scope: variable('OH_AUTH_SCOPE'),
        timeoutMs: 5000,
        privateKeyPem,
        keyId: 'k1',
      }),
    });
    expect(await run.oh.findPools('', context)).toHaveLength(3);
  });

  test.each(['PLAINTEXT', 'HMAC-SHA1'] as const)('by OAuth 1.0a %s', async (signatureMethod) => {
    const consumer = { consumerKey: 'zztest-oauth1', consumerSecret: "zztest's & secret" };
    const auth = () => ({ method: 'oauth1' as const, ...consumer, signatureMethod, realm: 'demo' });
    await using run = await setup({ clients, auth });
    const { ohPatientId: patientId } = patientOf(run.mocks);
    const list = await run.oh.listMessages({ patientId, box: 'inbox', ...everything }, context);
    const messageId = list[0]?.id ?? '';
    const read = await run.oh.getMessage({ patientId, box: 'inbox', messageId }, context);
    expect(read.id).toBe(messageId);
    expect((await run.oh.send(letterOf(run), context)).patientId).toBe(patientId);
  });

  test('for another authority than that of the path, which is a fault of configuration', async () => {
    await using run = await setup();
    const other = createOhMessaging({
      baseUrl: run.messagingUrl,
      authority: 'other',
      authorizer: run.authorizer,
      timeoutMs: 5000,
      now: () => NOW,
    });
    const verdict = await verdictOf(other.findPools('', context));
    expect(verdict).toMatchObject({ kind: 'retry', code: 'oh:403' });
  });
});

test('the operations that the exchange leaves alone are those of other uses', () => {
  const all = contracts.messaging.operations.map(({ id }) => id);
  const used = new Set([
    'listInboxMessages',
    'listOutboxMessages',
    'getInboxMessages',
    'getOutboxMessages',
    'sendMessage',
    'getPools',
    'findPools',
    'getPoolRecipientAccess',
    'getPersonnelRecipientAccess',
  ]);
  expect(all.filter((id) => !used.has(id))).toEqual([
    'findInboxByAlias',
    'findOutboxByAlias',
    'deleteInboxMessages',
    'setInboxMessageStatus',
  ]);
});

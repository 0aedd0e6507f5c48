import { describe, expect, test } from 'bun:test';
import type { ToMhv } from '../../src/message.ts';
import { createMhvClient, type MhvClientOptions } from '../../src/mhv/client.ts';
import {
  context,
  NOW,
  refusedUrl,
  serve,
  serveCut,
  serveNothing,
  verdictOf,
} from '../oh/loopback.ts';

const ID = '2170961659:-6:0:0';
/** Beyond 2^53, where a double would read ...992. */
const LARGE = '9007199254740993';
const known = `{"id":${LARGE},"threadId":9007199254740995,"ohMessageId":"${ID}","isOhMessage":true}`;

const message: ToMhv = {
  direction: 'oh-to-mhv',
  ohMessageId: ID,
  icn: '1012345678V123456',
  sender: { ohId: '15730568', type: 'POOL', name: 'ZZTEST POOL' },
  triageGroup: { ohPoolId: '6238822', name: 'ZZTEST POOL', stationNumber: '668' },
  subject: 'Lab follow-up',
  category: 'TEST_RESULTS',
  body: 'Your results are in the normal range.',
  sentAt: Date.parse('2025-10-08T14:15:47.890Z'),
  attachments: [{ name: 'plan.pdf', mediaIdentifier: '{1}', mediaVersion: 1 }],
};

function setup(
  url: string,
  options: Partial<MhvClientOptions> = {},
): ReturnType<typeof createMhvClient> {
  return createMhvClient({
    baseUrl: `${url}/v1/sm/patient`,
    appToken: 'app-token',
    timeoutMs: 1500,
    now: () => NOW,
    ...options,
  });
}

function error(errorCode: number | string, developerMessage: string | null = ''): string {
  return JSON.stringify({ errorCode, developerMessage, message: 'ZZTEST, PATIENT' });
}

async function verdictsOf(
  status: number,
  body: string,
  headers: Record<string, string> = {},
): Promise<{ read: unknown; write: unknown; reason: string; code: string; waitMs?: number }> {
  using server = serve(() => new Response(body, { status, headers }));
  const client = setup(server.url);
  const read = await verdictOf(client.findByOhMessageId(ID, context));
  const write = await verdictOf(client.insert(message, [], context));
  const { reason, code, retryAfterMs: waitMs } = write;
  return { read: read.kind, write: write.kind, reason, code, ...(waitMs ? { waitMs } : {}) };
}

describe('asking whether MHV has a message', () => {
  test('gives its ids, digit by digit', async () => {
    using server = serve(() => new Response(known));
    expect(await setup(server.url).findByOhMessageId(ID, context)).toEqual({
      mhvMessageId: LARGE,
      mhvThreadId: '9007199254740995',
    });
    const [seen] = server.seen;
    expect(seen?.path).toBe('/v1/sm/patient/exchange/message?ohMessageId=2170961659%3A-6%3A0%3A0');
    expect(seen?.headers.get('apptoken')).toBe('app-token');
    expect(seen?.headers.has('x-api-key')).toBe(false);
    expect(seen?.headers.get('accept')).toBe('application/json');
  });

  test('goes to another path, with the key of the gateway, when so configured', async () => {
    using server = serve(() => new Response(known));
    await setup(server.url, { apiKey: 'key', exchangePath: '/x/y' }).findByOhMessageId(ID, context);
    expect(server.seen[0]?.path).toStartWith('/v1/sm/patient/x/y?');
    expect(server.seen[0]?.headers.get('x-api-key')).toBe('key');
  });

  test.each([
    [404, error(115)],
    [400, error(115)],
    [404, '<Error><message>Entity not found</message><errorCode>115</errorCode></Error>'],
    [404, '{"error":"Not Found"}'],
    [404, ''],
  ])('%p %p is the normal no', async (status, body) => {
    using server = serve(() => new Response(body, { status }));
    expect(await setup(server.url).findByOhMessageId(ID, context)).toBeUndefined();
  });

  test('404 with another code is not a no', async () => {
    using server = serve(() => new Response(error(101), { status: 404 }));
    const verdict = await verdictOf(setup(server.url).findByOhMessageId(ID, context));
    expect(verdict).toMatchObject({ kind: 'retry', code: 'mhv:101' });
  });

  test.each(['', '<html>', '{"id":1}', known.replace(ID, 'another')])(
    'with the unreadable answer %p is retry',
    async (body) => {
      using server = serve(() => new Response(body));
      const verdict = await verdictOf(setup(server.url).findByOhMessageId(ID, context));
      expect(verdict).toMatchObject({ kind: 'retry', code: 'mhv:unreadable' });
    },
  );
});

describe('inserting a message', () => {
  test('writes the fields of the contract and gives the ids', async () => {
    using server = serve(() => new Response(known));
    const small = { name: 'a.txt', mimeType: 'text/plain', size: 2, contentBase64: 'aGk=' };
    const large = {
      name: 'b.pdf',
      mimeType: 'application/pdf',
      size: 20480,
      lgAttachmentId: 'b-1',
    };
    const reply = { ...message, inReplyToOhMessageId: 'r', conversationRootOhMessageId: 'c' };
    expect(await setup(server.url).insert(reply, [small, large], context)).toEqual({
      mhvMessageId: LARGE,
      mhvThreadId: '9007199254740995',
    });
    const [seen] = server.seen;
    expect(seen?.method).toBe('POST');
    expect(seen?.path).toBe('/v1/sm/patient/exchange/message');
    expect(seen?.headers.get('apptoken')).toBe('app-token');
    expect(seen?.headers.get('content-type')).toBe('application/json');
    const body: unknown = JSON.parse(seen?.body ?? '');
    expect(body).toEqual({
      ohMessageId: ID,
      icn: '1012345678V123456',
      sender: message.sender,
      triageGroup: message.triageGroup,
      subject: 'Lab follow-up',
      category: 'TEST_RESULTS',
      body: 'Your results are in the normal range.',
      bodyFormat: 'TEXT',
      sentDate: '2025-10-08T14:15:47Z',
      inReplyToOhMessageId: 'r',
      conversationRootOhMessageId: 'c',
      attachments: [small, large],
    });
  });

  test('leaves out what is not there', async () => {
    using server = serve(() => new Response(known));
    await setup(server.url).insert(message, [], context);
    const body: unknown = JSON.parse(server.seen[0]?.body ?? '');
    expect(body).not.toContainAnyKeys([
      'attachments',
      'inReplyToOhMessageId',
      'conversationRootOhMessageId',
      'direction',
    ]);
  });

  test.each(['', '<html>', '{"id":1}', known.replace(ID, 'another')])(
    'with the unreadable answer %p is in doubt',
    async (body) => {
      using server = serve(() => new Response(body));
      const verdict = await verdictOf(setup(server.url).insert(message, [], context));
      expect(verdict).toMatchObject({ kind: 'in-doubt', code: 'mhv:unreadable' });
    },
  );

  test('silence or a cut is in doubt; a refused connection is not', async () => {
    using silent = serveNothing();
    using cut = serveCut();
    const verdicts = await Promise.all(
      [silent.url, cut.url, refusedUrl()].map((url) =>
        verdictOf(setup(url, { timeoutMs: 50 }).insert(message, [], context)),
      ),
    );
    expect(verdicts.map(({ kind, code }) => [kind, code])).toEqual([
      ['in-doubt', 'mhv:timeout'],
      ['in-doubt', 'mhv:connection-lost'],
      ['retry', 'mhv:no-connection'],
    ]);
  });
});

describe('refusals', () => {
  const permanent = [
    100, 103, 104, 105, 106, 111, 112, 113, 114, 116, 117, 118, 119, 120, 121, 122, 123, 124, 125,
    126, 127, 128, 129, 130, 131, 133, 134, 135, 108, 109, 110,
  ].map((code) => [code, 'rejected', 'rejected'] as const);
  const configuration = [101, 102, 132].map((code) => [code, 'retry', 'retry'] as const);
  const before = [107, 901].map((code) => [code, 'retry', 'retry'] as const);
  const unsure = [99, 900, 902, 903, 904].map((code) => [code, 'retry', 'in-doubt'] as const);

  test.each([...permanent, ...configuration, ...before, ...unsure])(
    'error code %p is %s for a read and %s for a write, on HTTP 400 and 500, in JSON and XML',
    async (errorCode, read, write) => {
      const xml = `<?xml version="1.0"?><Error><developerMessage/><errorCode>${errorCode}</errorCode><message>ZZTEST &amp;</message></Error>`;
      const all = await Promise.all(
        [400, 500].flatMap((status) =>
          [error(errorCode), error(`${errorCode}`, null), xml].map((body) =>
            verdictsOf(status, body),
          ),
        ),
      );
      for (const verdict of all) {
        expect(verdict).toMatchObject({ read, write, code: `mhv:${errorCode}` });
        expect(verdict.reason).not.toContain('ZZTEST');
      }
    },
  );

  test('115 is rejected for a write', async () => {
    using server = serve(() => new Response(error(115), { status: 400 }));
    const verdict = await verdictOf(setup(server.url).insert(message, [], context));
    expect(verdict).toMatchObject({ kind: 'rejected', code: 'mhv:115' });
  });

  test('904 is permanent when the message was not found', async () => {
    const detail = 'Severity[Error]:message.not.found;';
    const xml = `<Error><errorCode>904</errorCode><developerMessage>${detail}</developerMessage></Error>`;
    for (const body of [error(904, detail), xml]) {
      const verdict = await verdictsOf(400, body);
      expect(verdict).toMatchObject({ read: 'rejected', write: 'rejected', code: 'mhv:904' });
    }
  });

  const html = '<!DOCTYPE html><html><body>Error</body></html>';
  const docType = '<!DOCTYPE Error [<!ENTITY a "b">]><Error><errorCode>119</errorCode></Error>';
  test.each([
    [401, '', 'retry', 'retry'],
    [401, '{"message":"Unauthorized"}', 'retry', 'retry'],
    [403, '{"message":"Forbidden"}', 'retry', 'retry'],
    [408, '', 'retry', 'retry'],
    [413, html, 'rejected', 'rejected'],
    [415, '', 'rejected', 'rejected'],
    [429, '', 'retry', 'retry'],
    [400, '', 'retry', 'in-doubt'],
    [400, html, 'retry', 'in-doubt'],
    [400, docType, 'retry', 'in-doubt'],
    [400, '<Error>', 'retry', 'in-doubt'],
    [400, '{"error', 'retry', 'in-doubt'],
    [400, '{"message":"Bad Request"}', 'rejected', 'rejected'],
    [302, '', 'retry', 'in-doubt'],
    [500, '', 'retry', 'in-doubt'],
    [500, html, 'retry', 'in-doubt'],
    [502, html, 'retry', 'in-doubt'],
    [503, '', 'retry', 'in-doubt'],
    [504, '', 'retry', 'in-doubt'],
  ] as const)(
    'HTTP %p with %p is %s for a read and %s for a write',
    async (status, body, read, write) => {
      expect(await verdictsOf(status, body)).toMatchObject({ read, write, code: `mhv:${status}` });
    },
  );

  test('an unknown error code leaves it to the status', async () => {
    expect(await verdictsOf(400, error(555))).toMatchObject({ write: 'rejected', code: 'mhv:555' });
    expect(await verdictsOf(500, error(555))).toMatchObject({ write: 'in-doubt', code: 'mhv:555' });
  });

  test('404 without a code is rejected for a write', async () => {
    using server = serve(() => new Response(null, { status: 404 }));
    const verdict = await verdictOf(setup(server.url).insert(message, [], context));
    expect(verdict).toMatchObject({ kind: 'rejected', code: 'mhv:404' });
  });

  test.each([
    ['120', 120_000],
    [new Date(NOW + 90_000).toUTCString(), 90_000],
  ])('Retry-After %p is obeyed', async (header, waitMs) => {
    const headers = { 'Retry-After': header };
    expect(await verdictsOf(429, '', headers)).toMatchObject({ write: 'retry', waitMs });
    expect(await verdictsOf(503, error(99), headers)).toMatchObject({ write: 'in-doubt', waitMs });
  });
});

import { describe, expect, test } from 'bun:test';
import type { MhvSessionOptions } from '../../src/mhv/session.ts';
import { createMhvSessions, type MhvSession } from '../../src/mhv/session.ts';
import {
  context,
  type Loopback,
  NOW,
  refusedUrl,
  type Seen,
  serve,
  serveCut,
  serveNothing,
  verdictOf,
} from '../oh/loopback.ts';

const USER = '10616687';
const LARGE = '9007199254740993';
const draft = { subject: 'CI Run', category: 'OTHER', recipientId: LARGE, body: 'Hello' };

interface Setup {
  session: MhvSession;
  sessionOf: (user: string) => MhvSession;
  clock: { now: number };
}

function setup(url: string, options: Partial<MhvSessionOptions> = {}): Setup {
  const clock = { now: NOW };
  const sessionOf = createMhvSessions({
    baseUrl: `${url}/v1`,
    appToken: 'app-token',
    apiKey: 'key',
    timeoutMs: 1500,
    now: () => clock.now,
    ...options,
  });
  return { session: sessionOf(USER), sessionOf, clock };
}

/** An MHV whose sessions last an hour, and which otherwise answers with what `answer` gives. */
function serveMhv(answer: (request: Seen, token: string) => Response): Loopback {
  let sessions = 0;
  return serve((request) => {
    if (request.path !== '/v1/session') return answer(request, request.headers.get('token') ?? '');
    sessions += 1;
    const Expires = new Date(NOW + 3_600_000).toUTCString();
    return new Response(null, { headers: { Token: `token-${sessions}`, Expires } });
  });
}

function refusal(errorCode: number): Response {
  return Response.json({ errorCode, developerMessage: '', message: 'x' }, { status: 400 });
}

function opened(server: Loopback): number {
  return server.seen.filter(({ path }) => path === '/v1/session').length;
}

async function formOf(seen: Seen | undefined): ReturnType<Response['formData']> {
  const headers = { 'Content-Type': seen?.headers.get('content-type') ?? '' };
  return new Response(seen?.bytes ?? null, { headers }).formData();
}

const stored = () => Response.json({ id: 655570 });

describe('a session', () => {
  test('is opened with the application token and used with its own', async () => {
    using server = serveMhv(stored);
    await setup(server.url).session.create(draft, context);
    const [open, create] = server.seen;
    expect(open?.headers.get('apptoken')).toBe('app-token');
    expect(open?.headers.get('mhvcorrelationid')).toBe(USER);
    expect(open?.headers.get('x-api-key')).toBe('key');
    expect(create?.headers.get('token')).toBe('token-1');
    expect(create?.headers.get('x-api-key')).toBe('key');
    expect(create?.headers.has('apptoken')).toBe(false);
  });

  test('is opened once for many calls of a user, and apart for another user', async () => {
    using server = serveMhv(stored);
    const { session, sessionOf } = setup(server.url);
    await Promise.all([1, 2, 3].map(() => session.create(draft, context)));
    await sessionOf(USER).create(draft, context);
    expect(opened(server)).toBe(1);
    await sessionOf('2').create(draft, context);
    expect(opened(server)).toBe(2);
    expect(server.seen.at(-1)?.headers.get('token')).toBe('token-2');
  });

  test('is renewed a minute before it ends', async () => {
    using server = serveMhv(stored);
    const { session, clock } = setup(server.url);
    await session.create(draft, context);
    clock.now += 3_539_000;
    await session.create(draft, context);
    expect(opened(server)).toBe(1);
    clock.now += 1_000;
    await session.create(draft, context);
    expect(opened(server)).toBe(2);
  });

  test('makes room for others when there are too many', async () => {
    using server = serveMhv(stored);
    const { sessionOf } = setup(server.url, { maxSessions: 1 });
    await sessionOf('1').create(draft, context);
    await sessionOf('2').create(draft, context);
    await sessionOf('1').create(draft, context);
    expect(opened(server)).toBe(3);
  });

  test.each([108, 109, 110])(
    'is opened anew after %p, and the call repeated once',
    async (code) => {
      using server = serveMhv((_request, token) =>
        token === 'token-1' ? refusal(code) : stored(),
      );
      expect((await setup(server.url).session.create(draft, context)).id).toBe('655570');
      expect(opened(server)).toBe(2);
      expect(server.seen).toHaveLength(4);
    },
  );

  test.each([108, 109, 110])('that does not help against %p is a rejection', async (code) => {
    using server = serveMhv(() => refusal(code));
    const verdict = await verdictOf(setup(server.url).session.create(draft, context));
    expect(verdict).toMatchObject({ kind: 'rejected', code: `mhv:${code}` });
    expect(server.seen).toHaveLength(4);
  });

  test('refused in XML is opened anew as well', async () => {
    const body = '<Error><developerMessage/><errorCode>110</errorCode><message>x</message></Error>';
    using server = serveMhv((_request, token) =>
      token === 'token-1' ? new Response(body, { status: 400 }) : stored(),
    );
    expect((await setup(server.url).session.create(draft, context)).id).toBe('655570');
  });

  test.each([
    [400, 105, 'rejected', 'mhv:105'],
    [400, 101, 'retry', 'mhv:101'],
    [400, 107, 'retry', 'mhv:107'],
    [500, 99, 'retry', 'mhv:99'],
    [503, undefined, 'retry', 'mhv:503'],
    [200, undefined, 'retry', 'mhv:session-unreadable'],
  ] as const)(
    'refused with HTTP %p and code %p is %s: nothing was sent',
    async (status, errorCode, kind, code) => {
      using server = serve(() =>
        errorCode === undefined
          ? new Response(null, { status })
          : Response.json({ errorCode, message: 'x' }, { status }),
      );
      const verdict = await verdictOf(setup(server.url).session.create(draft, context));
      expect(verdict).toMatchObject({ kind, code });
      expect(server.seen).toHaveLength(1);
    },
  );

  test('that never opens is retry for a write too', async () => {
    using silent = serveNothing();
    using cut = serveCut();
    const verdicts = await Promise.all(
      [silent.url, cut.url, refusedUrl()].map((url) =>
        verdictOf(setup(url, { timeoutMs: 50 }).session.create(draft, context)),
      ),
    );
    expect(verdicts.map(({ kind, code }) => [kind, code])).toEqual([
      ['retry', 'mhv:timeout'],
      ['retry', 'mhv:connection-lost'],
      ['retry', 'mhv:no-connection'],
    ]);
  });

  test.each(['', 'V1', '1;2'])('is not asked for the user %p', async (user) => {
    using server = serveMhv(stored);
    const verdict = await verdictOf(setup(server.url).sessionOf(user).create(draft, context));
    expect(verdict).toMatchObject({ kind: 'rejected', code: 'mhv:invalid-correlation-id' });
    expect(server.seen).toHaveLength(0);
  });
});

describe('writing', () => {
  test('a message and a reply carry the recipient as a number, digit by digit', async () => {
    using server = serveMhv(
      () =>
        new Response(
          `{"id":${LARGE},"sentDate":"Mon, 24 Oct 2016 14:27:01 GMT","isOhMessage":true,` +
            `"attachments":{"attachment":[{"id":${LARGE},"name":"a.jpg","attachmentSize":210000}]}}`,
        ),
    );
    const { session } = setup(server.url);
    expect(await session.create(draft, context)).toEqual({
      id: LARGE,
      sentAt: Date.parse('2016-10-24T14:27:01Z'),
      isOhMessage: true,
      attachments: [{ id: LARGE, name: 'a.jpg', sizeBytes: 210_000 }],
    });
    await session.reply('674838', draft, context);
    const [, create, reply] = server.seen;
    expect(create?.path).toBe('/v1/message');
    expect(reply?.path).toBe('/v1/message/674838/reply');
    expect(create?.headers.get('content-type')).toBe('application/json');
    const body = `{"subject":"CI Run","category":"OTHER","recipientId":${LARGE},"body":"Hello"}`;
    expect(create?.body).toBe(body);
    expect(reply?.body).toBe(body);
  });

  test('files go along as parts of a form', async () => {
    using server = serveMhv(stored);
    const bytes = new Uint8Array([1, 2, 255]);
    const upload = { name: 'lab é.pdf', mimeType: 'application/pdf', bytes };
    const uploads = [upload, { ...upload, name: 'b.pdf' }];
    await setup(server.url).session.create({ ...draft, files: { uploads } }, context);
    expect(server.seen[1]?.path).toBe('/v1/message/attach');
    const form = await formOf(server.seen[1]);
    const part = form.get('message');
    expect(part).toBeInstanceOf(File);
    expect((part as File).name).toBe('message');
    expect(server.seen[1]?.body).toContain('Content-Type: application/json');
    expect(await (part as File).text()).toContain(`"recipientId":${LARGE}`);
    const files = form.getAll('uploads[]').map((file) => file as File);
    expect(files.map(({ name }) => name)).toEqual(['lab é.pdf', 'b.pdf']);
    expect(files[0]?.type).toBe('application/pdf');
    expect(new Uint8Array((await files[0]?.arrayBuffer()) ?? [])).toEqual(bytes);
  });

  test('large files are listed in one part', async () => {
    using server = serveMhv(stored);
    const file = { mimeType: 'image/jpg', size: 7_340_032, lgAttachmentId: 'sm-1.jpg' };
    const files = { large: [{ name: 'sm_file1.jpg', ...file }] };
    await setup(server.url).session.reply('5', { ...draft, files }, context);
    expect(server.seen[1]?.path).toBe('/v1/message/5/reply/attach');
    const part = (await formOf(server.seen[1])).get('lgAttachments[]') as File;
    const list: unknown = JSON.parse(await part.text());
    expect(list).toEqual([{ attachmentName: 'sm_file1.jpg', ...file }]);
  });

  test('a recipient that is not a number is refused before anything is sent', async () => {
    using server = serveMhv(stored);
    const call = setup(server.url).session.create({ ...draft, recipientId: 'team' }, context);
    expect(await verdictOf(call)).toMatchObject({ kind: 'rejected', code: 'mhv:invalid-id' });
    expect(server.seen).toHaveLength(0);
  });

  test.each([
    [200, 'null', 'in-doubt', 'mhv:unreadable'],
    [200, '<Error/>', 'in-doubt', 'mhv:unreadable'],
    [400, '{"errorCode":119}', 'rejected', 'mhv:119'],
    [400, '{"errorCode":903}', 'in-doubt', 'mhv:903'],
    [401, '', 'retry', 'mhv:401'],
    [503, '', 'in-doubt', 'mhv:503'],
  ] as const)('answered with HTTP %p %p is %s', async (status, body, kind, code) => {
    using server = serveMhv(() => new Response(body, { status }));
    const verdict = await verdictOf(setup(server.url).session.reply('5', draft, context));
    expect(verdict).toMatchObject({ kind, code });
  });
});

describe('reading', () => {
  test.each([
    [
      { messageId: 1, status: 'SENT', isOhMessage: true, ohSecureMessageId: '5.0.-4.prsnl' },
      { status: 'SENT', isOhMessage: true, ohSecureMessageId: '5.0.-4.prsnl' },
    ],
    [
      { messageId: 1, status: 'FAILED', ohSecureMessageId: null },
      { status: 'FAILED', isOhMessage: false },
    ],
    [
      { messageId: 1, status: 'LOST' },
      { status: 'UNKNOWN', isOhMessage: false },
    ],
  ])('the delivery status %j', async (body, expected) => {
    using server = serveMhv(() => Response.json(body));
    const found: unknown = await setup(server.url).session.status('1', context);
    expect(found).toEqual(expected);
    expect(server.seen[1]?.path).toBe('/v1/message/1/status');
  });

  test('the delivery status of an unknown message is rejected', async () => {
    using server = serveMhv(() => Response.json({ error: 'Not Found' }, { status: 404 }));
    const verdict = await verdictOf(setup(server.url).session.status('1', context));
    expect(verdict).toMatchObject({ kind: 'rejected', code: 'mhv:404' });
  });

  test('triage teams are read from behind their totals, ids as text and names unescaped', async () => {
    using server = serveMhv(
      () =>
        new Response(`[{"associatedTriageGroups":2},{"triageTeam":[
        {"triageTeamId":${LARGE},"name":"Green &amp; Blue","stationNumber":"589GR","ohTriageGroup":true,"blockedStatus":true},
        {"triageTeamId":153463,"name":"ZZTEST","stationNumber":null}]}]`),
    );
    const teams = await setup(server.url).session.teams(context);
    expect(server.seen[1]?.path).toBe('/v1/alltriageteams?requiresOHTriageGroup=1');
    expect(teams).toEqual([
      { id: LARGE, name: 'Green & Blue', stationNumber: '589GR', isOhTeam: true, isBlocked: true },
      { id: '153463', name: 'ZZTEST', isOhTeam: false, isBlocked: false },
    ]);
  });

  test('a thread is oldest first, without drafts, and unescaped once', async () => {
    using server = serveMhv(
      () =>
        new Response(`[
        {"messageId":3,"threadId":${LARGE},"folderId":0,"sentDate":"2024-06-25T16:00:00.000+02:00",
         "messageBody":"&ldquo;I&#39;m &amp;lt; 5&rdquo; &copy","senderName":"O&apos;ZZTEST, A","senderId":${LARGE},
         "recipientId":2570050,"recipientName":"ZZTEST","triageGroupName":"Green &amp; Blue","category":"OTHER",
         "subject":"A &lt; B","hasAttachments":true,"isOhMessage":true,"readReceiptDate":"2024-06-25T10:15:06"},
        {"messageId":2,"threadId":${LARGE},"folderId":-2,"sentDate":"2024-06-25T10:00:00.000+00:00"},
        {"messageId":4,"threadId":${LARGE},"folderId":5,"sentDate":null},
        {"messageId":1,"threadId":${LARGE},"sentDate":"Tue, 25 Jun 2024 13:59:59 GMT","messageBody":null}
      ]`),
    );
    const thread = await setup(server.url).session.thread('3', context);
    expect(server.seen[1]?.path).toBe('/v1/message/3/messagesforthread?requiresOHMessages=1');
    expect(thread).toEqual([
      {
        id: '1',
        threadId: LARGE,
        sentAt: Date.parse('2024-06-25T13:59:59Z'),
        subject: '',
        category: 'OTHER',
        body: '',
        hasAttachments: false,
        isOhMessage: false,
      },
      {
        id: '3',
        threadId: LARGE,
        senderId: LARGE,
        senderName: "O'ZZTEST, A",
        recipientId: '2570050',
        recipientName: 'ZZTEST',
        triageGroupName: 'Green & Blue',
        sentAt: Date.parse('2024-06-25T14:00:00Z'),
        subject: 'A < B',
        category: 'OTHER',
        body: "“I'm &lt; 5” &copy",
        folderId: 0,
        hasAttachments: true,
        isOhMessage: true,
      },
    ]);
  });

  test.each(['{}', '[{"messageId":1}]', '[{"messageId":1,"threadId":1,"sentDate":"soon"}]'])(
    'the unreadable thread %p is retry',
    async (body) => {
      using server = serveMhv(() => new Response(body));
      const verdict = await verdictOf(setup(server.url).session.thread('3', context));
      expect(verdict).toMatchObject({ kind: 'retry', code: 'mhv:unreadable' });
    },
  );
});

describe('files', () => {
  const bytes = new Uint8Array([1, 2, 255]);
  const ids = { messageId: '5', attachmentId: '6' };

  test.each([
    ['attachment; filename=a.jpg', 'a.jpg'],
    ['attachment; filename="lab one.jpg"; size=3', 'lab one.jpg'],
    ['attachment', undefined],
  ])('come as bytes, with the name in %p', async (disposition, name) => {
    using server = serveMhv(() => {
      const headers = { 'Content-Type': 'image/jpeg', 'Content-Disposition': disposition };
      return new Response(bytes, { headers });
    });
    const file = await setup(server.url).session.file(ids, context);
    expect(file).toEqual({ bytes, mimeType: 'image/jpeg', ...(name ? { name } : {}) });
    expect(server.seen[1]?.path).toBe('/v1/message/5/attachment/6');
  });

  test('come from the link in the answer, which gets none of our tokens', async () => {
    using store = serve(() => new Response(bytes, { headers: { 'Content-Type': 'image/png' } }));
    const url = `${store.url}/bucket/a.png?sig=1`;
    const links = [{ url, mimeType: 'image/x-named', name: 'named.png' }, url];
    using server = serveMhv(() => Response.json(links.shift()));
    const { session } = setup(server.url, { fileOrigins: [store.url] });
    expect(await session.file(ids, context)).toEqual({
      bytes,
      mimeType: 'image/x-named',
      name: 'named.png',
    });
    expect(await session.file(ids, context)).toEqual({ bytes, mimeType: 'image/png' });
    for (const { path, headers } of store.seen) {
      expect(path).toBe('/bucket/a.png?sig=1');
      expect([headers.has('token'), headers.has('x-api-key')]).toEqual([false, false]);
    }
  });

  test.each(['file:///etc/passwd', 'javascript:1', 'a.png'])(
    'are not looked for at %p',
    async (url) => {
      using server = serveMhv(() => Response.json({ url }));
      const verdict = await verdictOf(setup(server.url).session.file(ids, context));
      expect(verdict).toMatchObject({ kind: 'retry', code: 'mhv:unreadable' });
    },
  );

  test('that are large are put where MHV says, and named by the end of that URL', async () => {
    using store = serve(() => new Response());
    const url = `${store.url}/bucket/lab%20plan-0b7c.pdf?sig=1`;
    using server = serveMhv(() => Response.json(url));
    const { session } = setup(server.url, { fileOrigins: [store.url] });
    const place = await session.presignedUrl('lab plan.v2.pdf', context);
    expect(place).toEqual({ url, lgAttachmentId: 'lab%20plan-0b7c.pdf' });
    expect(server.seen[1]?.path).toBe(
      '/v1/attachment/presigned-url?attachmentName=lab%20plan.v2&fileExtension=pdf',
    );
    await session.put(place.url, { bytes, mimeType: 'application/pdf' }, context);
    const [seen] = store.seen;
    expect([seen?.method, seen?.headers.get('content-type')]).toEqual(['PUT', 'application/pdf']);
    expect(seen?.bytes).toEqual(bytes);
    expect([seen?.headers.has('token'), seen?.headers.has('x-api-key')]).toEqual([false, false]);
  });

  test('without an extension can not be large', async () => {
    using server = serveMhv(stored);
    const verdict = await verdictOf(setup(server.url).session.presignedUrl('plan', context));
    expect(verdict).toMatchObject({ kind: 'rejected', code: 'mhv:no-file-extension' });
  });

  test.each([
    [307, 'rejected'],
    [403, 'retry'],
    [404, 'rejected'],
    [429, 'retry'],
    [503, 'retry'],
  ] as const)('that the store answers with %p are %s', async (status, kind) => {
    using store = serve(() => new Response(null, { status, headers: { 'Retry-After': '3' } }));
    const { session } = setup(refusedUrl(), { fileOrigins: [store.url] });
    const put = session.put(store.url, { bytes, mimeType: 'application/pdf' }, context);
    const expected = { kind, code: `mhv-file:${status}`, retryAfterMs: 3000 };
    expect(await verdictOf(put)).toMatchObject(expected);
  });
});

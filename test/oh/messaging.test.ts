import { describe, expect, test } from 'bun:test';
import { createOhMessaging, type OhMessagingOptions } from '../../src/oh/messaging.ts';
import {
  context,
  NOW,
  refusedUrl,
  type Seen,
  serve,
  serveCut,
  serveNothing,
  verdictOf,
} from './loopback.ts';

const ID = '3000000005:-6:0:0';
/** Beyond 2^53, where a double would read ...992. */
const LARGE = '9007199254740993';

function setup(
  url: string,
  options: Partial<OhMessagingOptions> = {},
): {
  messaging: ReturnType<typeof createOhMessaging>;
  get: () => ReturnType<ReturnType<typeof createOhMessaging>['getMessage']>;
} {
  const messaging = createOhMessaging({
    baseUrl: `${url}/messaging/demo/service`,
    authority: 'demo',
    timeoutMs: 1500,
    now: () => NOW,
    ...options,
  });
  const wanted = { patientId: '1000001', box: 'inbox', messageId: ID } as const;
  return { messaging, get: () => messaging.getMessage(wanted, context) };
}

const message = {
  id: ID,
  subject: 'Re: Refill question',
  poolSenderId: 2000001,
  createDate: '2025-01-31T15:04:05Z',
  messageType: 'MESSAGE',
  status: 'UNREAD',
  receivers: [{ receiverId: 1000001, type: 'PERSON', status: 'UNREAD' }],
  attachments: [{ name: 'plan.pdf', mediaIdentifier: '{00000000}', mediaVersion: 1 }],
  patientId: 1000001,
  encounterId: 4000001,
  text: '{\\rtf1 Old.\\par}',
  texts: [
    { title: 'Re: Refill question', formatType: 'XHTML', text: '<p>New.</p>' },
    { formatType: 'RTF', text: '{\\rtf1 Old.\\par}' },
  ],
  referenceId: 'ref-5',
  referenceIds: ['ref-1', 'ref-3'],
};

function mapOf(...messages: { id?: string; [field: string]: unknown }[]): Response {
  return Response.json({ messagesById: Object.fromEntries(messages.map((m) => [m.id ?? ID, m])) });
}

function at(text: string): number {
  return Date.parse(text);
}

describe('reading one message', () => {
  test('asks with references, our charset and trace id, colons escaped', async () => {
    using server = serve(() => mapOf(message));
    await setup(server.url).get();
    const [seen] = server.seen;
    expect(seen?.path).toBe(
      '/messaging/demo/service/demo/patients/1000001/inbox/messages/3000000005%3A-6%3A0%3A0?loadReferences=true',
    );
    expect(seen?.headers.get('accept')).toBe('application/json');
    expect(seen?.headers.get('accept-charset')).toBe('UTF-8');
    expect(seen?.headers.get('cerner-correlation-id')).toBe('attempt-1');
  });

  test('gives every field in our words', async () => {
    using server = serve(() => mapOf(message));
    expect(await setup(server.url).get()).toEqual({
      id: ID,
      subject: 'Re: Refill question',
      createdAt: at('2025-01-31T15:04:05Z'),
      messageType: 'MESSAGE',
      sender: { type: 'POOL', id: '2000001' },
      receivers: [{ type: 'PERSON', id: '1000001' }],
      patientId: '1000001',
      encounterId: '4000001',
      blocks: [
        { title: 'Re: Refill question', format: 'XHTML', text: '<p>New.</p>' },
        { format: 'RTF', text: '{\\rtf1 Old.\\par}' },
      ],
      referenceId: 'ref-5',
      referenceIds: ['ref-1', 'ref-3'],
      attachments: [{ name: 'plan.pdf', mediaIdentifier: '{00000000}', mediaVersion: 1 }],
    });
  });

  test('keeps ids beyond 2^53 digit by digit', async () => {
    using server = serve(() => {
      const ids = `"patientId":${LARGE},"encounterId":9223372036854775807,"personnelSenderId":${LARGE}`;
      const rest = `"createDate":"2025-01-31T15:04:05Z","ccReceivers":[{"type":"POOL","receiverId":${LARGE}}]`;
      return new Response(`{"messagesById":{"${ID}":{"unknown":1e400,${ids},${rest}}}}`);
    });
    expect(await setup(server.url).get()).toMatchObject({
      patientId: LARGE,
      encounterId: '9223372036854775807',
      sender: { type: 'PERSONNEL', id: LARGE },
      receivers: [{ type: 'POOL', id: LARGE }],
    });
  });

  test('does with the least that OH promises', async () => {
    using server = serve(() =>
      mapOf({
        id: ID,
        createDate: '2025-01-31T15:04:05',
        text: '{\\rtf1 Only.}',
        texts: null,
        poolSenderId: 0,
        emailSender: { address: 'x@oh.invalid' },
        receivers: null,
        ccReceivers: [
          { type: 'EMAIL', email: {} },
          { type: 'ROBOT', receiverId: 1 },
        ],
        attachments: null,
        referenceIds: null,
        subject: null,
        encounterId: 0,
      }),
    );
    expect(await setup(server.url).get()).toEqual({
      id: ID,
      subject: '',
      createdAt: at('2025-01-31T15:04:05Z'),
      messageType: 'MESSAGE',
      receivers: [],
      patientId: '1000001',
      blocks: [{ format: 'RTF', text: '{\\rtf1 Only.}' }],
      referenceIds: [],
      attachments: [],
    });
  });

  test('is tried again when OH does not show the message yet', async () => {
    using server = serve(() => Response.json({ messagesById: {} }));
    const verdict = await verdictOf(setup(server.url).get());
    expect(verdict).toMatchObject({ kind: 'retry', code: 'oh:message-not-found' });
  });

  const unreadable = ['', 'not json', '[]', '{"messagesById":{"3000000005:-6:0:0":{"subject":1}}}'];
  test.each(unreadable)('is tried again after the unreadable answer %p', async (body) => {
    using server = serve(() => new Response(body));
    const verdict = await verdictOf(setup(server.url).get());
    expect(verdict).toMatchObject({ kind: 'retry', code: 'oh:unreadable', httpStatus: 200 });
  });

  test.each([
    [204, 'rejected', 'oh:204'],
    [301, 'rejected', 'oh:301'],
    [302, 'rejected', 'oh:302'],
    [400, 'rejected', 'oh:400'],
    [401, 'retry', 'oh:unauthorized'],
    [403, 'retry', 'oh:403'],
    [404, 'rejected', 'oh:patient-unknown'],
    [406, 'rejected', 'oh:406'],
    [408, 'retry', 'oh:408'],
    [429, 'retry', 'oh:429'],
    [500, 'retry', 'oh:500'],
    [502, 'retry', 'oh:502'],
    [503, 'retry', 'oh:503'],
    [504, 'retry', 'oh:504'],
  ] as const)('status %p is %s as %s', async (status, kind, code) => {
    using server = serve(() => new Response(null, { status }));
    const verdict = await verdictOf(setup(server.url).get());
    expect(verdict).toMatchObject({ kind, code, httpStatus: status });
    expect(verdict.reason).not.toContain('1000001');
  });

  test.each([
    ['120', 120_000],
    [new Date(NOW + 90_000).toUTCString(), 90_000],
    [new Date(NOW - 90_000).toUTCString(), 0],
    ['soon', undefined],
  ])('Retry-After %p is a wait of %p ms', async (header, waitMs) => {
    using server = serve(
      () => new Response(null, { status: 503, headers: { 'Retry-After': header } }),
    );
    expect((await verdictOf(setup(server.url).get())).retryAfterMs).toBe(waitMs);
  });

  test('silence, a cut and a refused connection are retry', async () => {
    using silent = serveNothing();
    using cut = serveCut();
    const verdicts = await Promise.all(
      [silent.url, cut.url, refusedUrl()].map((url) =>
        verdictOf(setup(url, { timeoutMs: 50 }).get()),
      ),
    );
    expect(verdicts.map(({ kind, code }) => [kind, code])).toEqual([
      ['retry', 'oh:timeout'],
      ['retry', 'oh:connection-lost'],
      ['retry', 'oh:no-connection'],
    ]);
  });
});

describe('a patient who was combined into another', () => {
  function serveCombined(survivorOf: Record<string, string>): ReturnType<typeof serve> {
    return serve(({ path }) => {
      const patientId = /patients\/([^/]+)/.exec(path)?.[1] ?? '';
      const survivor = survivorOf[patientId];
      if (survivor === undefined) return mapOf({ ...message, id: ID });
      return new Response(null, { status: 301, headers: { Location: survivor } });
    });
  }

  test.each([
    'http://elsewhere.invalid/messaging/demo/service/demo/patients/1000002/inbox/messages',
    '/demo/patients/1000002/inbox/messages?beginDate=2025-01-01T00:00:00Z',
    '/demo/patients/1000002/outbox/messages/3000000005%3A-6%3A0%3A0',
  ])(
    'is found again by the id in Location %p, on our own host, message id kept',
    async (location) => {
      using server = serveCombined({ 1000001: location });
      await setup(server.url).get();
      expect(server.seen.map(({ path }) => path.split('/demo/patients/')[1])).toEqual([
        '1000001/inbox/messages/3000000005%3A-6%3A0%3A0?loadReferences=true',
        '1000002/inbox/messages/3000000005%3A-6%3A0%3A0?loadReferences=true',
      ]);
    },
  );

  test('is remembered: the next read goes straight to the survivor, until that is forgotten', async () => {
    using server = serveCombined({ 1000001: '/demo/patients/1000002/inbox/messages' });
    const clock = { now: 0 };
    const client = setup(server.url, { now: () => clock.now });
    const asked = () => server.seen.splice(0).map(({ path }) => /patients\/(\d+)/.exec(path)?.[1]);
    await client.get();
    expect(asked()).toEqual(['1000001', '1000002']);
    await client.get();
    expect(asked()).toEqual(['1000002']);
    clock.now += 16 * 60_000;
    await client.get();
    expect(asked()).toEqual(['1000001', '1000002']);
  });

  test('is followed for five hops and no further', async () => {
    const chain = Object.fromEntries(
      [1, 2, 3, 4, 5, 6].map((n) => [`100000${n}`, `/demo/patients/100000${n + 1}/inbox/messages`]),
    );
    const { 1000006: _last, ...five } = chain;
    using reachable = serveCombined(five);
    await setup(reachable.url).get();
    expect(reachable.seen.at(-1)?.path).toContain('/patients/1000006/');
    using tooFar = serveCombined(chain);
    expect(await verdictOf(setup(tooFar.url).get())).toMatchObject({
      kind: 'rejected',
      code: 'oh:patient-combined',
    });
  });

  test('in a circle is rejected after one round', async () => {
    using server = serveCombined({ 1000001: '/patients/1000002/', 1000002: '/patients/1000001/' });
    const verdict = await verdictOf(setup(server.url).get());
    expect(verdict).toMatchObject({ kind: 'rejected', code: 'oh:patient-combined' });
    expect(server.seen).toHaveLength(2);
  });

  test.each(['', '/demo/pools/1', '/demo/patients/%E0%A4%A/inbox/messages'])(
    'but not named by Location %p is rejected',
    async (location) => {
      using server = serveCombined({ 1000001: location });
      const verdict = await verdictOf(setup(server.url).get());
      expect(verdict).toMatchObject({ kind: 'rejected', code: 'oh:301' });
    },
  );
});

describe('listing a box', () => {
  const DAY_MS = 86_400_000;

  function rangeOf(path: string): { begin: number; end: number } {
    const query = new URL(path, 'http://oh.invalid').searchParams;
    return { begin: at(query.get('beginDate') ?? ''), end: at(query.get('endDate') ?? '') };
  }

  /** A mailbox whose list holds what was created in the window, both borders counted. */
  function serveBox(createdAt: number[]): ReturnType<typeof serve> {
    return serve(({ path }: Seen) => {
      const { begin, end } = rangeOf(path);
      const messages = createdAt
        .filter((instant) => instant >= begin && instant <= end)
        .map((instant) => ({ id: `m${instant}`, createDate: new Date(instant).toISOString() }));
      return Response.json({ messages: messages.toReversed() });
    });
  }

  function list(
    url: string,
    range: { since: number; until: number },
    options?: Partial<OhMessagingOptions>,
  ): Promise<{ id: string; createdAt: number }[]> {
    const request = { patientId: '1000001', box: 'inbox', ...range } as const;
    return setup(url, options).messaging.listMessages(request, context);
  }

  test('asks for every state but deleted, dates in UTC without milliseconds', async () => {
    using server = serve(() => Response.json({}));
    const { messaging } = setup(server.url);
    const range = { patientId: '1', since: at('2025-01-01T00:00:00.999Z') };
    const until = at('2025-01-02T00:00:00.001Z');
    expect(await messaging.listMessages({ ...range, until, box: 'inbox' }, context)).toEqual([]);
    expect(await messaging.listMessages({ ...range, until, box: 'outbox' }, context)).toEqual([]);
    const query =
      '?beginDate=2025-01-01T00%3A00%3A00Z&endDate=2025-01-02T00%3A00%3A01Z&statuses=UNREAD,OPEN,ONHOLD';
    expect(server.seen.map(({ path }) => path)).toEqual([
      `/messaging/demo/service/demo/patients/1/inbox/messages${query}&types=MESSAGE,REMINDER`,
      `/messaging/demo/service/demo/patients/1/outbox/messages${query}&types=MESSAGE`,
    ]);
  });

  test('gives every field of a line', async () => {
    using server = serve(() => Response.json({ messages: [message] }));
    const { messaging } = setup(server.url);
    const request = {
      patientId: '1000001',
      box: 'inbox',
      since: NOW - DAY_MS,
      until: NOW,
    } as const;
    expect(await messaging.listMessages(request, context)).toEqual([
      {
        id: ID,
        referenceId: 'ref-5',
        createdAt: at('2025-01-31T15:04:05Z'),
        sender: { type: 'POOL', id: '2000001' },
        receivers: [{ type: 'PERSON', id: '1000001' }],
        subject: 'Re: Refill question',
        messageType: 'MESSAGE',
      },
    ]);
  });

  test('reads years in windows of at most 90 days that leave no gap, each message once', async () => {
    const since = at('2023-01-01T00:00:00Z');
    const until = at('2025-01-01T00:00:00Z');
    const createdAt = [since, since + 90 * DAY_MS, since + 500 * DAY_MS, until];
    using server = serveBox(createdAt);
    const found = await list(server.url, { since, until });
    expect(found.map((line) => line.createdAt)).toEqual(createdAt);
    const windows = server.seen.map(({ path }) => rangeOf(path));
    expect(windows).toHaveLength(9);
    expect(windows[0]?.begin).toBe(since);
    expect(windows.at(-1)?.end).toBe(until);
    for (const [index, { begin, end }] of windows.entries()) {
      expect(end - begin).toBeWithin(1, 90 * DAY_MS + 1);
      if (index > 0) expect(begin).toBe(windows[index - 1]?.end ?? 0);
    }
  });

  test('reads a window again in halves while its list is too long', async () => {
    const since = at('2025-01-01T00:00:00Z');
    const createdAt = [0, 10, 20, 3000, 80_000].map((seconds) => since + seconds * 1000);
    using server = serveBox(createdAt);
    const found = await list(server.url, { since, until: since + DAY_MS }, { maxPerWindow: 2 });
    expect(found.map((line) => line.createdAt)).toEqual(createdAt);
    const last = server.seen.map(({ path }) => rangeOf(path)).at(-1);
    expect(last).toEqual({ begin: since + DAY_MS / 2, end: since + DAY_MS });
  });

  test('takes one second as it is, however long its list', async () => {
    using server = serveBox([NOW, NOW + 1, NOW + 2]);
    const found = await list(server.url, { since: NOW, until: NOW + 2 }, { maxPerWindow: 1 });
    expect(found).toHaveLength(3);
    expect(server.seen).toHaveLength(1);
  });

  test('reads in halves what is too large to be read at once', async () => {
    const since = at('2025-01-01T00:00:00Z');
    using server = serve(({ path }) => {
      const { begin, end } = rangeOf(path);
      if (end - begin > DAY_MS) return new Response(new Uint8Array(8 * 1024 * 1024 + 1));
      return Response.json({ messages: [] });
    });
    expect(await list(server.url, { since, until: since + 2 * DAY_MS })).toEqual([]);
    expect(server.seen).toHaveLength(3);
  });

  test('takes windowDays from 1 to 90 and reads nothing when the end is before the beginning', async () => {
    using server = serveBox([]);
    await list(server.url, { since: NOW - 3 * DAY_MS, until: NOW }, { windowDays: 0 });
    expect(server.seen).toHaveLength(3);
    await list(server.url, { since: NOW - 180 * DAY_MS, until: NOW }, { windowDays: 1000 });
    expect(server.seen).toHaveLength(5);
    expect(await list(server.url, { since: NOW, until: NOW - 1 })).toEqual([]);
    expect(server.seen).toHaveLength(5);
  });

  test('follows a combined patient, and fails whole when one window fails', async () => {
    using server = serve(({ path }) => {
      if (path.includes('/patients/1000002/')) return new Response(null, { status: 500 });
      const Location = '/demo/patients/1000002/inbox/messages';
      return new Response(null, { status: 301, headers: { Location } });
    });
    expect(await verdictOf(list(server.url, { since: NOW - DAY_MS, until: NOW }))).toMatchObject({
      kind: 'retry',
      code: 'oh:500',
    });
  });
});

describe('sending', () => {
  const outgoing = {
    patientId: LARGE,
    receivingPoolId: '9007199254740995',
    subject: 'Refill',
    xhtml: '<html xmlns="http://www.w3.org/1999/xhtml"><body>Thank you.</body></html>',
    attachments: [],
  };

  function created(location: string | undefined): () => Response {
    const headers: Record<string, string> = location === undefined ? {} : { Location: location };
    return () => new Response(null, { status: 201, headers });
  }

  test.each([
    `/demo/patients/${LARGE}/outbox/messages/3000000007%3A-4%3A0%3A0`,
    `http://inside.invalid/messaging/demo/service/demo/patients/${LARGE}/outbox/messages/3000000007%3A-4%3A0%3A0`,
  ])('gives the ids in Location %p, decoded once', async (location) => {
    using server = serve(created(location));
    expect(await setup(server.url).messaging.send(outgoing, context)).toEqual({
      ohMessageId: '3000000007:-4:0:0',
      patientId: LARGE,
    });
  });

  test('writes ids as numbers digit by digit, and nothing that is not there', async () => {
    using server = serve(created('/demo/patients/1/outbox/messages/2%253A'));
    const { ohMessageId } = await setup(server.url).messaging.send(outgoing, context);
    expect(ohMessageId).toBe('2%3A');
    const [seen] = server.seen;
    expect(seen?.path).toBe(`/messaging/demo/service/demo/patients/${LARGE}/outbox/messages`);
    expect(seen?.headers.get('content-type')).toBe('application/json; charset=UTF-8');
    expect(seen?.body).toBe(
      `{"patientId":${LARGE},"receivers":[{"receiverId":9007199254740995,"type":"POOL"}],"subject":"Refill",` +
        `"text":${JSON.stringify(outgoing.xhtml)},"formatType":"XHTML"}`,
    );
  });

  test('names the message replied to and the files', async () => {
    using server = serve(created('/demo/patients/1/outbox/messages/2'));
    const attachments = [{ name: 'label.jpg', mediaIdentifier: '{2}', mediaVersion: 1 }];
    const reply = { ...outgoing, previousMessageId: ID, attachments };
    await setup(server.url).messaging.send(reply, context);
    const body: unknown = JSON.parse(server.seen[0]?.body ?? '');
    expect(body).toMatchObject({ previousMessageId: ID, attachments });
  });

  test.each(['', '0', '12a', '-1', '1e3', '007', '9223372036854775808'])(
    'refuses the id %p before anything is sent',
    async (receivingPoolId) => {
      using server = serve(created('/demo/patients/1/outbox/messages/2'));
      const call = setup(server.url).messaging.send({ ...outgoing, receivingPoolId }, context);
      expect(await verdictOf(call)).toMatchObject({ kind: 'rejected', code: 'oh:invalid-id' });
      expect(server.seen).toHaveLength(0);
    },
  );

  test.each([undefined, '/demo/patients/1/inbox', '/patients/1/outbox/messages/%E0%A4%A'])(
    'with the unreadable Location %p is in doubt',
    async (location) => {
      using server = serve(created(location));
      const verdict = await verdictOf(setup(server.url).messaging.send(outgoing, context));
      expect(verdict).toMatchObject({ kind: 'in-doubt', code: 'oh:unreadable', httpStatus: 201 });
    },
  );

  test.each([
    [301, 'rejected', 'oh:301'],
    [400, 'rejected', 'oh:400'],
    [401, 'retry', 'oh:unauthorized'],
    [403, 'retry', 'oh:403'],
    [404, 'rejected', 'oh:patient-unknown'],
    [406, 'rejected', 'oh:406'],
    [409, 'rejected', 'oh:409'],
    [413, 'rejected', 'oh:413'],
    [415, 'rejected', 'oh:415'],
    [429, 'retry', 'oh:429'],
    [500, 'in-doubt', 'oh:500'],
    [502, 'in-doubt', 'oh:502'],
    [503, 'in-doubt', 'oh:503'],
    [504, 'in-doubt', 'oh:504'],
  ] as const)('status %p is %s as %s', async (status, kind, code) => {
    using server = serve(() => new Response('ZZTEST', { status, headers: { 'Retry-After': '9' } }));
    const verdict = await verdictOf(setup(server.url).messaging.send(outgoing, context));
    expect(verdict).toMatchObject({ kind, code, httpStatus: status });
    expect(verdict.reason).not.toMatch(/ZZTEST|Refill|9007199254740993/);
    if (status >= 429) expect(verdict.retryAfterMs).toBe(9000);
    expect(server.seen).toHaveLength(1);
  });

  test('silence or a cut is in doubt; a refused connection is not', async () => {
    using silent = serveNothing();
    using cut = serveCut();
    const verdicts = await Promise.all(
      [silent.url, cut.url, refusedUrl()].map((url) =>
        verdictOf(setup(url, { timeoutMs: 50 }).messaging.send(outgoing, context)),
      ),
    );
    expect(verdicts.map(({ kind, code }) => [kind, code])).toEqual([
      ['in-doubt', 'oh:timeout'],
      ['in-doubt', 'oh:connection-lost'],
      ['retry', 'oh:no-connection'],
    ]);
  });
});

describe('pools and access', () => {
  test('pools are read by ids and by the start of a name', async () => {
    using server = serve(({ path }) => {
      const pool = `{"id":${LARGE},"name":"Primary Care"}`;
      const body = path.includes('?name=') ? '"poolsByName":{"Primary Care"' : '"poolsById":{"1"';
      return new Response(`{${body}:${pool}}}`);
    });
    const { messaging } = setup(server.url);
    const expected = [{ id: LARGE, name: 'Primary Care' }];
    expect(await messaging.getPools(['1', 'a b'], context)).toEqual(expected);
    expect(await messaging.findPools('Primary C', context)).toEqual(expected);
    expect(server.seen.map(({ path }) => path.split('/demo/pools')[1])).toEqual([
      '/1,a%20b',
      '?name=Primary%20C',
    ]);
  });

  test('only GRANTED means that somebody can be written to', async () => {
    using server = serve(({ path }) => {
      const access = { 1: 'GRANTED', 2: 'DENIED_CONFIGURATION' };
      const key = path.includes('/personnel/')
        ? 'recipientAccessStatusByPersonnelId'
        : 'recipientAccessStatusByPoolId';
      return Response.json({ [key]: access });
    });
    const { messaging } = setup(server.url);
    const expected = new Map([
      ['1', true],
      ['2', false],
    ]);
    expect(await messaging.poolAccess(['1', '2'], context)).toEqual(expected);
    expect(await messaging.personnelAccess(['1', '2'], context)).toEqual(expected);
    expect(server.seen.map(({ path }) => path.split('/service/demo')[1])).toEqual([
      '/pools/1,2/recipient-access',
      '/personnel/1,2/recipient-access',
    ]);
  });

  test('no ids ask nothing', async () => {
    using server = serve(() => new Response());
    const { messaging } = setup(server.url);
    expect(await messaging.getPools([], context)).toEqual([]);
    expect((await messaging.poolAccess([], context)).size).toBe(0);
    expect((await messaging.personnelAccess([], context)).size).toBe(0);
    expect(server.seen).toHaveLength(0);
  });

  test('404 says what is unknown', async () => {
    using server = serve(() => new Response(null, { status: 404 }));
    const { messaging } = setup(server.url);
    const codes = await Promise.all(
      [
        messaging.getPools(['1'], context),
        messaging.findPools('x', context),
        messaging.poolAccess(['1'], context),
        messaging.personnelAccess(['1'], context),
      ].map(async (call) => (await verdictOf(call)).code),
    );
    expect(codes).toEqual(['oh:pool-unknown', 'oh:404', 'oh:pool-unknown', 'oh:personnel-unknown']);
  });
});

/** What the Oracle Health client makes of every status that its operations document, and of a few more. */
import { describe, expect, test } from 'bun:test';
import { context, verdictOf } from '../oh/loopback.ts';
import { contracts, NOW, patientOf, type Setup, setup } from './setup.ts';

type Call = (run: Setup) => Promise<unknown>;

const FORMATS = ['json', 'xml', 'html', 'empty'] as const;
const HOUR_MS = 3_600_000;

const list = (box: 'inbox' | 'outbox'): Call => {
  return ({ oh, mocks }) => {
    const { ohPatientId: patientId } = patientOf(mocks);
    return oh.listMessages({ patientId, box, since: NOW - HOUR_MS, until: NOW }, context);
  };
};
const read = (box: 'inbox' | 'outbox'): Call => {
  return ({ oh, mocks }) => {
    const own = mocks.world.mailbox.byPatient.get(patientOf(mocks).ohPatientId) ?? [];
    const { id: messageId = '', patientId = '' } = own.find((one) => one.box === box) ?? {};
    return oh.getMessage({ patientId, box, messageId }, context);
  };
};
const letter = { receivingPoolId: '2000001', subject: 'ZZTEST', xhtml: '<p/>', attachments: [] };

/** How to call each operation, and under which code a 404 of it goes. */
const calls: Record<string, { call: Call; notFound: string; effect?: 'write' }> = {
  listInboxMessages: { call: list('inbox'), notFound: 'oh:patient-unknown' },
  listOutboxMessages: { call: list('outbox'), notFound: 'oh:patient-unknown' },
  getInboxMessages: { call: read('inbox'), notFound: 'oh:patient-unknown' },
  getOutboxMessages: { call: read('outbox'), notFound: 'oh:patient-unknown' },
  sendMessage: {
    call: ({ oh, mocks }) =>
      oh.send({ patientId: patientOf(mocks).ohPatientId, ...letter }, context),
    notFound: 'oh:patient-unknown',
    effect: 'write',
  },
  getPools: { call: ({ oh }) => oh.getPools(['2000001'], context), notFound: 'oh:pool-unknown' },
  findPools: { call: ({ oh }) => oh.findPools('z', context), notFound: 'oh:404' },
  getPoolRecipientAccess: {
    call: ({ oh }) => oh.poolAccess(['2000001'], context),
    notFound: 'oh:pool-unknown',
  },
  getPersonnelRecipientAccess: {
    call: ({ oh }) => oh.personnelAccess(['2100001'], context),
    notFound: 'oh:personnel-unknown',
  },
};

/** `unsure` is `in-doubt` for a write and `retry` for a read; 301 is one without a Location. */
const kinds: Record<number, 'rejected' | 'retry' | 'unsure'> = {
  301: 'rejected',
  400: 'rejected',
  401: 'retry',
  403: 'retry',
  404: 'rejected',
  406: 'rejected',
  409: 'rejected',
  413: 'rejected',
  415: 'rejected',
  422: 'rejected',
  429: 'retry',
  500: 'unsure',
  502: 'unsure',
  503: 'unsure',
  504: 'unsure',
};
const MORE = [409, 413, 422, 429, 502, 503, 504];

function verdictFor(id: string, status: number): string {
  const { notFound = '', effect } = calls[id] ?? {};
  const kind = kinds[status] ?? 'nothing is expected';
  const code = { 401: 'oh:unauthorized', 404: notFound }[status] ?? `oh:${status}`;
  return `${kind === 'unsure' ? (effect ? 'in-doubt' : 'retry') : kind} ${code} ${status}`;
}

async function verdict(run: Setup, call: Call): Promise<string> {
  const { kind, code, httpStatus } = await verdictOf(call(run));
  return `${kind} ${code} ${httpStatus}`;
}

describe.each(Object.entries(calls))('%s', (id, { call }) => {
  const operation = contracts.messaging.operations.find((one) => one.id === id);
  const documented = Object.keys(operation?.responses ?? {}).map(Number);
  const failures = documented.filter((status) => status >= 300);

  test('has the right verdict on every documented failure, whatever the body', async () => {
    await using run = await setup();
    expect(failures.length).toBeGreaterThan(4);
    for (const status of failures) {
      for (const format of FORMATS) {
        await run.fault('messaging', {
          path: '/service/',
          status,
          format,
          times: status === 401 ? 2 : 1,
        });
        expect(await verdict(run, call)).toBe(verdictFor(id, status));
      }
    }
    const sent = run.messagingProxy.exchanges;
    expect(new Set(sent.map(({ operation: name }) => name))).toEqual(new Set([id]));
    // Only a 401 is answered by calling again, once.
    expect(sent).toHaveLength((failures.length + 1) * FORMATS.length);
  });

  test('has the right verdict on failures that nobody has documented, and obeys Retry-After', async () => {
    await using run = await setup();
    run.messagingProxy.inject(...MORE);
    const date = new Date(NOW + 90_000).toUTCString();
    for (const status of MORE.filter((one) => !documented.includes(one))) {
      await run.fault('messaging', { path: '/service/', status, times: 1 });
      expect(await verdict(run, call)).toBe(verdictFor(id, status));
      if (status < 429) continue;
      await run.fault('messaging', { path: '/service/', status, retryAfter: 120, times: 1 });
      expect((await verdictOf(call(run))).retryAfterMs).toBe(120_000);
      await run.fault('messaging', { path: '/service/', status, retryAfter: date, times: 1 });
      expect((await verdictOf(call(run))).retryAfterMs).toBe(90_000);
    }
  });

  test('gets a new token after one 401 and goes through', async () => {
    await using run = await setup();
    await run.fault('messaging', { path: '/service/', status: 401, times: 1 });
    await call(run);
    const statuses = run.messagingProxy.exchanges.map(({ response }) => response?.status);
    expect(statuses).toEqual([401, id === 'sendMessage' ? 201 : 200]);
    const [first, second] = run.messagingProxy.exchanges.map(({ request }) =>
      request.headers.get('authorization'),
    );
    expect(first).not.toBe(second ?? null);
  });

  test('is never in doubt when no token can be had', async () => {
    await using run = await setup();
    for (const status of [400, 401, 403, 429, 500, 503]) {
      await run.fault('auth', { path: '/token', status, retryAfter: 7, times: 1 });
      const { kind, code, retryAfterMs } = await verdictOf(call(run));
      expect(`${kind} ${code} ${retryAfterMs}`).toBe(`retry auth:${status} 7000`);
    }
    expect(run.messagingProxy.exchanges).toEqual([]);
  });
});

/** Every error code of MHV's table, read from the contract itself, on every operation the clients use. */
import { describe, expect, test } from 'bun:test';
import { UpstreamError } from '../../src/upstream.ts';
import { context, verdictOf } from '../oh/loopback.ts';
import { draft, endSession, isWrite, type MhvCall, mhvCalls, openSession } from './mhv-calls.ts';
import { contracts, type Setup, setup } from './setup.ts';

interface ErrorTable {
  columns: string[];
  rows: [code: number, meaning: string, action: string, note: string][];
}

const table = contracts.mhv.raw['x-error-codes'] as ErrorTable;
const operations = Object.entries(mhvCalls);
const ALL = Object.keys(mhvCalls);
const FEW = ['createMessage', 'getMessageStatus', 'insertExchangeMessage'];

type Format = 'json' | 'xml' | 'html' | 'empty';
type Row = ErrorTable['rows'][number];

/** The verdicts that the table's action and note leave open, of which the client may choose. */
function kindsFor(id: string, [code, , action, note]: Row): string[] {
  // By our decision no fault of configuration dead-letters a message.
  if (note.startsWith('configuration fault')) return ['retry'];
  const mayBeDone = isWrite(id) && code === 903 ? ['in-doubt'] : ['retry', 'in-doubt'];
  const again = isWrite(id) ? mayBeDone : ['retry'];
  // The fault door gives no developer message, so a 904 here is any other 904.
  if (note.includes(`any other ${code} is retry`)) return again;
  return action === 'retry' ? again : ['rejected'];
}

/** How many new sessions the table asks for. */
function renewals(id: string, [, , action]: Row): number {
  return action === 'new session' && mhvCalls[id]?.inSession ? 1 : 0;
}

const inFormat = (format: Format) => (id: string) => [id, format] as const;

interface Tried {
  outcome: string;
  /** How often the operation was called, and how often a session was opened. */
  calls: number;
  sessions: number;
}

async function tryOut(
  run: Setup,
  id: string,
  messageId: string,
  fault: { status: number; errorCode: number; format: Format },
  times = 1,
): Promise<Tried> {
  const { call, path, method } = mhvCalls[id] as MhvCall;
  if (id === 'getSession') endSession(run);
  await run.fault('mhv', { path, method, times, ...fault });
  const before = run.mhvProxy.exchanges.length;
  const [result] = await Promise.allSettled([call(run, messageId)]);
  const sent = run.mhvProxy.exchanges.slice(before).map(({ operation }) => operation);
  if (id === 'getSession') await openSession(run);
  return {
    outcome: outcomeOf(result),
    calls: sent.filter((one) => one === id).length,
    sessions: sent.filter((one) => one === 'getSession').length,
  };
}

function outcomeOf(result: PromiseSettledResult<unknown>): string {
  if (result.status === 'fulfilled') return 'found nothing';
  if (!(result.reason instanceof UpstreamError)) throw result.reason;
  const { kind, code, reason, httpStatus } = result.reason.outcome;
  // So are refusals explained that have a code nobody knows.
  expect(reason).not.toContain('the request is refused');
  return `${kind} ${code} ${httpStatus}`;
}

test('the table is the one that this test reads', () => {
  expect(table.columns).toEqual(['errorCode', 'meaning', 'action', 'note']);
  expect(table.rows).toHaveLength(42);
  expect(new Set(table.rows.map(([, , action]) => action))).toEqual(
    new Set(['retry', 'permanent', 'new session']),
  );
});

describe.each(table.rows)('error code %i, %s', (...row) => {
  test('is what the table says', async () => {
    await using run = await setup();
    const messageId = await openSession(run);
    await onEveryOperation(run, messageId, row);
    run.mhvProxy.inject(400, 500);
    await onOtherAnswers(run, messageId, row);
  });
});

/** JSON on every operation and XML on a few; with status 400, as the table is published. */
async function onEveryOperation(run: Setup, messageId: string, row: Row): Promise<void> {
  const [code] = row;
  for (const [id, format] of [...ALL.map(inFormat('json')), ...FEW.map(inFormat('xml'))]) {
    const renewed = renewals(id, row);
    const fault = { status: 400, errorCode: code, format };
    const tried = await tryOut(run, id, messageId, fault, 1 + renewed);
    if (id === 'findExchangeMessage' && code === 115) {
      expect(tried.outcome).toBe('found nothing');
      continue;
    }
    expect(kindsFor(id, row).map((kind) => `${kind} mhv:${code} 400`)).toContain(tried.outcome);
    expect({ id, calls: tried.calls }).toEqual({ id, calls: 1 + renewed });
    expect(tried.sessions).toBe(id === 'getSession' ? 1 : renewed);
  }
}

/** The code decides before the HTTP status; in a body that cannot be read there is none. */
async function onOtherAnswers(run: Setup, messageId: string, row: Row): Promise<void> {
  const [code] = row;
  for (const id of FEW) {
    const coded = { status: 500, errorCode: code, format: 'json' } as const;
    const { outcome } = await tryOut(run, id, messageId, coded, 1 + renewals(id, row));
    expect(kindsFor(id, row).map((kind) => `${kind} mhv:${code} 500`)).toContain(outcome);
  }
  for (const [id, format] of [
    ['createMessage', 'html'],
    ['getMessageStatus', 'html'],
    ['createMessage', 'empty'],
    ['getMessageStatus', 'empty'],
  ] as const) {
    const { outcome } = await tryOut(run, id, messageId, { status: 400, errorCode: code, format });
    expect(outcome).toBe(`${isWrite(id) ? 'in-doubt' : 'retry'} mhv:400 400`);
  }
}

describe.each([108, 109, 110])('error code %i', (errorCode) => {
  test('once costs one new session, and the call goes through', async () => {
    await using run = await setup();
    const messageId = await openSession(run);
    for (const [id, { call, path, method }] of operations.filter(([, one]) => one.inSession)) {
      await run.fault('mhv', { path, method, errorCode, times: 1 });
      const before = run.mhvProxy.exchanges.length;
      await call(run, messageId);
      const sent = run.mhvProxy.exchanges.slice(before).map(({ operation }) => operation);
      expect(sent).toEqual([id, 'getSession', id]);
    }
  });

  test('and then no session leaves no write in doubt', async () => {
    await using run = await setup();
    run.mhvProxy.inject(503);
    await openSession(run);
    await run.fault('mhv', { path: '/message', method: 'POST', errorCode, times: 1 });
    await run.control('mhv', 'POST', 'faults', { path: '/session', status: 503 });
    const { kind, code } = await verdictOf(run.session.create(draft, context));
    expect(`${kind} ${code}`).toBe('retry mhv:503');
  });
});

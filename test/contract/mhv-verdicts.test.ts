/** What the MHV clients make of every status, documented with the operation or told of the gateway. */
import { describe, expect, test } from 'bun:test';
import { createMhvSessions } from '../../src/mhv/session.ts';
import { context, verdictOf } from '../oh/loopback.ts';
import {
  draft,
  endSession,
  isWrite,
  type MhvCall,
  mhvCalls,
  openSession,
  statusesWithoutCode,
} from './mhv-calls.ts';
import { contracts, type Setup, setup } from './setup.ts';

const FORMATS = ['json', 'xml', 'html', 'empty'] as const;

/** The verdict by the table: what may have been done is in doubt, what was refused is not. */
function kindFor(id: string, status: number, format: string): string {
  const unsure = isWrite(id) ? 'in-doubt' : 'retry';
  // The contract gives 400 its table of codes; a body that cannot be read says nothing.
  if (status === 400) return format === 'html' || format === 'empty' ? unsure : 'rejected';
  const action = statusesWithoutCode.find((row) => row.status === status)?.action;
  if (action === 'permanent') return 'rejected';
  if (action === 'configuration' || status === 429) return 'retry';
  return action === 'retry' ? unsure : 'nothing is expected';
}

async function outcomeOf(run: Setup, { call }: MhvCall, id: string): Promise<string> {
  const { kind, code, httpStatus } = await verdictOf(call(run, id));
  return `${kind} ${code} ${httpStatus}`;
}

test('the contract tells what to do on these statuses without an error code', () => {
  expect(statusesWithoutCode.map(({ status }) => status)).toEqual([
    404, 413, 415, 401, 403, 429, 500, 502, 503, 504,
  ]);
});

describe.each(Object.entries(mhvCalls))('%s', (id, operation) => {
  const documented = contracts.mhv.operations.find((one) => one.id === id)?.responses ?? {};
  const failures = Object.keys(documented)
    .map(Number)
    .filter((status) => status >= 300);
  const statuses = [...new Set([...failures, ...statusesWithoutCode.map(({ status }) => status)])];

  test('has the right verdict on every status, whatever the body', async () => {
    await using run = await setup();
    run.mhvProxy.inject(...statuses);
    const messageId = await openSession(run);
    for (const status of statuses) {
      for (const format of FORMATS) {
        if (id === 'getSession') endSession(run);
        const { path, method } = operation;
        await run.fault('mhv', { path, method, status, format, times: 1 });
        if (id === 'findExchangeMessage' && status === 404) {
          // That MHV does not have the message is an answer, not a failure.
          expect(await operation.call(run, messageId)).toBeUndefined();
          continue;
        }
        const verdict = `${kindFor(id, status, format)} mhv:${status} ${status}`;
        expect(await outcomeOf(run, operation, messageId)).toBe(verdict);
      }
    }
    const sent = run.mhvProxy.exchanges.filter(({ operation: name }) => name === id);
    expect(sent.length).toBeGreaterThanOrEqual(statuses.length * FORMATS.length);
  });

  test('obeys Retry-After', async () => {
    await using run = await setup();
    run.mhvProxy.inject(429, 500, 502, 503, 504);
    const messageId = await openSession(run);
    for (const status of [429, 502, 503, 504]) {
      if (id === 'getSession') endSession(run);
      const { path, method } = operation;
      const date = new Date(run.clock.now + 90_000).toUTCString();
      for (const [retryAfter, retryAfterMs] of [
        [120, 120_000],
        [date, 90_000],
      ] as const) {
        await run.fault('mhv', { path, method, status, retryAfter, times: 1 });
        const verdict = await verdictOf(operation.call(run, messageId));
        expect(verdict.retryAfterMs).toBe(retryAfterMs);
      }
    }
  });
});

test('the gateway refuses a wrong key and a wrong application token as faults of configuration', async () => {
  await using run = await setup();
  run.mhvProxy.inject(403);
  const options = { baseUrl: run.mhvUrl, timeoutMs: 5000, now: () => run.clock.now };
  const wrongKey = { ...options, appToken: run.mocks.env['MHV_APP_TOKEN'] ?? '', apiKey: 'wrong' };
  const wrongToken = { ...options, appToken: 'wrong', apiKey: run.mocks.env['MHV_API_KEY'] ?? '' };
  const verdicts = [];
  for (const wrong of [wrongKey, wrongToken]) {
    verdicts.push(await verdictOf(createMhvSessions(wrong)('1').create(draft, context)));
  }
  expect(verdicts.map(({ kind, code }) => `${kind} ${code}`)).toEqual([
    'retry mhv:403',
    'retry mhv:101',
  ]);
});

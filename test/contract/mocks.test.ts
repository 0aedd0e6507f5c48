/**
 * What the mocks answer to requests that break the contract. From one good request to each operation come
 * many bad ones, and each must be answered with a status that the document has for the operation.
 */
import { describe, expect, test } from 'bun:test';
import { badRequests } from './bad-requests.ts';
import { goodRequest, proofOf, send } from './good-requests.ts';
import { openSession, statusesWithoutCode } from './mhv-calls.ts';
import { contracts, type Setup, setup } from './setup.ts';

/** What the contract's prose tells of the gateway. */
const OF_GATEWAY = statusesWithoutCode.map(({ status }) => status).filter((status) => status < 500);

/** Breaches that the mocks let pass: of this parameter they only look whether it is 1. */
const lenient = ['zztest-wrong', '-1.5', ''];
const accepts: Record<string, string[]> = {
  getSession: lenient.map((value) => `with the query requiresOHMessages=${value}`),
  getMessagesForThread: lenient.map((value) => `with the query requiresOHMessages=${value}`),
  getAllTriageTeams: lenient.map((value) => `with the query requiresOHTriageGroup=${value}`),
  // The document closes no object; our check does.
  sendMessage: ['with body /sensitivity {"a":1}'],
};

const operations = (['messaging', 'mhv'] as const).flatMap((side) =>
  contracts[side].operations.map((operation) => [operation.id, side, operation] as const),
);

describe.each(operations)('%s', (id, side, operation) => {
  const proxyOf = (run: Setup) => (side === 'messaging' ? run.messagingProxy : run.mhvProxy);
  const baseOf = (run: Setup) => (side === 'messaging' ? run.messagingUrl : run.mhvUrl);

  test('answers a good request with a success, both by the contract', async () => {
    await using run = await setup();
    const messageId = await openSession(run);
    const good = goodRequest(run, id, messageId);
    const headers = { ...good.headers, ...(await proofOf(run, side, operation)) };
    const status = await send(baseOf(run), operation, { ...good, headers });
    const isNo = id === 'findExchangeMessage' ? status === 404 : status < 400;
    expect({ status, isNo }).toEqual({ status, isNo: true });
    expect(proxyOf(run).exchanges.at(-1)?.operation).toBe(id);
  });

  test('answers bad requests with documented statuses', async () => {
    await using run = await setup();
    const messageId = await openSession(run);
    const proof = await proofOf(run, side, operation);
    const good = goodRequest(run, id, messageId);
    const proxy = proxyOf(run);
    if (side === 'mhv') proxy.inject(...OF_GATEWAY);
    const proved = { ...good, headers: { ...good.headers, ...proof } };
    const undocumented: string[] = [];
    const accepted: string[] = [];
    for (const { how, request } of badRequests(operation, proved, proof)) {
      const before = proxy.exchanges.length;
      // A message that MHV knows is answered before its fields are looked at.
      run.mocks.world.mhv.byOhMessageId.clear();
      const status = await send(baseOf(run), operation, request);
      const found = proxy.violations.splice(0);
      const isBad = found.some((one) => one.includes(' request '));
      if (found.some((one) => one.includes(' response ')))
        undocumented.push(`${how}: ${found.join('; ')}`);
      if (isBad && status < 400) accepted.push(how);
      expect(proxy.exchanges).toHaveLength(before + 1);
    }
    expect(undocumented).toEqual([]);
    expect(accepted).toEqual(accepts[id] ?? []);
  });
});

/** Rules of Oracle Health that no schema can say: the mock answers a breach as the document's prose does. */
import { expect, test } from 'bun:test';
import { goodRequest, proofOf, type Request, send } from './good-requests.ts';
import { openSession } from './mhv-calls.ts';
import { contracts, type Setup, setup } from './setup.ts';

type Change = (good: Request, run: Setup) => Partial<Request>;
const body =
  (change: object): Change =>
  (good) => ({ body: { ...Object(good.body), ...change } });
const query =
  (change: Record<string, string>): Change =>
  (good) => ({ query: { ...good.query, ...change } });
const headers =
  (change: Record<string, string>): Change =>
  (good) => ({ headers: { ...good.headers, ...change } });
const path =
  (change: Record<string, string>): Change =>
  (good) => ({ path: { ...good.path, ...change } });
const mail = { type: 'EMAIL', email: { address: 'a@example.test' } };
const pool = { type: 'POOL', receiverId: 2000001 };
const rules: [how: string, id: string, change: Change, status: number][] = [
  ['another patient in the body', 'sendMessage', body({ patientId: 1000002 }), 400],
  ['nobody who can receive', 'sendMessage', body({ receivers: [], ccReceivers: [] }), 400],
  [
    'a team that takes nothing',
    'sendMessage',
    body({ receivers: [{ ...pool, receiverId: 2000003 }] }),
    400,
  ],
  [
    'a previous message that cannot be read',
    'sendMessage',
    body({ previousMessageId: '1:-6:0:0' }),
    400,
  ],
  [
    'a person answerable for a reply',
    'sendMessage',
    body({ responsiblePersonnelId: 2100001 }),
    400,
  ],
  ['an e-mail in XHTML', 'sendMessage', body({ receivers: [mail] }), 400],
  [
    'an e-mail and a team',
    'sendMessage',
    body({ receivers: [mail, pool], formatType: 'RTF' }),
    400,
  ],
  ['blocks of text, which are read only', 'sendMessage', body({ texts: [{ text: 'a' }] }), 400],
  ['a combined patient', 'sendMessage', (good, run) => combinedIn(good, run), 404],
  [
    'another charset',
    'sendMessage',
    headers({ 'Content-Type': 'application/json; charset=latin1' }),
    415,
  ],
  [
    'a window that ends before it begins',
    'listInboxMessages',
    query({ endDate: '2024-01-01T00:00:00Z' }),
    400,
  ],
  ['a day that is not', 'listInboxMessages', query({ beginDate: '2025-02-30T00:00:00Z' }), 400],
  ['another authority', 'listOutboxMessages', path({ authority: 'other' }), 403],
  ['an unknown patient', 'getInboxMessages', path({ patientId: '1' }), 404],
  ['an answer that is not JSON', 'getOutboxMessages', headers({ Accept: 'text/html' }), 406],
  ['an answer in another charset', 'getPools', headers({ 'Accept-Charset': 'latin1' }), 406],
  ['pools that do not exist', 'getPools', path({ poolIds: '1,2' }), 404],
  ['ids that are none', 'getPoolRecipientAccess', path({ poolIds: 'a' }), 404],
  ['ids that are none', 'getPersonnelRecipientAccess', path({ personnelIds: 'a' }), 404],
  ['a stale version', 'setInboxMessageStatus', (good) => staleIn(good), 409],
  ['an alias of another pool', 'findInboxByAlias', query({ aliasPoolCd: '1' }), 400],
];

function combinedIn(good: Request, { mocks }: Setup): Partial<Request> {
  const { oldPatientId: patientId } = mocks.world.population.special.combined;
  return { path: { ...good.path, patientId } };
}

function staleIn({ path: good }: Request): Partial<Request> {
  return { path: { ...good, messageIds: (good['messageIds'] ?? '').replace(/0$/, '7') } };
}

test.each(rules)('%s, %s', async (_, id, change, status) => {
  await using run = await setup();
  const operation = contracts.messaging.operations.find((one) => one.id === id);
  if (operation === undefined) throw new Error(`There is no operation ${id}.`);
  const plain = goodRequest(run, id, await openSession(run));
  const proof = await proofOf(run, 'messaging', operation);
  const good = { ...plain, headers: { ...plain.headers, ...proof } };
  const request = { ...good, ...change(good, run) };
  expect(await send(run.messagingUrl, operation, request)).toBe(status);
  const found = run.messagingProxy.violations.splice(0);
  expect(found.filter((one) => one.includes(' response '))).toEqual([]);
});

import { expect, test } from 'bun:test';
import Database from 'better-sqlite3';
import type { Claimed, Store } from '../../src/store/store.ts';
import { entry, LEASE_MS, lanes, numbered, type Setup, send, setup, toMhv, toOh } from './setup.ts';

const rejected = {
  kind: 'rejected',
  code: 'mhv:119',
  reason: 'No such team.',
  httpStatus: 400,
} as const;

async function claimOne(store: Store, lane: Claimed['lane']): Promise<Claimed> {
  const [claimed] = await store.claim(lane, 1);
  if (!claimed) throw new Error('nothing claimed');
  return claimed;
}

/** A message of flow 1 that waits in the outbox. */
async function queuedForMhv({ store }: Setup, from = entry()): Promise<Claimed> {
  await store.acceptDocument({ entries: [from] });
  await store.handOver(await claimOne(store, lanes.fromOh), toMhv(from));
  return claimOne(store, lanes.toMhv);
}

async function deliver({ store }: Setup, claimed: Claimed, mhvMessageId: string): Promise<void> {
  const ids = { ohMessageId: '3000000005:-6:0:0', mhvMessageId, mhvThreadId: '88' };
  await store.settle(claimed, { state: 'done', outcome: { kind: 'delivered', ids, found: false } });
}

test('handing over ends the inbox row and queues the translation in one commit', async () => {
  const s = setup();
  const queued = await queuedForMhv(s);
  expect(queued.payload).toEqual(toMhv(entry()));
  expect(s.query('SELECT state, icn FROM inbox')).toEqual([
    { state: 'done', icn: '1012345678V123456' },
  ]);
});

test('a delivered message is found by the ids its destination gave it', async () => {
  const s = setup();
  const claimed = await queuedForMhv(s);
  await deliver(s, claimed, '3719187');
  const { messages } = await s.store.list({ mhvMessageId: '3719187' }, { limit: 10 });
  expect(messages).toMatchObject([{ id: claimed.id, status: 'SENT', mhvThreadId: '88' }]);
  expect(await s.store.linkOf('3000000005:-6:0:0')).toMatchObject({
    direction: 'oh-to-mhv',
    mhvMessageId: '3719187',
    ohPoolId: '2000001',
  });
});

test('a second announcement of an OH message is never queued twice and follows the first', async () => {
  const s = setup();
  const first = await queuedForMhv(s);
  await s.store.acceptDocument({ entries: [entry({ atomId: 'urn:other' })] });
  const second = await claimOne(s.store, lanes.fromOh);
  expect(await s.store.handOver(second, toMhv(entry()))).toBe('duplicate');
  expect(await s.store.find(second.id)).toMatchObject({ status: 'IN_PROGRESS' });
  await deliver(s, first, '3719187');
  expect(await s.store.find(second.id)).toMatchObject({ status: 'SENT' });
  expect(s.query('SELECT duplicate_of FROM inbox WHERE id = ?', second.id)).toEqual([
    { duplicate_of: first.id },
  ]);
});

test('settlements whose commit fails all fail with it, and their rows come again in doubt', async () => {
  const s = setup({ busyTimeoutMs: 0 });
  const first = await queuedForMhv(s, numbered(1, 'a'));
  const second = await queuedForMhv(s, numbered(2, 'b'));
  const other = new Database(s.path);
  other.exec('BEGIN IMMEDIATE');
  const settled = await Promise.allSettled([
    deliver(s, first, '81'),
    deliver(s, second, '82'),
    s.store.claim(lanes.toMhv, 10),
  ]);
  other.exec('ROLLBACK');
  other.close();
  expect(settled.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
  expect(await s.store.claim(lanes.toMhv, 10)).toEqual([]);
  s.clock.now += LEASE_MS;
  expect(await s.store.claim(lanes.toMhv, 10)).toMatchObject([
    { id: first.id, attempt: 2, inDoubtSince: first.startedAt },
    { id: second.id, attempt: 2, inDoubtSince: second.startedAt },
  ]);
});

test('a settlement and the claim after it share a commit, and the next of the patient is in it', async () => {
  const s = setup();
  await s.store.acceptDocument({ entries: [numbered(1), numbered(2)] });
  const one = await claimOne(s.store, lanes.fromOh);
  const handedOver = s.store.handOver(one, toMhv(numbered(1)));
  const next = s.store.claim(lanes.fromOh, 1);
  expect(await handedOver).toBe('queued');
  expect(await next).toMatchObject([{ payload: numbered(2) }]);
});

test('a rejected message is INVALID with its reason, one whose attempts are spent is FAILED', async () => {
  const s = setup();
  const invalid = await queuedForMhv(s, numbered(1));
  await s.store.settle(invalid, { state: 'dead', outcome: rejected });
  const failed = await queuedForMhv(s, numbered(2));
  const outcome = { kind: 'in-doubt', code: 'mhv:timeout', reason: 'No answer.' } as const;
  await s.store.settle(failed, { state: 'dead', outcome });
  expect(await s.store.find(invalid.id)).toMatchObject({
    status: 'INVALID',
    error: { code: 'mhv:119', reason: 'No such team.', httpStatus: 400 },
  });
  expect(await s.store.find(failed.id)).toMatchObject({ status: 'FAILED' });
  const { messages } = await s.store.list({ status: 'INVALID' }, { limit: 10 });
  expect(messages.map(({ id }) => id)).toEqual([invalid.id]);
});

test('a message shows every attempt of both stages', async () => {
  const s = setup();
  await s.store.acceptSend(send({ mhvMessageId: '77' }));
  await s.store.handOver(await claimOne(s.store, lanes.fromMhv), toOh(send()));
  const first = await claimOne(s.store, lanes.toOh);
  const outcome = { kind: 'retry', code: 'oh:429', reason: 'Slow down.', httpStatus: 429 } as const;
  s.clock.now += 5;
  await s.store.settle(first, { state: 'pending', outcome, dueAt: s.clock.now + 1000 });
  const view = await s.store.find(first.id);
  expect(view).toMatchObject({ status: 'IN_PROGRESS', stage: 'outbox', dueAt: s.clock.now + 1000 });
  expect(view?.attempts).toMatchObject([
    { stage: 'inbox', number: 1, outcome: 'delivered' },
    { stage: 'outbox', number: 1, outcome: 'retry', errorCode: 'oh:429', httpStatus: 429 },
  ]);
});

test('lists page by cursor, newest first, each message once', async () => {
  const s = setup();
  await s.store.acceptDocument({ entries: [1, 2, 3, 4, 5].map((n) => numbered(n)) });
  const seen: (string | undefined)[] = [];
  let cursor: number | undefined;
  do {
    const page = await s.store.list({}, { limit: 2, ...(cursor ? { cursor } : {}) });
    seen.push(...page.messages.map(({ ohMessageId }) => ohMessageId));
    cursor = page.next;
  } while (cursor !== undefined);
  expect(seen).toEqual([5, 4, 3, 2, 1].map((n) => numbered(n).ohMessageId));
});

test('links learn what is new and forget nothing', async () => {
  const { store } = setup();
  await store.learn([{ ohMessageId: 'm1', ohReferenceId: 'ref-1', ohPoolId: '2' }]);
  await store.learn([{ ohMessageId: 'm1', mhvMessageId: '9', direction: 'mhv-to-oh' }]);
  expect(await store.linksOfReferences(['ref-1', 'ref-2'])).toEqual([
    {
      ohMessageId: 'm1',
      ohReferenceId: 'ref-1',
      ohPoolId: '2',
      mhvMessageId: '9',
      direction: 'mhv-to-oh',
    },
  ]);
});

test('timeline, stuck and backlog tell a person where a message is', async () => {
  const s = setup();
  const claimed = await queuedForMhv(s);
  await s.store.acceptDocument({ entries: [numbered(8), numbered(9)] });
  const outcome = { kind: 'retry', code: 'mhv:503', reason: 'Server error.' } as const;
  await s.store.settle(claimed, { state: 'pending', outcome, dueAt: Date.now() + 60_000 });
  const events = s.query<{ event: string }>(
    'SELECT stage, event FROM timeline WHERE message_id = ?',
    claimed.id,
  );
  expect(events.map(({ event }) => event)).toEqual([
    'accepted',
    'started',
    'translated',
    'done',
    'queued',
    'started',
    'retry',
  ]);
  expect(s.query('SELECT stage, waits_for, why FROM stuck')).toMatchObject([
    { stage: 'outbox', waits_for: 'its next attempt', why: 'mhv:503: Server error.' },
    { stage: 'inbox', waits_for: 'a free poller', why: null },
    { stage: 'inbox', waits_for: expect.stringMatching(/^message /) },
  ]);
  expect(s.query('SELECT direction, stage, pending, tried, dead FROM backlog')).toEqual([
    { direction: 'oh-to-mhv', stage: 'inbox', pending: 2, tried: 0, dead: 0 },
    { direction: 'oh-to-mhv', stage: 'outbox', pending: 1, tried: 1, dead: 0 },
  ]);
});

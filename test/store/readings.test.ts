import { expect, test } from 'bun:test';
import { entry, lanes, numbered, START, send, setup, toMhv } from './setup.ts';

const TRACEPARENT = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

test('what waits, what is dead and how old the oldest is, by lane', async () => {
  const { store, clock } = setup();
  await store.acceptDocument({ entries: [numbered(1, 'a'), numbered(2, 'b')] });
  clock.now += 5000;
  await store.acceptSend(send());
  const [first] = await store.claim(lanes.fromOh, 1);
  if (!first) throw new Error('nothing was claimed');
  const outcome = { kind: 'rejected', code: 'translate:no-pool', reason: 'No pool.' } as const;
  await store.settle(first, { state: 'dead', outcome });
  const { lanes: read } = await store.upkeep.readings();
  expect(read).toEqual([
    { lane: lanes.fromOh, pending: 1, dead: 1, oldestAt: START },
    { lane: lanes.fromMhv, pending: 1, dead: 0, oldestAt: START + 5000 },
    { lane: lanes.toMhv, pending: 0, dead: 0 },
    { lane: lanes.toOh, pending: 0, dead: 0 },
  ]);
});

test('deliveries in doubt, histories that failed and documents that nobody took in again', async () => {
  const { store } = setup();
  await store.acceptDocument({ entries: [entry()] });
  const [inbox] = await store.claim(lanes.fromOh, 1);
  if (!inbox) throw new Error('nothing was claimed');
  await store.handOver(inbox, toMhv(entry()));
  const [outbox] = await store.claim(lanes.toMhv, 1);
  if (!outbox) throw new Error('nothing was claimed');
  const timeout = { kind: 'in-doubt', code: 'mhv:timeout', reason: 'No answer.' } as const;
  await store.settle(outbox, { state: 'pending', outcome: timeout, dueAt: START + 1000 });
  await store.sessions.request('1012345678V123456');
  await store.sessions.request('1012345679V123456');
  const [session] = await store.sessions.claim(1);
  if (!session) throw new Error('no session was claimed');
  const unknown = { kind: 'rejected', code: 'fhir:patient-unknown', reason: 'Nobody.' } as const;
  await store.sessions.fail(session, unknown);
  await store.quarantine({ scope: 'document', body: new Uint8Array([60]), faults: [] });
  expect(await store.upkeep.readings()).toMatchObject({
    inDoubt: { 'oh-to-mhv': 1, 'mhv-to-oh': 0 },
    sessions: { pending: 1, dead: 1 },
    quarantined: 1,
  });
});

test('no count reads a row: however large the file, each is answered by an index of what it counts', () => {
  const { query } = setup();
  const counts = [
    ...['inbox', 'outbox'].flatMap((table) => [
      `count(*) FROM ${table} WHERE direction = 'oh-to-mhv' AND state = 'pending'`,
      `min(accepted_at) FROM ${table} WHERE direction = 'oh-to-mhv' AND state = 'pending'`,
      `count(*) FROM ${table} WHERE direction = 'oh-to-mhv' AND state = 'dead'`,
    ]),
    "count(*) FROM outbox WHERE direction = 'oh-to-mhv' AND state = 'pending' AND in_doubt_since IS NOT NULL",
    "count(*) FROM sessions WHERE state = 'pending'",
    "count(*) FROM sessions WHERE state = 'dead'",
    'count(*) FROM quarantine WHERE purged_at IS NULL AND replayed_at IS NULL',
  ];
  const plans = counts.map((sql) => query<{ detail: string }>(`EXPLAIN QUERY PLAN SELECT ${sql}`));
  const slow = plans.flat().filter(({ detail }) => !detail.includes('USING COVERING INDEX'));
  expect(slow).toEqual([]);
});

test('a trace context stays with its row from acceptance through both queues, and across a restart', async () => {
  const { store, reopen, clock } = setup();
  await store.acceptDocument({ entries: [entry()], traceparent: TRACEPARENT });
  clock.now += 1000;
  const [inbox] = await store.claim(lanes.fromOh, 1);
  if (!inbox) throw new Error('nothing was claimed');
  expect(inbox).toMatchObject({ traceparent: TRACEPARENT, waitingSince: START });
  const translated = TRACEPARENT.replace('b7ad6b7169203331', '00f067aa0ba902b7');
  await store.handOver(inbox, toMhv(entry()), translated);
  clock.now += 1000;
  const again = reopen();
  const [outbox] = await again.claim(lanes.toMhv, 1);
  if (!outbox) throw new Error('nothing was claimed');
  expect(outbox).toMatchObject({ traceparent: translated, waitingSince: START + 1000 });
  const timeout = { kind: 'retry', code: 'mhv:503', reason: 'Trouble.' } as const;
  clock.now += 500;
  await again.settle(outbox, { state: 'pending', outcome: timeout, dueAt: START + 5000 });
  clock.now = START + 5000;
  const [second] = await again.claim(lanes.toMhv, 1);
  expect(second).toMatchObject({ traceparent: translated, waitingSince: START + 2500 });
});

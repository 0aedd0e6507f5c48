import { expect, test } from 'bun:test';
import type { ClaimedSession, Store } from '../../src/store/store.ts';
import { LEASE_MS, lanes, numbered, START, setup, toMhv } from './setup.ts';

const ICN = '1012345678V123456';
const failure = {
  kind: 'rejected',
  code: 'fhir:patient-unknown',
  reason: 'Nobody has it.',
} as const;

async function claimSession(store: Store): Promise<ClaimedSession> {
  const [claimed] = await store.sessions.claim(1);
  if (!claimed) throw new Error('nothing claimed');
  return claimed;
}

function progress(entries: number[], finished: boolean) {
  const until = START - 1000;
  const listed = entries.map((n) => ({ ...numbered(n), source: 'history' as const }));
  return {
    step: 'listed' as const,
    ohPatientId: '7929590',
    entries: listed,
    listedUntil: until,
    finished,
  };
}

test('a patient nobody asked for has not started', async () => {
  const { store } = setup();
  expect(await store.sessions.find(ICN)).toMatchObject({
    status: 'NOT_STARTED',
    syncComplete: true,
  });
});

test('a session is finished only when every listed message was delivered', async () => {
  const { store } = setup();
  expect(await store.sessions.request(ICN)).toMatchObject({ status: 'IN_PROGRESS' });
  await store.sessions.advance(await claimSession(store), progress([1, 2], true));
  for (const n of [1, 2]) {
    expect(await store.sessions.find(ICN)).toMatchObject({ status: 'IN_PROGRESS', listed: 2 });
    const [row] = await store.claim(lanes.fromOh, 1);
    if (!row) throw new Error('nothing claimed');
    await store.handOver(row, toMhv(numbered(n)));
    const [out] = await store.claim(lanes.toMhv, 1);
    if (!out) throw new Error('nothing claimed');
    const ids = { ohMessageId: numbered(n).ohMessageId, mhvMessageId: String(n) };
    await store.settle(out, { state: 'done', outcome: { kind: 'delivered', ids, found: false } });
  }
  expect(await store.sessions.find(ICN)).toMatchObject({ status: 'FINISHED', syncComplete: true });
});

test('a message that could not be delivered makes the session an error', async () => {
  const { store } = setup();
  await store.sessions.request(ICN);
  await store.sessions.advance(await claimSession(store), progress([1], true));
  const [row] = await store.claim(lanes.fromOh, 1);
  if (!row) throw new Error('nothing claimed');
  await store.settle(row, { state: 'dead', outcome: failure });
  expect(await store.sessions.find(ICN)).toMatchObject({
    status: 'ERROR',
    syncComplete: true,
    error: "1 of the patient's messages could not be delivered.",
  });
});

test('the cursor survives a kill, and a window listed by a lost claim counts for nothing', async () => {
  const { store, clock, reopen, query } = setup();
  await store.sessions.request(ICN);
  await store.sessions.advance(await claimSession(store), progress([1], false));
  const killed = await claimSession(store);
  const after = reopen();
  clock.now += LEASE_MS;
  const again = await claimSession(after);
  expect(again).toMatchObject({ listedUntil: START - 1000, ohPatientId: '7929590' });
  expect(await after.sessions.advance(killed, progress([2], true))).toBe(false);
  expect(query('SELECT id FROM inbox')).toHaveLength(1);
});

test('a session that failed for good says why, and starts anew when the patient logs in again', async () => {
  const { store } = setup();
  await store.sessions.request(ICN);
  await store.sessions.fail(await claimSession(store), failure);
  expect(await store.sessions.find(ICN)).toMatchObject({
    status: 'ERROR',
    error: 'fhir:patient-unknown: Nobody has it.',
  });
  expect(await store.sessions.request(ICN)).toMatchObject({ status: 'IN_PROGRESS' });
  expect(await claimSession(store)).toMatchObject({ spent: 1 });
});

test('asking twice loads once', async () => {
  const { store } = setup();
  await store.sessions.request(ICN);
  await store.sessions.request(ICN);
  expect(await store.sessions.claim(10)).toHaveLength(1);
  expect(await store.sessions.claim(10)).toEqual([]);
});

test('a dismissed message was not delivered: the session is not finished', async () => {
  const { store } = setup();
  await store.sessions.request(ICN);
  await store.sessions.advance(await claimSession(store), progress([1], true));
  const [row] = await store.claim(lanes.fromOh, 1);
  if (!row) throw new Error('nothing claimed');
  await store.settle(row, { state: 'dead', outcome: failure });
  await store.operator.dismiss(row.id, 'on-call@example.test', 'Sent by telephone.');
  expect(await store.sessions.find(ICN)).toMatchObject({ status: 'ERROR', delivered: 0 });
});

test('live entries wait for the history and say so; when it is given up they go', async () => {
  const { store, query } = setup();
  await store.sessions.request(ICN);
  const identity = { step: 'identified', ohPatientId: '7929590' } as const;
  await store.sessions.advance(await claimSession(store), identity);
  await store.acceptDocument({ entries: [numbered(5), numbered(6), numbered(7, 'other')] });
  expect(await store.claim(lanes.fromOh, 9)).toMatchObject([{ payload: numbered(7, 'other') }]);
  expect(query("SELECT waits_for FROM stuck WHERE waits_for LIKE 'the %'")).toEqual([
    { waits_for: "the patient's history" },
    { waits_for: "the patient's history" },
  ]);
  await store.sessions.advance(await claimSession(store), progress([1], false));
  expect(await store.claim(lanes.fromOh, 9)).toMatchObject([
    { payload: { ohMessageId: numbered(1).ohMessageId } },
  ]);
  await store.sessions.fail(await claimSession(store), failure);
  const blocked = query('SELECT blocked FROM inbox WHERE state = ? ORDER BY seq', 'pending');
  expect(blocked.slice(-2)).toEqual([{ blocked: 1 }, { blocked: 1 }]);
  expect(query("SELECT event FROM timeline WHERE event IN ('held', 'released')")).toHaveLength(4);
});

test('whether a patient is being listed is looked up by index', async () => {
  const { query } = setup();
  const sql = "SELECT icn FROM sessions WHERE state = 'pending' AND oh_patient_id = '1' LIMIT 1";
  expect(query(`EXPLAIN QUERY PLAN ${sql}`)).toMatchObject([
    { detail: 'SEARCH sessions USING INDEX sessions_listing (oh_patient_id=?)' },
  ]);
});

test('the timeline of a session tells who asked for what, and a lasting failure is one line', async () => {
  const { store, query } = setup();
  await store.sessions.request(ICN);
  const down = { kind: 'retry', code: 'fhir:503', reason: 'FHIR is in trouble.' } as const;
  for (const dueAt of [START, START]) {
    await store.sessions.fail(await claimSession(store), down, dueAt);
  }
  await store.sessions.fail(await claimSession(store), failure);
  await store.sessions.request(ICN);
  const identity = { step: 'identified', ohPatientId: '7929590', combinedFrom: '7929111' } as const;
  await store.sessions.advance(await claimSession(store), identity);
  await store.sessions.advance(await claimSession(store), progress([1, 2], true));
  const at = new Date(START).toISOString();
  expect(query('SELECT * FROM session_timeline')).toEqual(
    [
      ['asked', 'the patient is new'],
      ['retry', 'fhir:503: FHIR is in trouble.'],
      ['given up', 'fhir:patient-unknown: Nobody has it.'],
      ['asked', 'anew: it was given up'],
      ['identified', 'OH patient 7929590, into whom 7929111 was combined'],
      ['listed', '2 messages'],
    ].map(([event, detail]) => ({ at, icn: ICN, event, detail })),
  );
  expect(await store.sessions.events(ICN)).toHaveLength(6);
});

import { expect, test } from 'bun:test';
import { UNMAPPED_POOL } from '../../src/store/directory.ts';
import { cutName } from '../../src/store/directory-rules.ts';
import type { Store } from '../../src/store/store.ts';
import { lanes, numbered, send, setup } from './setup.ts';

const east = { ohPoolId: '2000001', name: 'East Primary Care', stationNumber: '668' };

/** A message that waits for the directory for ten minutes. */
async function oneThatWaits(store: Store, now: number): Promise<string> {
  const { id } = await store.acceptSend(send());
  const [claimed] = await store.claim(lanes.fromMhv, 1);
  if (!claimed) throw new Error('nothing to claim');
  const outcome = { kind: 'postponed' as const, code: UNMAPPED_POOL, reason: 'Not there.' };
  await store.settle(claimed, { state: 'pending', outcome, dueAt: now + 600_000 });
  return id;
}

test('many names belong to one pool, and exactly one of them is shown', async () => {
  const { store, query } = setup();
  const named = (name: string, preferred: boolean) => ({ ...east, name, preferred });
  expect(await store.directory.put([named('A', false), named('B', true)], 'csv', 'ann')).toEqual({
    added: 2,
    changed: 0,
    removed: 0,
    unchanged: 0,
  });
  expect((await store.directory.groupOf('2000001'))?.name).toBe('B');
  await store.directory.put([named('A', true), named('B', false)], 'csv', 'ann');
  expect((await store.directory.list()).map(({ name }) => name)).toEqual(['A', 'B']);
  await store.directory.remove('2000001', 'A', 'ann');
  expect(await store.directory.groupOf('2000001')).toMatchObject({ name: 'B', preferred: true });
  expect(query('SELECT count(*) AS n FROM triage_groups WHERE is_preferred')).toEqual([{ n: 1 }]);
  expect(store.directory.remove('2000001', 'A', 'ann')).rejects.toMatchObject({
    code: 'not-found',
  });
});

test('the same list again changes nothing, and a name that it lacks goes', async () => {
  const { store, clock } = setup();
  const other = { ...east, ohPoolId: '2000002', name: 'Pharmacy', mhvTriageTeamId: '613587' };
  await store.directory.put([east, other], 'csv', 'ann');
  const before = await store.directory.list();
  clock.now += 1000;
  const again = await store.directory.put([east, other], 'csv', 'bob');
  expect(again).toEqual({ added: 0, changed: 0, removed: 0, unchanged: 2 });
  expect(await store.directory.list()).toEqual(before);
  const renamed = await store.directory.put([{ ...east, name: 'East' }], 'csv', 'bob');
  expect(renamed).toEqual({ added: 1, changed: 0, removed: 1, unchanged: 0 });
  expect(await store.directory.list('2000002')).toMatchObject([{ name: 'Pharmacy', actor: 'ann' }]);
});

test('what was only seen is confirmed by a list that says the same', async () => {
  const { store } = setup();
  await store.directory.see(east);
  await store.directory.see({ ...east, name: 'Another name' });
  expect(await store.directory.list()).toMatchObject([{ name: east.name, source: 'seen' }]);
  expect(await store.directory.put([east], 'csv', 'ann')).toMatchObject({ changed: 1 });
  expect(await store.directory.list()).toMatchObject([{ source: 'csv', actor: 'ann' }]);
});

test.each([
  ['ohPoolId', { ohPoolId: 'x' }],
  ['name', { name: 'x'.repeat(61) }],
  ['name', { name: ' x' }],
  ['name', { name: 'a\nb' }],
  ['stationNumber', { stationNumber: '66' }],
  ['stationNumber', { stationNumber: '589gr' }],
  ['mhvTriageTeamId', { mhvTriageTeamId: 'x' }],
  ['preferred', { preferred: false }],
])('a bad %s is refused by name, and nothing of the list is taken', async (field, bad) => {
  const { store } = setup();
  const good = { ...east, ohPoolId: '2000002' };
  expect(store.directory.put([good, { ...east, ...bad }], 'csv', 'ann')).rejects.toMatchObject({
    code: 'invalid',
    faults: [{ pointer: `/names/1/${field}` }],
  });
  expect(await store.directory.list()).toEqual([]);
});

test('sixty characters are sixty characters, whatever their bytes', async () => {
  const { store } = setup();
  await store.directory.put([{ ...east, name: '😀'.repeat(60) }], 'csv', 'ann');
  expect(cutName(` A\n  ${'😀'.repeat(70)}`)).toBe(`A ${'😀'.repeat(58)}`);
});

test('a pool that is added, also by another process, makes due what waits for the directory', async () => {
  const { store, reopen, clock } = setup();
  const due: unknown[] = [];
  await oneThatWaits(store, clock.now);
  store.onDue((lane) => void due.push(lane));
  clock.now += 1000;
  expect(await store.nextDueAt(lanes.fromMhv)).toBeGreaterThan(clock.now);
  await reopen().directory.put([east], 'csv', 'ann');
  expect(await store.nextDueAt(lanes.fromMhv)).toBe(clock.now);
  await store.directory.put([{ ...east, ohPoolId: '2000002' }], 'csv', 'ann');
  expect(due).toEqual([lanes.fromOh, lanes.fromMhv]);
});

test('a pool that is added while a message is in hand keeps its lease, and it is tried again at once', async () => {
  const { store, clock } = setup();
  await oneThatWaits(store, clock.now);
  clock.now += 600_000;
  const [claimed] = await store.claim(lanes.fromMhv, 1);
  clock.now += 5;
  await store.directory.put([east], 'csv', 'ann');
  expect(await store.claim(lanes.fromMhv, 1)).toEqual([]);
  const outcome = { kind: 'postponed' as const, code: UNMAPPED_POOL, reason: 'Not there.' };
  if (!claimed) throw new Error('nothing to claim');
  await store.settle(claimed, { state: 'pending', outcome, dueAt: clock.now + 600_000 });
  expect(await store.nextDueAt(lanes.fromMhv)).toBe(clock.now);
});

test('what waits for something else is left to wait', async () => {
  const { store, clock } = setup();
  await store.acceptDocument({ entries: [numbered(1)] });
  const [claimed] = await store.claim(lanes.fromOh, 1);
  if (!claimed) throw new Error('nothing to claim');
  const outcome = { kind: 'retry' as const, code: 'oh:503', reason: 'In trouble.' };
  await store.settle(claimed, { state: 'pending', outcome, dueAt: clock.now + 600_000 });
  await store.directory.put([east], 'csv', 'ann');
  expect(await store.nextDueAt(lanes.fromOh)).toBe(clock.now + 600_000);
});

import { expect, test } from 'bun:test';
import { ExchangeError } from '../../src/errors.ts';
import { entry, lanes, numbered, START, send, setup } from './setup.ts';

test('an accepted entry is on disk when the promise resolves', async () => {
  const { store, query } = setup();
  expect(await store.acceptDocument({ entries: [entry()] })).toEqual({
    accepted: 1,
    duplicates: 0,
  });
  expect(query('SELECT direction, state, order_key, oh_message_id FROM inbox')).toEqual([
    {
      direction: 'oh-to-mhv',
      state: 'pending',
      order_key: 'oh:7929590',
      oh_message_id: '3000000005:-6:0:0',
    },
  ]);
});

test('the same entry pushed again is counted and not stored', async () => {
  const { store, query } = setup();
  await store.acceptDocument({ entries: [entry()] });
  const again = await store.acceptDocument({ entries: [entry(), numbered(9), numbered(9)] });
  expect(again).toEqual({ accepted: 1, duplicates: 2 });
  expect(query('SELECT id FROM inbox')).toHaveLength(2);
});

test('the same atom:id with a later atom:updated is another version and is stored', async () => {
  const { store } = setup();
  await store.acceptDocument({ entries: [entry()] });
  const later = await store.acceptDocument({ entries: [entry({ updatedAt: START + 1 })] });
  expect(later).toEqual({ accepted: 1, duplicates: 0 });
});

test('atom:id is compared character by character', async () => {
  const { store } = setup();
  await store.acceptDocument({ entries: [entry({ atomId: 'urn:x:A' })] });
  const other = await store.acceptDocument({ entries: [entry({ atomId: 'urn:x:a' })] });
  expect(other.accepted).toBe(1);
});

test('the same Idempotency-Key and request give the same message, another request is refused', async () => {
  const { store, query } = setup();
  const first = await store.acceptSend(send(), { key: 'k1', requestDigest: 'a' });
  const again = await store.acceptSend(send(), { key: 'k1', requestDigest: 'a' });
  expect(again).toEqual({ id: first.id, repeated: true });
  await expect(store.acceptSend(send(), { key: 'k1', requestDigest: 'b' })).rejects.toThrow(
    ExchangeError,
  );
  expect(query('SELECT id FROM inbox')).toHaveLength(1);
});

test('sends without a key are each their own message', async () => {
  const { store, query } = setup();
  await Promise.all([store.acceptSend(send()), store.acceptSend(send())]);
  expect(query('SELECT id FROM inbox')).toHaveLength(2);
});

test('one refused request does not undo what shares its commit', async () => {
  const { store, query } = setup();
  await store.acceptSend(send(), { key: 'k1', requestDigest: 'a' });
  const results = await Promise.allSettled([
    store.acceptDocument({ entries: [numbered(1)] }),
    store.acceptSend(send(), { key: 'k1', requestDigest: 'other' }),
    store.acceptDocument({ entries: [numbered(2)] }),
  ]);
  expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
  expect(query('SELECT id FROM inbox')).toHaveLength(3);
});

test('a quarantined document is kept byte for byte, once, however often it is pushed', async () => {
  const { store, clock, query } = setup();
  const body = new Uint8Array([0xff, 0x3c, 0x00]);
  const document = { scope: 'document', body, faults: [{ detail: 'no root', line: 1 }] } as const;
  await store.quarantine({ ...document, faults: [...document.faults] });
  clock.now += 5000;
  await store.quarantine({ ...document, faults: [...document.faults] });
  const rows = query<{ body: Buffer }>(
    'SELECT body, pushes, faults, last_seen_at - first_seen_at AS span FROM quarantine',
  );
  expect(rows).toHaveLength(1);
  expect(rows[0]).toMatchObject({
    pushes: 2,
    span: 5000,
    faults: '[{"detail":"no root","line":1}]',
  });
  expect(new Uint8Array(rows[0]?.body ?? [])).toEqual(body);
});

test('an accept wakes its lane after the commit, a duplicate wakes nobody', async () => {
  const { store, query } = setup();
  const woken: unknown[] = [];
  store.onDue((due) => woken.push([due, query('SELECT id FROM inbox').length]));
  await store.acceptDocument({ entries: [entry()] });
  await store.acceptDocument({ entries: [entry()] });
  expect(woken).toEqual([[lanes.fromOh, 1]]);
});

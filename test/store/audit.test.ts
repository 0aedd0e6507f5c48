import { expect, test } from 'bun:test';
import Database from 'better-sqlite3';
import { exportLines } from '../../src/store/audit-export.ts';
import { send, setup } from './setup.ts';

const act = (n: number) => ({
  actor: 'ann',
  action: 'quarantine.view',
  object: { kind: 'quarantined document', id: `d-${n}` },
});
const SIX_YEARS_MS = 6 * 366 * 24 * 60 * 60 * 1000;

async function chain(rows: number) {
  const site = setup();
  for (let n = 1; n <= rows; n += 1) {
    site.clock.now += 1000;
    await site.store.audit.record(act(n));
  }
  /** What somebody with the file, and without scruples, does to it. */
  const tamper = (...statements: string[]) => {
    const db = new Database(site.path);
    const triggers = db
      .prepare(
        "SELECT name FROM sqlite_master WHERE name IN ('audit_is_not_changed', 'audit_is_not_deleted', 'audit_chain_goes_forward')",
      )
      .pluck()
      .all() as string[];
    for (const name of triggers) db.exec(`DROP TRIGGER ${name}`);
    for (const statement of statements) db.exec(statement);
    db.close();
  };
  return { ...site, tamper };
}

test('a chain that nobody touched is whole, also while it grows', async () => {
  const { store } = await chain(3);
  const before = await store.audit.verify();
  expect(before).toMatchObject({ ok: true, rows: 3, head: { seq: 3 }, anchor: { seq: 0 } });
  if (!before.ok) throw new Error('not whole');
  await Promise.all(Array.from({ length: 2100 }, (_, n) => store.audit.record(act(n))));
  expect(await store.audit.verify(before.head)).toMatchObject({ ok: true, rows: 2103 });
});

test.each([
  ['UPDATE audit SET actor = actor'],
  ['DELETE FROM audit WHERE seq = 2'],
  ['DELETE FROM audit'],
  [
    "INSERT INTO audit SELECT 9, at, actor, action, object_kind, object_id, detail, prev_hash, 'x' FROM audit WHERE seq = 1",
  ],
  ["UPDATE audit_chain SET head_seq = 2, head_hash = 'x'"],
  ["UPDATE audit_chain SET anchor_seq = 2, anchor_hash = 'x'"],
  ['DELETE FROM audit_chain'],
])('the file itself refuses: %s', async (statement) => {
  const { path, store } = await chain(3);
  const db = new Database(path);
  expect(() => db.exec(statement)).toThrow(/append-only|forward|goes on/);
  db.close();
  expect(await store.audit.verify()).toMatchObject({ ok: true, rows: 3 });
});

test.each([
  ["UPDATE audit SET actor = 'bob' WHERE seq = 3", 3, 'changed'],
  ['UPDATE audit SET at = at + 1 WHERE seq = 5', 5, 'changed'],
  ['DELETE FROM audit WHERE seq = 2', 2, 'rows up to 2 are missing'],
  ['DELETE FROM audit WHERE seq IN (2, 3)', 2, 'rows up to 3 are missing'],
  ['DELETE FROM audit WHERE seq >= 4', 4, 'rows up to 5 are missing at the end'],
  ['DELETE FROM audit', 1, 'rows up to 5 are missing at the end'],
  ["UPDATE audit SET prev_hash = 'x' WHERE seq = 4", 4, 'does not go on'],
])('with its triggers gone, %s is found at row %i', async (statement, seq, fault) => {
  const { store, tamper } = await chain(5);
  tamper(statement);
  const verdict = await store.audit.verify();
  expect(verdict).toMatchObject({ ok: false, seq });
  expect(verdict.ok ? '' : verdict.fault).toContain(fault);
});

test('a chain that was cut and its head moved back is found by a head that was noted', async () => {
  const { store, tamper } = await chain(5);
  const noted = await store.audit.verify();
  if (!noted.ok) throw new Error('not whole');
  tamper(
    'DELETE FROM audit WHERE seq > 3',
    'UPDATE audit_chain SET (head_seq, head_hash) = (SELECT seq, hash FROM audit WHERE seq = 3)',
  );
  expect(await store.audit.verify()).toMatchObject({ ok: true, rows: 3 });
  expect(await store.audit.verify(noted.head)).toMatchObject({ ok: false, seq: 4 });
  await store.audit.record(act(4));
  await store.audit.record(act(50));
  expect(await store.audit.verify(noted.head)).toMatchObject({ ok: false, seq: 5 });
});

test('what is older than six years may be pruned, and the rest still hangs together', async () => {
  const { store, clock, query } = await chain(3);
  const old = clock.now;
  expect(store.audit.prune(old + 1, 'ann')).rejects.toMatchObject({ code: 'invalid' });
  clock.now += SIX_YEARS_MS;
  await store.audit.record(act(4));
  expect(await store.audit.prune(old, 'ann')).toBe(2);
  expect(await store.audit.prune(old, 'ann')).toBe(0);
  expect(await store.audit.verify()).toMatchObject({ ok: true, rows: 3, anchor: { seq: 2 } });
  expect(query('SELECT seq, action, detail FROM audit ORDER BY seq DESC LIMIT 1')).toEqual([
    { seq: 5, action: 'audit.prune', detail: '{"rows":2}' },
  ]);
});

test('an act and its row are one commit: what is refused leaves no row', async () => {
  const { store, query } = setup();
  const { id } = await store.acceptSend(send());
  const [claimed] = await store.claim({ stage: 'inbox', direction: 'mhv-to-oh' }, 1);
  if (!claimed) throw new Error('nothing to claim');
  expect(store.operator.replayOne(id, 'ann')).rejects.toMatchObject({ code: 'conflict' });
  expect(store.operator.dismiss(id, 'ann', 'why')).rejects.toMatchObject({ code: 'conflict' });
  const outcome = { kind: 'rejected', code: 'oh:400', reason: 'No.' } as const;
  await store.settle(claimed, { state: 'dead', outcome });
  await store.operator.replayOne(id, 'ann');
  await store.pause('oh-to-mhv', 'bob');
  await store.resume('oh-to-mhv', 'eve');
  const group = { ohPoolId: '2000001', name: 'ZZTEST East', stationNumber: '668' };
  await store.directory.put([group], 'csv', 'ann');
  await store.directory.remove('2000001', 'ZZTEST East', 'bob');
  expect(query('SELECT actor, action, object_kind, object_id FROM audit')).toEqual([
    { actor: 'ann', action: 'message.replay', object_kind: 'message', object_id: id },
    {
      actor: 'bob',
      action: 'destination.pause',
      object_kind: 'destination',
      object_id: 'oh-to-mhv',
    },
    {
      actor: 'eve',
      action: 'destination.resume',
      object_kind: 'destination',
      object_id: 'oh-to-mhv',
    },
    { actor: 'ann', action: 'directory.put', object_kind: 'pool', object_id: '2000001' },
    { actor: 'bob', action: 'directory.remove', object_kind: 'pool', object_id: '2000001' },
  ]);
  expect(await store.audit.verify()).toMatchObject({ ok: true, rows: 5 });
});

test('an export has every row of its stretch as a line, however many', async () => {
  const { store, clock } = await chain(2);
  const since = (clock.now += 1000);
  await Promise.all(Array.from({ length: 1200 }, (_, n) => store.audit.record(act(n))));
  const until = (clock.now += 1000);
  await store.audit.record(act(0));
  const lines: string[] = [];
  for await (const some of exportLines(store.audit, { since, until })) {
    lines.push(...new TextDecoder().decode(some).trim().split('\n'));
  }
  expect(lines.length).toBe(1200);
  expect(JSON.parse(lines[0] ?? '')).toMatchObject({ seq: 3, actor: 'ann', detail: '{}' });
});

import { afterEach, expect, test } from 'bun:test';
import Database from 'better-sqlite3';
import { ExchangeError } from '../../src/errors.ts';
import { Failures } from '../../src/store/failures.ts';
import { groupCommit } from '../../src/store/group-commit.ts';
import { entry, lanes, numbered, send, setup } from './setup.ts';

const MIB = 1024 * 1024;
const open: Database.Database[] = [];

afterEach(() => {
  for (const db of open.splice(0)) db.close();
});

const unavailable = { code: 'unavailable', httpStatus: 503 };

test('a nearly full disk refuses everything new before it is stored, and recovers by itself', async () => {
  let free = 200 * MIB - 1;
  const s = setup({ minFreeBytes: 200 * MIB, freeBytes: () => free });
  const refused = [
    s.store.acceptDocument({ entries: [entry()] }),
    s.store.acceptSend(send()),
    s.store.quarantine({ scope: 'document', body: new Uint8Array([1]), faults: [] }),
    s.store.sessions.request('1012345678V123456'),
    s.store.check(),
  ];
  for (const one of await Promise.allSettled(refused)) {
    expect(one).toMatchObject({
      status: 'rejected',
      reason: { ...unavailable, retryAfterSeconds: 30 },
    });
  }
  const rows =
    'SELECT id FROM inbox UNION ALL SELECT id FROM quarantine UNION ALL SELECT icn FROM sessions';
  expect(s.query(rows)).toEqual([]);
  free = 200 * MIB;
  s.clock.now += 1000;
  expect(await s.store.acceptDocument({ entries: [entry()] })).toMatchObject({ accepted: 1 });
  await s.store.check();
});

test('what is in hand is settled even on a nearly full disk', async () => {
  let free = 1000;
  const s = setup({ minFreeBytes: 500, freeBytes: () => free });
  await s.store.acceptDocument({ entries: [entry()] });
  free = 0;
  s.clock.now += 1000;
  const [claimed] = await s.store.claim(lanes.fromOh, 1);
  if (!claimed) throw new Error('nothing claimed');
  const outcome = { kind: 'rejected', code: 'oh:404', reason: 'Unknown.' } as const;
  expect(await s.store.settle(claimed, { state: 'dead', outcome })).toBe(true);
});

test('the disk is asked at most once a second', async () => {
  let asked = 0;
  const freeBytes = () => {
    asked += 1;
    return MIB;
  };
  const s = setup({ minFreeBytes: 1, freeBytes });
  for (const n of [1, 2, 3]) await s.store.acceptDocument({ entries: [numbered(n)] });
  expect(asked).toBe(1);
  s.clock.now += 1000;
  await s.store.acceptDocument({ entries: [numbered(4)] });
  expect(asked).toBe(2);
});

test('the real disk has room for a byte, and not for all the bytes there are', async () => {
  expect(await setup({ minFreeBytes: 1 }).store.acceptSend(send())).toMatchObject({
    repeated: false,
  });
  const full = setup({ minFreeBytes: Number.MAX_SAFE_INTEGER }).store.acceptSend(send());
  expect(full).rejects.toMatchObject(unavailable);
});

test('a database that another process holds makes an accept unavailable, and says why once', async () => {
  const codes: string[] = [];
  const s = setup({ busyTimeoutMs: 1, onFailure: (code) => codes.push(code) });
  const other = new Database(s.path);
  open.push(other);
  other.exec('BEGIN IMMEDIATE');
  const results = await Promise.allSettled([
    s.store.acceptSend(send()),
    s.store.acceptSend(send()),
  ]);
  for (const one of results) {
    expect(one).toMatchObject({
      status: 'rejected',
      reason: { ...unavailable, retryAfterSeconds: 5 },
    });
  }
  expect(codes).toEqual(['SQLITE_BUSY']);
  other.exec('ROLLBACK');
  expect(await s.store.acceptSend(send())).toMatchObject({ repeated: false });
  expect(s.query('SELECT count(*) AS rows FROM inbox')).toEqual([{ rows: 1 }]);
});

test('a full database is unavailable for all that share the commit, and keeps nothing of it', async () => {
  const s = setup();
  const sqlite = new Database(s.path);
  open.push(sqlite);
  sqlite.exec('CREATE TABLE t (n)');
  const pages = Number(sqlite.pragma('page_count', { simple: true }));
  sqlite.pragma(`max_page_count = ${pages + 2}`);
  const codes: string[] = [];
  const write = new Failures((code) => codes.push(code)).ofWrites(groupCommit(sqlite));
  const insert = sqlite.prepare('INSERT INTO t VALUES (zeroblob(?))');
  const results = await Promise.allSettled([
    write(() => insert.run(10).changes),
    write(() => insert.run(100_000).changes),
  ]);
  expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  expect(results[1]).toMatchObject({ reason: unavailable });
  expect(codes).toEqual(['SQLITE_FULL']);
  expect(await write(() => insert.run(10).changes)).toBe(1);
  expect(sqlite.prepare('SELECT count(*) AS rows FROM t').get()).toEqual({ rows: 1 });
});

test('a mistake of ours is not blamed on the database', async () => {
  const s = setup();
  const sqlite = new Database(s.path);
  open.push(sqlite);
  const codes: string[] = [];
  const write = new Failures((code) => codes.push(code)).ofWrites(groupCommit(sqlite));
  const wrong = write(() => sqlite.prepare('INSERT INTO inbox (id) VALUES (NULL)').run().changes);
  await expect(wrong).rejects.toMatchObject({ code: 'SQLITE_CONSTRAINT_NOTNULL' });
  await expect(wrong).rejects.not.toBeInstanceOf(ExchangeError);
  expect(codes).toEqual([]);
});

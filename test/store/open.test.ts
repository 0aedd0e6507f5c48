import { expect, test } from 'bun:test';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import Database from 'better-sqlite3';
import { groupCommit } from '../../src/store/group-commit.ts';
import { schemaVersion } from '../../src/store/migrations.ts';
import { open } from '../../src/store/open.ts';
import { setup } from './setup.ts';

test('a fresh path gets folder, file, tables and views', () => {
  const { query } = setup();
  const names = query<{ name: string }>(
    "SELECT name FROM sqlite_master WHERE type IN ('table', 'view') ORDER BY name",
  ).map(({ name }) => name);
  expect(names).toEqual(
    expect.arrayContaining(
      'attempts backlog inbox links outbox quarantine sessions stuck timeline'.split(' '),
    ),
  );
});

test('what durability depends on is set, whatever SQLite was compiled with', () => {
  const { path } = setup();
  const { sqlite } = open(path);
  expect(sqlite.pragma('journal_mode', { simple: true })).toBe('wal');
  expect(sqlite.pragma('synchronous', { simple: true })).toBe(2);
  expect(sqlite.pragma('foreign_keys', { simple: true })).toBe(1);
  sqlite.close();
});

test('a file that is no database is refused with its error, not overwritten', async () => {
  const { path } = setup();
  const other = `${path}.txt`;
  await Bun.write(other, 'not a database, but somebody wants to keep it '.repeat(100));
  expect(() => open(other)).toThrow('file is not a database');
  expect(await Bun.file(other).text()).toStartWith('not a database');
});

test('works that are submitted together share one commit', async () => {
  const { path } = setup();
  const statements: unknown[] = [];
  const sqlite = new Database(path, { verbose: (sql) => statements.push(sql) });
  sqlite.exec('CREATE TABLE t (n)');
  const write = groupCommit(sqlite);
  const insert = sqlite.prepare('INSERT INTO t VALUES (?)');
  await Promise.all([1, 2, 3].map((n) => write(() => insert.run(n).changes)));
  expect(statements.filter((sql) => sql === 'COMMIT')).toHaveLength(1);
  expect(sqlite.prepare('SELECT count(*) AS n FROM t').get()).toEqual({ n: 3 });
  sqlite.close();
});

test('what one work refuses is undone alone, and the others have the results of the commit that lasts', async () => {
  const { path } = setup();
  const sqlite = new Database(path);
  sqlite.exec('CREATE TABLE t (n)');
  const write = groupCommit(sqlite);
  const insert = sqlite.prepare<[number], { n: number }>(
    'INSERT INTO t VALUES (?) RETURNING rowid n',
  );
  const refuse = (n: number) => () => {
    insert.run(n);
    throw new Error('refused');
  };
  const results = await Promise.allSettled([
    write(() => insert.get(1)?.n),
    write(refuse(2)),
    write(() => insert.get(3)?.n),
    write(refuse(4)),
  ]);
  expect(results.map((one) => (one.status === 'fulfilled' ? one.value : 'refused'))).toEqual([
    1,
    'refused',
    2,
    'refused',
  ]);
  expect(sqlite.prepare('SELECT rowid, n FROM t').raw().all()).toEqual([
    [1, 1],
    [2, 3],
  ]);
  sqlite.close();
});

test('a commit that fails fails everybody in it, and nothing of it stays', async () => {
  const { path } = setup();
  const sqlite = new Database(path);
  sqlite.pragma('foreign_keys = ON');
  sqlite.exec('CREATE TABLE parent (id PRIMARY KEY)');
  sqlite.exec('CREATE TABLE child (p REFERENCES parent DEFERRABLE INITIALLY DEFERRED)');
  const write = groupCommit(sqlite);
  const results = await Promise.allSettled([
    write(() => sqlite.prepare('INSERT INTO parent VALUES (1)').run().changes),
    write(() => sqlite.prepare('INSERT INTO child VALUES (404)').run().changes),
  ]);
  expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  expect(sqlite.prepare('SELECT count(*) AS n FROM parent').get()).toEqual({ n: 0 });
  sqlite.close();
});

test('a file that is full fails everybody in the commit, and takes them when there is room again', async () => {
  const { path } = setup();
  const sqlite = new Database(path);
  sqlite.exec('CREATE TABLE t (data)');
  const pages = Number(sqlite.pragma('page_count', { simple: true }));
  sqlite.pragma(`max_page_count = ${pages + 4}`);
  const write = groupCommit(sqlite);
  const insert = sqlite.prepare('INSERT INTO t VALUES (zeroblob(?))');
  const insertAll = () =>
    Promise.allSettled([10, 100_000, 20].map((bytes) => write(() => insert.run(bytes).changes)));
  const refused = await insertAll();
  expect(refused).toMatchObject(
    Array.from({ length: 3 }, () => ({ status: 'rejected', reason: { code: 'SQLITE_FULL' } })),
  );
  expect(sqlite.prepare('SELECT count(*) AS n FROM t').get()).toEqual({ n: 0 });
  sqlite.pragma('max_page_count = 1000000');
  const taken = await insertAll();
  expect(taken.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'fulfilled']);
  expect(sqlite.prepare('SELECT count(*) AS n FROM t').get()).toEqual({ n: 3 });
  sqlite.close();
});

test('processes that start together on a fresh path all find one file with every migration once', async () => {
  const path = join(mkdtempSync(join(tmpdir(), 'sm-exchange-open-')), 'exchange.db');
  const source = join(import.meta.dir, '../../src/store/open.ts');
  const script = `import { open } from '${source}'; open('${path}').sqlite.close();`;
  const children = [1, 2, 3].map(() =>
    Bun.spawn([process.execPath, '-e', script], { stdio: ['ignore', 'ignore', 'inherit'] }),
  );
  expect(await Promise.all(children.map(({ exited }) => exited))).toEqual([0, 0, 0]);
  const { sqlite } = open(path);
  const { applied, known, isOurs } = schemaVersion(sqlite);
  sqlite.close();
  rmSync(dirname(path), { recursive: true });
  expect(known).toBeGreaterThan(1);
  expect({ applied, isOurs }).toEqual({ applied: known, isOurs: true });
});

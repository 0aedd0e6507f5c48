/** The column that lists go by says the same as the rows of both stages. */
import { expect, test } from 'bun:test';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { readMigrations } from '../../src/store/migration-files.ts';
import { open } from '../../src/store/open.ts';
import { lanes, type Setup } from './setup.ts';
import { misstated } from './statuses.ts';
import { town } from './town.ts';

async function idsOf({ store }: Setup, ...statuses: string[]): Promise<string[]> {
  const { messages } = await store.list({}, { limit: 100 });
  return messages.filter(({ status }) => statuses.includes(status)).map(({ id }) => id);
}

test('the status follows both stages, and a duplicate the message that carries it', async () => {
  const s = await town();
  expect(misstated(s.path)).toEqual([]);
  const ofSecond = { ohMessageId: '3000000002:-6:0:0' };
  const statuses = async () =>
    (await s.store.list(ofSecond, { limit: 10 })).messages.map(({ status }) => status);
  expect(await statuses()).toEqual(['INVALID', 'INVALID']);
  const [, carrier] = (await s.store.list(ofSecond, { limit: 10 })).messages;
  await s.store.operator.replayOne(carrier?.id ?? '', 'ann');
  expect(await statuses()).toEqual(['IN_PROGRESS', 'IN_PROGRESS']);
  expect(misstated(s.path)).toEqual([]);
  const queued = await s.store.claim(lanes.toMhv, 10);
  const again = queued.find(({ id }) => id === carrier?.id);
  if (!again) throw new Error('not claimed');
  const ids = { mhvMessageId: '2' };
  await s.store.settle(again, { state: 'done', outcome: { kind: 'delivered', ids, found: false } });
  expect(await statuses()).toEqual(['SENT', 'SENT']);
  expect(misstated(s.path)).toEqual([]);
});

test('a message that is replayed is in progress again, and failed again when its attempts are spent', async () => {
  const s = await town();
  const over = await idsOf(s, 'FAILED', 'INVALID', 'SENT');
  for (const id of over) await s.store.operator.replayOne(id, 'ann').catch(() => undefined);
  expect(misstated(s.path)).toEqual([]);
  for (let lease = 0; lease < 5; lease += 1) {
    s.clock.now += 120_000;
    for (const lane of Object.values(lanes)) await s.store.claim(lane, 100);
  }
  expect(await idsOf(s, 'FAILED')).not.toEqual([]);
  expect(misstated(s.path)).toEqual([]);
});

test('a file from before has the status of each of its messages after the migration', async () => {
  const { path } = await town();
  const older = join(path, '..', 'older.db');
  const sqlite = new Database(older);
  sqlite.pragma('auto_vacuum = INCREMENTAL');
  sqlite.exec(
    'CREATE TABLE __drizzle_migrations (id SERIAL PRIMARY KEY, hash text, created_at numeric)',
  );
  const record = sqlite.prepare(
    'INSERT INTO __drizzle_migrations (hash, created_at) VALUES (?, ?)',
  );
  for (const { sql, hash, folderMillis } of readMigrations()) {
    if (sql.some((statement) => statement.includes('ADD `status`'))) break;
    for (const statement of sql) sqlite.exec(statement);
    record.run(hash, folderMillis);
  }
  sqlite.prepare('ATTACH ? AS town').run(path);
  for (const table of ['inbox', 'outbox']) {
    const columns = sqlite
      .prepare<[string], { name: string }>('SELECT name FROM pragma_table_info(?)')
      .all(table)
      .map(({ name }) => name)
      .join(', ');
    sqlite.exec(`INSERT INTO main.${table} (${columns}) SELECT ${columns} FROM town.${table}`);
  }
  sqlite.close();
  open(older).sqlite.close();
  expect(misstated(older)).toEqual([]);
  const counted = (file: string) => {
    const db = new Database(file, { readonly: true });
    const rows = db.prepare('SELECT id, status FROM inbox ORDER BY id').all();
    db.close();
    return rows;
  };
  expect(counted(older)).toEqual(counted(path));
  expect(counted(older)).toHaveLength(9);
});

/** What schema.ts says of the file is what the migrations make it. */
import { expect, test } from 'bun:test';
import { join } from 'node:path';
import { is } from 'drizzle-orm';
import { getTableConfig, SQLiteTable } from 'drizzle-orm/sqlite-core';
import { setup } from './setup.ts';

const SCHEMAS = new Bun.Glob('schema*.ts');
const FOLDER = join(import.meta.dir, '../../src/store');

async function tables() {
  const found = new Map<string, ReturnType<typeof getTableConfig>>();
  for (const file of SCHEMAS.scanSync(FOLDER)) {
    for (const value of Object.values(await import(join(FOLDER, file)))) {
      if (!is(value, SQLiteTable)) continue;
      const config = getTableConfig(value);
      found.set(config.name, config);
    }
  }
  return [...found.values()];
}

test('each index of the file is in the schema with its columns, and each of the schema in the file', async () => {
  const { query } = setup();
  const declared = (await tables()).flatMap(({ indexes }) =>
    indexes.map(({ config: { name, columns } }) => [
      name,
      columns.map((column) => Reflect.get(column, 'name')),
    ]),
  );
  const made = query<{ name: string; columns: string }>(
    `SELECT name, (SELECT json_group_array(name) FROM pragma_index_info(s.name)) AS columns
     FROM sqlite_schema AS s WHERE type = 'index' AND sql IS NOT NULL`,
  ).map(({ name, columns }) => [name, JSON.parse(columns)]);
  expect(made.length).toBeGreaterThan(30);
  expect(Object.fromEntries(made)).toEqual(Object.fromEntries(declared));
});

test('each table of the file is in the schema with its columns', async () => {
  const { query } = setup();
  for (const { name, columns } of await tables()) {
    const made = query<{ name: string }>('SELECT name FROM pragma_table_info(?)', name);
    expect(made.map((column) => column.name).toSorted()).toEqual(
      columns.map((column) => column.name).toSorted(),
    );
  }
});

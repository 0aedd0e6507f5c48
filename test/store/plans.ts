/** How SQLite goes about the statements that something runs. */
import type { Database } from 'better-sqlite3';
import { type Connection, open } from '../../src/store/open.ts';

/** The steps of the plan of every statement that `read` compiles on the file at `path`. */
export async function plansOf(
  path: string,
  read: (connection: Connection) => unknown,
): Promise<string[]> {
  const connection = open(path);
  const { sqlite } = connection;
  const prepare: Database['prepare'] = sqlite.prepare.bind(sqlite);
  const plans: string[] = [];
  Reflect.set(sqlite, 'prepare', (text: string) => {
    const explained = prepare<unknown[], { detail: string }>(`EXPLAIN QUERY PLAN ${text}`);
    const values = Array.from({ length: text.split('?').length - 1 }, () => null);
    plans.push(...explained.all(...values).map(({ detail }) => detail));
    return prepare(text);
  });
  try {
    await read(connection);
    return plans;
  } finally {
    sqlite.close();
  }
}

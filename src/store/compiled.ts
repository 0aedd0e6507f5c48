/** The statements that every message runs, compiled once: with triggers, compiling takes longer than running. */
import type { Statement } from 'better-sqlite3';
import type { Db } from './open.ts';

const kept = new WeakMap<Db, Map<string, Statement>>();

/**
 * The statement of this text on this connection. It is kept as long as the connection, so a text holds
 * names of tables, columns and lanes at most, never what came from outside: there are a few dozen.
 */
export function compiled<Params extends unknown[], Row = unknown>(
  db: Db,
  text: string,
): Statement<Params, Row> {
  let statements = kept.get(db);
  if (!statements) kept.set(db, (statements = new Map()));
  let statement = statements.get(text);
  if (!statement) statements.set(text, (statement = db.$client.prepare(text)));
  return statement as Statement<Params, Row>;
}

/**
 * Statements that run for every message taken in, without drizzle in between: it writes the SQL once,
 * better-sqlite3 compiles it once, and a run only binds values. Going through drizzle for each row
 * costs more than SQLite does.
 */
import type { RunResult, Statement } from 'better-sqlite3';
import { is, Param, Placeholder } from 'drizzle-orm';
import type { Db } from './open.ts';

/** A value as SQLite binds it. */
type Bound = string | number | null;

/** A drizzle query with a placeholder for everything that changes from run to run. */
interface Query {
  toSQL(): { sql: string; params: unknown[] };
}

export interface Compiled<Name extends string> {
  run(values: Record<Name, Bound>): RunResult;
  /** True when the query gives a row; it is not asked for more, so it needs no limit. */
  hasRow(values: Record<Name, Bound>): boolean;
}

/**
 * Gives a function that compiles the query once for each connection. `Name` are the query's
 * placeholders. Values are bound as they are, so that a boolean is 0 or 1.
 *
 * The query must have no `limit`: drizzle binds its number, and SQLite compiles a statement anew for
 * each run when the plan may depend on a bound value, which takes ten times as long as the look-up.
 */
export function compiledOnce<Name extends string>(
  queryOf: (db: Db) => Query,
): (db: Db) => Compiled<Name> {
  const known = new WeakMap<Db, Compiled<Name>>();
  return (db) => {
    const compiled = known.get(db) ?? compile<Name>(db, queryOf(db));
    known.set(db, compiled);
    return compiled;
  };
}

function compile<Name extends string>(db: Db, query: Query): Compiled<Name> {
  const { sql, params } = query.toSQL();
  const statement: Statement = db.$client.prepare(sql);
  const places = params.flatMap((param, index): [number, string][] => {
    const name = nameOf(param);
    return name === undefined ? [] : [[index, name]];
  });
  const bind = (values: Record<string, Bound>) => {
    const bound = params.slice();
    for (const [index, name] of places) bound[index] = values[name];
    return bound;
  };
  return {
    run: (values) => statement.run(bind(values)),
    hasRow: (values) => statement.get(bind(values)) !== undefined,
  };
}

/** Name of the placeholder; undefined for a value that is the same in every run. */
function nameOf(param: unknown): string | undefined {
  if (is(param, Placeholder)) return param.name;
  return is(param, Param) && is(param.value, Placeholder) ? param.value.name : undefined;
}

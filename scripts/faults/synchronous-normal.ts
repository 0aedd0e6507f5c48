/**
 * Loaded before the exchange to prove that the durability check can fail: once the exchange has set
 * `synchronous` and seen that it took, the connection goes back to NORMAL.
 */
import Database from 'better-sqlite3';

const pragma: Database.Database['pragma'] = Reflect.get(Database.prototype, 'pragma');
Database.prototype.pragma = function relaxed(this: Database.Database, source, options) {
  const result: unknown = pragma.call(this, source, options);
  if (source === 'synchronous') pragma.call(this, 'synchronous = NORMAL');
  return result;
};

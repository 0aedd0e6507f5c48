/** Who may use the console, and who is logged in, on the SQLite file. */
import { asc, eq, lt, or } from 'drizzle-orm';
import { ExchangeError } from '../errors.ts';
import type { Instant } from '../message.ts';
import type { Role } from '../principal.ts';
import { record } from './audit.ts';
import type { Write } from './group-commit.ts';
import type { Db } from './open.ts';
import { logins, operators } from './schema-access.ts';

/** A person who may use the console. */
interface Operator {
  name: string;
  role: Role;
  createdAt: Instant;
  /** Since when they may not. */
  disabledAt?: Instant;
}

/** Each verb is one transaction; those that change something are in the audit. */
export interface OperatorAccounts {
  /** ExchangeError `conflict` when the name is taken. */
  add(
    operator: { name: string; role: Role; passwordHash: string },
    actor: string,
  ): Promise<Operator>;
  /** By name, disabled ones too. */
  list(): Promise<Operator[]>;
  /** Ends every login of theirs. ExchangeError `not-found`. */
  setPassword(name: string, passwordHash: string, actor: string): Promise<void>;
  /** Ends every login of theirs; the name stays taken. ExchangeError `not-found`. */
  disable(name: string, actor: string): Promise<void>;
  /** Argon2id as a PHC string; undefined for a name that is unknown or disabled. */
  passwordHashOf(name: string): Promise<string | undefined>;

  /** Begins a login; `digest` is that of the cookie's value. Drops logins that are over. */
  logIn(name: string, digest: Buffer): Promise<void>;
  /** Whose login it is, unless it is over or they are disabled; notes to the minute that it was used. */
  loggedIn(digest: Buffer): Promise<Operator | undefined>;
  logOut(digest: Buffer): Promise<void>;
}

/** A login ends when it was not used for so long, and so long after it began. */
const IDLE_MS = 30 * 60_000;
const LONGEST_MS = 12 * 60 * 60_000;
const SEEN_NOTED_EVERY_MS = 60_000;

interface Shared {
  db: Db;
  write: Write;
  now: () => Instant;
}

/** The accounts on the SQLite file. */
export class SqliteOperators implements OperatorAccounts {
  readonly #shared: Shared;

  constructor(shared: Shared) {
    this.#shared = shared;
  }

  add(operator: { name: string; role: Role; passwordHash: string }, actor: string) {
    const { db, write, now } = this.#shared;
    return write(() => {
      const { name, role } = operator;
      if (find(db, name)) throw new ExchangeError('conflict', `The name ${name} is taken.`);
      const row = { ...operator, createdAt: now(), disabledAt: null };
      db.insert(operators).values(row).run();
      record(
        db,
        { actor, action: 'operator.add', object: personOf(name), detail: { role } },
        now(),
      );
      return operatorOf(row);
    });
  }

  async list() {
    return this.#shared.db
      .select()
      .from(operators)
      .orderBy(asc(operators.name))
      .all()
      .map(operatorOf);
  }

  setPassword(name: string, passwordHash: string, actor: string) {
    return this.#change(name, { passwordHash }, { actor, action: 'operator.password' });
  }

  disable(name: string, actor: string) {
    const disabledAt = this.#shared.now();
    return this.#change(name, { disabledAt }, { actor, action: 'operator.disable' });
  }

  async passwordHashOf(name: string) {
    const row = find(this.#shared.db, name);
    return row?.disabledAt === null ? row.passwordHash : undefined;
  }

  logIn(name: string, digest: Buffer) {
    const { db, write, now } = this.#shared;
    return write(() => {
      const at = now();
      const over = or(lt(logins.lastSeenAt, at - IDLE_MS), lt(logins.createdAt, at - LONGEST_MS));
      db.delete(logins).where(over).run();
      db.insert(logins).values({ digest, operator: name, createdAt: at, lastSeenAt: at }).run();
      record(db, { actor: name, action: 'console.login', object: personOf(name) }, at);
    });
  }

  async loggedIn(digest: Buffer) {
    const { db, write, now } = this.#shared;
    const isThis = eq(logins.digest, digest);
    const found = db
      .select()
      .from(logins)
      .innerJoin(operators, eq(operators.name, logins.operator))
      .where(isThis)
      .get();
    if (!found || found.operators.disabledAt !== null) return undefined;
    const { createdAt, lastSeenAt } = found.logins;
    const at = now();
    if (at - lastSeenAt > IDLE_MS || at - createdAt > LONGEST_MS) return undefined;
    if (at - lastSeenAt >= SEEN_NOTED_EVERY_MS) {
      await write(() => void db.update(logins).set({ lastSeenAt: at }).where(isThis).run());
    }
    return operatorOf(found.operators);
  }

  logOut(digest: Buffer) {
    const { db, write, now } = this.#shared;
    return write(() => {
      const [gone] = db.delete(logins).where(eq(logins.digest, digest)).returning().all();
      if (!gone) return;
      const { operator: actor } = gone;
      record(db, { actor, action: 'console.logout', object: personOf(actor) }, now());
    });
  }

  #change(
    name: string,
    set: Partial<typeof operators.$inferInsert>,
    by: { actor: string; action: string },
  ): Promise<void> {
    const { db, write, now } = this.#shared;
    return write(() => {
      if (!find(db, name)) throw new ExchangeError('not-found', `There is no operator ${name}.`);
      db.update(operators).set(set).where(eq(operators.name, name)).run();
      db.delete(logins).where(eq(logins.operator, name)).run();
      record(db, { ...by, object: personOf(name) }, now());
    });
  }
}

function find(db: Db, name: string) {
  return db.select().from(operators).where(eq(operators.name, name)).get();
}

function personOf(name: string) {
  return { kind: 'operator', id: name };
}

function operatorOf({
  name,
  role,
  createdAt,
  disabledAt,
}: typeof operators.$inferSelect): Operator {
  return { name, role, createdAt, ...(disabledAt === null ? {} : { disabledAt }) };
}

/** Credentials of the API on the SQLite file. Secrets are never in it, only their digests. */
import { existsSync } from 'node:fs';
import Database from 'better-sqlite3';
import { and, asc, eq, isNull } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/better-sqlite3';
import { ExchangeError } from '../errors.ts';
import type { Instant } from '../message.ts';
import type { Scope } from '../principal.ts';
import { record } from './audit.ts';
import type { Write } from './group-commit.ts';
import type { Db } from './open.ts';
import { apiTokens } from './schema-access.ts';

/** A bearer token without its secret. */
export interface ApiToken {
  id: string;
  name: string;
  scopes: Scope[];
  createdAt: Instant;
  expiresAt?: Instant;
  revokedAt?: Instant;
  /** To the minute or so. */
  lastUsedAt?: Instant;
}

export interface NewApiToken {
  name: string;
  /** SHA-256 of the token. */
  digest: Buffer;
  scopes: Scope[];
  expiresAt?: Instant;
}

/** Each verb is one transaction; those that change something are in the audit. */
export interface AccessStore {
  /** ExchangeError `conflict` when a token that was not revoked has the name. */
  addToken(token: NewApiToken, actor: string): Promise<ApiToken>;
  /** Oldest first, revoked ones too. */
  listTokens(): Promise<ApiToken[]>;
  /**
   * The token with this digest that is neither revoked nor over, as the file has it at this moment, whoever
   * wrote it. Notes about once a minute that it was used.
   */
  findToken(digest: Buffer): Promise<ApiToken | undefined>;
  /** Revoking what is revoked changes nothing. ExchangeError `not-found`. */
  revokeToken(id: string, actor: string): Promise<ApiToken>;
}

/** Whether a token opens anything: neither revoked nor over. */
function isLive({ revokedAt, expiresAt }: ApiToken, now: Instant): boolean {
  return revokedAt === undefined && (expiresAt === undefined || now < expiresAt);
}

/**
 * Whether the file at `path` has a token that opens anything, for whoever must know before the store is
 * opened. Makes nothing and changes nothing; false where there is no file, or one from before there were
 * tokens.
 */
export function hasLiveToken(path: string, now: Instant): boolean {
  if (!existsSync(path)) return false;
  const sqlite = new Database(path, { readonly: true });
  try {
    const table = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'api_tokens'";
    if (!sqlite.prepare(table).get()) return false;
    return drizzle(sqlite)
      .select()
      .from(apiTokens)
      .all()
      .some((row) => isLive(tokenOf(row), now));
  } finally {
    sqlite.close();
  }
}

const USE_NOTED_EVERY_MS = 60_000;

interface Shared {
  db: Db;
  write: Write;
  now: () => Instant;
}

/** The credentials on the SQLite file. */
export class SqliteAccess implements AccessStore {
  readonly #shared: Shared;
  /** When each token's use was last noted by this process. */
  readonly #noted = new Map<string, Instant>();

  constructor(shared: Shared) {
    this.#shared = shared;
  }

  addToken(token: NewApiToken, actor: string) {
    const { db, write, now } = this.#shared;
    return write(() => addToken(db, token, actor, now()));
  }

  async listTokens() {
    return this.#shared.db
      .select()
      .from(apiTokens)
      .orderBy(asc(apiTokens.createdAt), asc(apiTokens.id))
      .all()
      .map(tokenOf);
  }

  async findToken(digest: Buffer) {
    const { db, now } = this.#shared;
    const row = db.select().from(apiTokens).where(eq(apiTokens.digest, digest)).get();
    const token = row && tokenOf(row);
    if (!token || !isLive(token, now())) return undefined;
    this.#noteUse(token.id);
    return token;
  }

  revokeToken(id: string, actor: string) {
    const { db, write, now } = this.#shared;
    return write(() => revokeToken(db, id, actor, now()));
  }

  /** Nobody waits for it, and a failure is only a time that is not noted. */
  #noteUse(id: string): void {
    const { db, write, now } = this.#shared;
    const at = now();
    if (at - (this.#noted.get(id) ?? 0) < USE_NOTED_EVERY_MS) return;
    this.#noted.set(id, at);
    const noting = write(() => {
      db.update(apiTokens).set({ lastUsedAt: at }).where(eq(apiTokens.id, id)).run();
    });
    noting.catch(() => this.#noted.delete(id));
  }
}

function addToken(db: Db, token: NewApiToken, actor: string, now: Instant): ApiToken {
  const { name, digest, scopes, expiresAt = null } = token;
  const isNamed = and(eq(apiTokens.name, name), isNull(apiTokens.revokedAt));
  if (db.select().from(apiTokens).where(isNamed).get()) {
    throw new ExchangeError('conflict', `A token has the name ${name} already.`);
  }
  const id = Bun.randomUUIDv7();
  const row = { id, name, digest, scopes, createdAt: now, expiresAt };
  db.insert(apiTokens).values(row).run();
  const detail = { name, scopes, ...(expiresAt === null ? {} : { expiresAt }) };
  record(db, { actor, action: 'token.add', object: { kind: 'token', id }, detail }, now);
  return tokenOf({ ...row, revokedAt: null, lastUsedAt: null });
}

function revokeToken(db: Db, id: string, actor: string, now: Instant): ApiToken {
  const row = db.select().from(apiTokens).where(eq(apiTokens.id, id)).get();
  if (!row) throw new ExchangeError('not-found', 'No token has this id.');
  if (row.revokedAt !== null) return tokenOf(row);
  db.update(apiTokens).set({ revokedAt: now }).where(eq(apiTokens.id, id)).run();
  const object = { kind: 'token', id };
  record(db, { actor, action: 'token.revoke', object, detail: { name: row.name } }, now);
  return tokenOf({ ...row, revokedAt: now });
}

function tokenOf(row: typeof apiTokens.$inferSelect): ApiToken {
  const { id, name, scopes, createdAt, expiresAt, revokedAt, lastUsedAt } = row;
  return {
    id,
    name,
    scopes,
    createdAt,
    ...(expiresAt === null ? {} : { expiresAt }),
    ...(revokedAt === null ? {} : { revokedAt }),
    ...(lastUsedAt === null ? {} : { lastUsedAt }),
  };
}

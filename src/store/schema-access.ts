/** The tables of who may do what; see schema.ts. */
import { sql } from 'drizzle-orm';
import { blob, index, integer, sqliteTable, text, uniqueIndex } from 'drizzle-orm/sqlite-core';
import type { Role, Scope } from '../principal.ts';

/** Bearer tokens of the API; of the token itself only its digest is kept. */
export const apiTokens = sqliteTable(
  'api_tokens',
  {
    id: text('id').primaryKey(),
    name: text('name').notNull(),
    /** SHA-256. */
    digest: blob('digest', { mode: 'buffer' }).notNull(),
    scopes: text('scopes', { mode: 'json' }).$type<Scope[]>().notNull(),
    createdAt: integer('created_at').notNull(),
    expiresAt: integer('expires_at'),
    revokedAt: integer('revoked_at'),
    /** To the minute or so. */
    lastUsedAt: integer('last_used_at'),
  },
  (t) => [
    uniqueIndex('api_tokens_digest').on(t.digest),
    uniqueIndex('api_tokens_name').on(t.name).where(sql`revoked_at IS NULL`),
    index('api_tokens_created_at').on(t.createdAt),
  ],
);

/** People who may use the console. */
export const operators = sqliteTable('operators', {
  name: text('name').primaryKey(),
  /** Argon2id, as a PHC string. */
  passwordHash: text('password_hash').notNull(),
  role: text('role').$type<Role>().notNull(),
  createdAt: integer('created_at').notNull(),
  disabledAt: integer('disabled_at'),
});

/** Who is logged in at the console. */
export const logins = sqliteTable(
  'logins',
  {
    /** SHA-256 of the cookie's value. */
    digest: blob('digest', { mode: 'buffer' }).primaryKey(),
    operator: text('operator')
      .notNull()
      .references(() => operators.name),
    createdAt: integer('created_at').notNull(),
    /** To the minute or so. */
    lastSeenAt: integer('last_seen_at').notNull(),
  },
  (t) => [index('logins_operator').on(t.operator), index('logins_last_seen_at').on(t.lastSeenAt)],
);

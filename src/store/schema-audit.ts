/**
 * The tables of the audit; see schema.ts. Triggers in drizzle/ refuse to change a row, to delete one that
 * the anchor does not cover, and to add one that does not go on from the head.
 */
import { index, integer, sqliteTable, text } from 'drizzle-orm/sqlite-core';

/** Who saw or did what: one row for each act. */
export const audit = sqliteTable(
  'audit',
  {
    /** From 1, without gaps. */
    seq: integer('seq').primaryKey(),
    at: integer('at').notNull(),
    actor: text('actor').notNull(),
    action: text('action').notNull(),
    objectKind: text('object_kind').notNull(),
    objectId: text('object_id').notNull(),
    /** JSON; no patient data. */
    detail: text('detail').notNull(),
    /** The hash of the row before, in hex. */
    prevHash: text('prev_hash').notNull(),
    /** SHA-256 over this row and `prev_hash`, in hex; see audit-chain.ts. */
    hash: text('hash').notNull(),
  },
  (t) => [index('audit_at').on(t.at)],
);

/** One row: where the chain ends, and which row is the last that was pruned. Kept by triggers. */
export const auditChain = sqliteTable('audit_chain', {
  id: integer('id').primaryKey(),
  headSeq: integer('head_seq').notNull(),
  headHash: text('head_hash').notNull(),
  anchorSeq: integer('anchor_seq').notNull(),
  anchorHash: text('anchor_hash').notNull(),
});

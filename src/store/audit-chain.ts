/** How a row of the audit is bound to the one before. Pure, so that anybody can check an export with it. */
import { createHash } from 'node:crypto';
import type { Instant } from '../message.ts';

/** One act, as it is written in the audit. */
export interface AuditEvent {
  /** Who, as the timeline names them. */
  actor: string;
  /** What, such as `message.replay`. */
  action: string;
  /** To what. Ids of the exchange or of OH, never of a person. */
  object: { kind: string; id: string };
  /** What else belongs to it: counts and words, no patient data. */
  detail?: Record<string, unknown>;
}

/** A row of the audit. */
export interface AuditRow {
  seq: number;
  at: Instant;
  actor: string;
  action: string;
  objectKind: string;
  objectId: string;
  /** JSON, character by character as it was hashed. */
  detail: string;
  prevHash: string;
  hash: string;
}

/** What row 1 goes on from. */
export const FIRST_HASH = '0'.repeat(64);

/**
 * SHA-256 in hex of the row as a JSON array in UTF-8, without white space: `[seq, at, actor, action,
 * objectKind, objectId, detail, prevHash]`, `at` in milliseconds and `detail` as a string.
 */
export function hashOf(row: Omit<AuditRow, 'hash'>): string {
  const { seq, at, actor, action, objectKind, objectId, detail, prevHash } = row;
  const bytes = JSON.stringify([seq, at, actor, action, objectKind, objectId, detail, prevHash]);
  return createHash('sha256').update(bytes).digest('hex');
}

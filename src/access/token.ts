/** Bearer tokens that the exchange gives out, and how a secret is kept. */
import { createHash } from 'node:crypto';

/** By this a scanner of source code or logs knows what it has found. */
const PREFIX = 'smx_';

/** How much chance a token takes. */
export const TOKEN_BYTES = 32;

/** A token of these random bytes, in the characters of RFC 6750. */
export function tokenOf(random: Uint8Array): string {
  return PREFIX + Buffer.from(random).toString('base64url');
}

/** Whether it may be one that the exchange gave out. */
export function isOurs(token: string): boolean {
  return token.startsWith(PREFIX);
}

/** SHA-256 of a secret: one length, so that comparing takes the same time for every secret. */
export function digestOf(secret: string): Buffer {
  return createHash('sha256').update(secret).digest();
}

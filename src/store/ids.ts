/**
 * Ids of messages are UUIDv7 (RFC 9562 §5.7): they begin with the instant of acceptance, and sort by it. Those of
 * one instant go up, and beyond some thousand of them into the next.
 */
import type { Instant } from '../message.ts';

/** The smallest id of an instant. */
export function firstIdAt(at: Instant): string {
  const hex = Math.max(at, 0).toString(16).padStart(12, '0');
  return `${hex.slice(0, 8)}-${hex.slice(8)}`;
}

/** When the message of the id was accepted. */
export function instantOf(id: string): Instant {
  return Number.parseInt(id.replace('-', '').slice(0, 12), 16);
}

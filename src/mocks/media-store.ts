/** The files that the mocked media service keeps. */
import { createHash } from 'node:crypto';
import type { MediaReference } from './mailbox.ts';

export interface MediaItem {
  mediaIdentifier: string;
  mediaVersion: number;
  name: string;
  mimeType: string;
  bytes: Uint8Array;
  /** How many uploads ended in this item; 0 for seeded files. */
  uploads: number;
}

export interface MediaStore {
  byIdentifier: Map<string, MediaItem>;
  byIdempotencyKey: Map<string, MediaItem>;
  nextNumber: number;
}

/** A store without files. */
export function emptyMediaStore(): MediaStore {
  return { byIdentifier: new Map(), byIdempotencyKey: new Map(), nextNumber: 1 };
}

/** Keeps a file as version 1 of a new identifier (`{uuid}`). */
export function keepMedia(
  media: MediaStore,
  file: { name: string; mimeType: string; bytes: Uint8Array },
  uploads: number,
): MediaItem {
  const number = String(media.nextNumber++).padStart(12, '0');
  const mediaIdentifier = `{00000000-0000-4000-8000-${number}}`;
  const item: MediaItem = { ...file, mediaIdentifier, mediaVersion: 1, uploads };
  media.byIdentifier.set(mediaIdentifier, item);
  return item;
}

/** How a message refers to a kept file. */
export function referenceTo(item: MediaItem): MediaReference {
  const { name, mediaIdentifier, mediaVersion } = item;
  return { name, mediaIdentifier, mediaVersion };
}

/** SHA-256 of the bytes. */
export function sha256(bytes: Uint8Array, encoding: 'hex' | 'base64'): string {
  return createHash('sha256').update(bytes).digest(encoding);
}

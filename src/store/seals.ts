/**
 * The keys of a connection: contents are sealed on their way into the file and opened on their way out,
 * at the place of `JSON.stringify` and `JSON.parse`. Without keys they are kept in the clear.
 */
import { ExchangeError } from '../errors.ts';
import { compiled } from './compiled.ts';
import type { Write } from './group-commit.ts';
import type { Db } from './open.ts';
import {
  type DataKey,
  MAX_HEAD_BYTES,
  OVERHEAD_BYTES,
  type Place,
  SealError,
  seal,
  unseal,
} from './seal.ts';

/** What a column holds: text in the clear, or a sealed value. */
export type Stored = string | Uint8Array;

const kept = new WeakMap<Db, DataKey[]>();

/** The first key seals, all of them open. */
export function useKeys(db: Db, keys: DataKey[]): void {
  kept.set(db, keys);
}

/** The keys of this connection, the one that seals first. */
export function keysOf(db: Db): DataKey[] {
  const keys = kept.get(db);
  // Not in the clear because somebody has forgotten them.
  if (!keys) throw new Error('Nobody has said which keys this connection has.');
  return keys;
}

/** Text as it is to be stored. */
export function sealed(db: Db, place: Place, text: string): Stored {
  const [first] = keysOf(db);
  return first ? seal(first, place, text) : text;
}

/** Bytes as they are to be stored; whether they are sealed is to be kept beside them. */
export function sealedBytes(db: Db, place: Place, bytes: Uint8Array): Buffer {
  const [first] = keysOf(db);
  return first ? seal(first, place, bytes) : Buffer.from(bytes);
}

/** Text as it was before it was stored; a value in the clear is left as it is. Throws SealError. */
export function opened(db: Db, place: Place, stored: Stored): string {
  return typeof stored === 'string' ? stored : openedBytes(db, place, stored).toString('utf8');
}

/** The same of bytes, which do not show whether they are sealed. Throws SealError. */
export function openedBytes(db: Db, place: Place, stored: Uint8Array): Buffer {
  return unseal((id) => keysOf(db).find((key) => key.id === id), place, stored);
}

/** Opens something for a person: what does not open is ExchangeError `conflict` and says why. */
export function orConflict<T>(open: () => T): T {
  try {
    return open();
  } catch (error) {
    if (error instanceof SealError) throw new ExchangeError('conflict', error.message);
    throw error;
  }
}

/** SQL for the length in bytes of what a column of text holds, sealed or not. */
export function bytesOf(column: string): string {
  const overhead = `${headBytesOf(column)} + ${OVERHEAD_BYTES}`;
  return `octet_length(${column}) - iif(typeof(${column}) = 'blob', ${overhead}, 0)`;
}

/** SQL for the length of what stands before the nonce of a sealed value: version, id of the key, zero byte. */
export function headBytesOf(column: string): string {
  return `instr(substr(${column}, 1, ${MAX_HEAD_BYTES}), x'00')`;
}

/**
 * The same write function, for a connection that seals: each transaction sees to it that the file has a
 * row for the key that sealed when it was asked for. `rekey` may have dropped it since, for nothing was
 * sealed under it then.
 */
export function notingKey(write: Write, db: Db, now: () => number): Write {
  return (work) => {
    const [first] = keysOf(db);
    if (!first) return write(work);
    return write(() => {
      noteKey(db, first, now());
      return work();
    });
  };
}

/** Says in the file that this key seals. Within a transaction. */
export function noteKey(db: Db, key: DataKey, now: number): void {
  const isNoted = compiled<[string]>(
    db,
    'SELECT 1 FROM data_keys WHERE id = ? AND is_leaving = 0',
  ).get(key.id);
  if (isNoted !== undefined) return;
  compiled<[string, Buffer, number]>(
    db,
    `INSERT INTO data_keys (id, proof, noted_at, is_leaving) VALUES (?, ?, ?, 0)
     ON CONFLICT (id) DO UPDATE SET is_leaving = 0`,
  ).run(key.id, seal(key, { column: 'data_keys.proof', row: key.id }, ''), now);
}

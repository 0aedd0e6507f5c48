/** One value under a key: AES-256-GCM, bound to the place where it lies. Pure but for the nonce. */
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';

/** A key under which contents are sealed. */
export interface DataKey {
  /** Written into each value that it seals: up to 32 letters, digits, `.`, `_` and `-`. */
  id: string;
  /** 32 bytes. */
  key: Uint8Array;
}

/** A column that is sealed, and what tells its rows apart. A sealed value opens nowhere else. */
export interface Place {
  column: SealedColumn;
  row: string;
}

export type SealedColumn =
  | 'inbox.payload'
  | 'outbox.payload'
  | 'uploads.reference'
  | 'quarantine.body'
  | 'quarantine.faults'
  | 'quarantine.replay'
  | 'events.detail'
  | 'data_keys.proof';

/** Why a sealed value does not open; as an error code it is on the message. */
export class SealError extends Error {
  readonly code: 'data-key-missing' | 'seal-broken';
  readonly keyId: string;

  constructor(code: SealError['code'], keyId: string) {
    super(
      code === 'data-key-missing'
        ? `The stored contents are sealed under the key ${keyId}, which DATA_KEYS does not have.`
        : `The stored contents do not open under the key ${keyId}: they were changed or moved.`,
    );
    this.name = 'SealError';
    this.code = code;
    this.keyId = keyId;
  }
}

const CIPHER = 'aes-256-gcm';
const VERSION = 1;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
/** What a sealed value has behind the id of its key, beside the value itself. */
export const OVERHEAD_BYTES = NONCE_BYTES + TAG_BYTES;
const MAX_KEY_ID_CHARACTERS = 32;
/** Version, id and zero byte. */
export const MAX_HEAD_BYTES = MAX_KEY_ID_CHARACTERS + 2;
const KEY_ID = new RegExp(`^[\\w.-]{1,${MAX_KEY_ID_CHARACTERS}}$`);

/**
 * The value as it is stored: a byte of the version, the id of the key, a zero byte, nonce, tag, and the
 * ciphertext. Text is sealed as UTF-8.
 */
export function seal({ id, key }: DataKey, place: Place, value: string | Uint8Array): Buffer {
  const head = Buffer.from(`${String.fromCharCode(VERSION)}${id}\0`, 'latin1');
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv(CIPHER, key, nonce).setAAD(boundTo(head, place));
  const sealed = typeof value === 'string' ? cipher.update(value, 'utf8') : cipher.update(value);
  const last = cipher.final();
  return Buffer.concat([head, nonce, cipher.getAuthTag(), sealed, last]);
}

/** The value as it was. Throws SealError; `keyOf` gives the key of an id. */
export function unseal(
  keyOf: (id: string) => DataKey | undefined,
  place: Place,
  stored: Uint8Array,
): Buffer {
  const head = headOf(stored);
  const id = idIn(head);
  const key = keyOf(id);
  if (!key) throw new SealError('data-key-missing', id);
  const nonceAt = head.byteLength;
  const tagAt = nonceAt + NONCE_BYTES;
  const valueAt = tagAt + TAG_BYTES;
  if (stored.byteLength < valueAt) throw new SealError('seal-broken', id);
  const nonce = stored.subarray(nonceAt, tagAt);
  const decipher = createDecipheriv(CIPHER, key.key, nonce, { authTagLength: TAG_BYTES })
    .setAAD(boundTo(head, place))
    .setAuthTag(stored.subarray(tagAt, valueAt));
  const value = decipher.update(stored.subarray(valueAt));
  try {
    return Buffer.concat([value, decipher.final()]);
  } catch {
    throw new SealError('seal-broken', id);
  }
}

function idIn(head: Buffer): string {
  return head.toString('latin1', 1, head.byteLength - 1);
}

/** Version, key and place are checked with the value. */
function boundTo(head: Buffer, { column, row }: Place): Buffer {
  return Buffer.concat([head, Buffer.from(`${column}\0${row}`)]);
}

function headOf(stored: Uint8Array): Buffer {
  const bytes = Buffer.from(stored.buffer, stored.byteOffset, stored.byteLength);
  const end = bytes.subarray(0, MAX_HEAD_BYTES).indexOf(0);
  const head = bytes.subarray(0, end + 1);
  if (head.at(0) !== VERSION || !KEY_ID.test(idIn(head)))
    throw new SealError('seal-broken', 'of no name');
  return head;
}

/** Files on their way: read where a message came from, put where it goes, never uploaded twice. */
import { createHash } from 'node:crypto';
import pLimit from 'p-limit';
import type { Attachment, MediaReference, ToMhv } from '../message.ts';
import type { MhvAttachment, MhvClient } from '../mhv/client.ts';
import type { OhMedia } from '../oh/media.ts';
import type { Store } from '../store/store.ts';
import type { CallContext } from '../upstream.ts';

/** MHV's gateway refuses requests over 10 MB, and base64 makes three bytes four. */
const MAX_INLINE_BYTES = 6 * 1024 * 1024;

/** Messages with files that are in memory at one time; each has at most 25 MiB of them. */
const inMemory = pLimit(2);

export interface FileServices {
  store: Store;
  media: OhMedia;
}

/**
 * Uploads a message's files to OH and gives their references to `send`. What an earlier attempt has
 * uploaded is not uploaded again: each upload is on disk before the next one begins.
 */
export async function withFilesAtOh<T>(
  { store, media }: FileServices,
  message: { id: string; attachments: Attachment[] },
  context: CallContext,
  send: (references: MediaReference[]) => Promise<T>,
): Promise<T> {
  if (message.attachments.length === 0) return send([]);
  return inMemory(async () => {
    const references: MediaReference[] = [];
    for (const [position, attachment] of message.attachments.entries()) {
      const bytes = new Uint8Array(Buffer.from(attachment.contentBase64, 'base64'));
      const upload = () =>
        media.upload(
          { ...attachment, bytes, idempotencyKey: `${message.id}:${position}` },
          context,
        );
      references.push(await onlyOnce(store, message.id, position, bytes, upload));
    }
    return send(references);
  });
}

/**
 * Reads a message's files from OH and gives them to `send` as MHV takes them: small ones in the
 * request itself, larger ones already in MHV's object store, once.
 */
export async function withFilesAtMhv<T>(
  services: FileServices & { mhv: MhvClient },
  message: { id: string; attachments: ToMhv['attachments'] },
  context: CallContext,
  send: (attachments: MhvAttachment[]) => Promise<T>,
): Promise<T> {
  if (message.attachments.length === 0) return send([]);
  return inMemory(async () => send(await carry(services, message, context)));
}

async function carry(
  { store, media, mhv }: FileServices & { mhv: MhvClient },
  message: { id: string; attachments: ToMhv['attachments'] },
  context: CallContext,
): Promise<MhvAttachment[]> {
  const attachments: MhvAttachment[] = [];
  let inlineBytes = 0;
  for (const [position, reference] of message.attachments.entries()) {
    const { bytes, mimeType } = await media.download(reference, context);
    const file = { name: reference.name, mimeType, size: bytes.byteLength };
    inlineBytes += bytes.byteLength;
    if (inlineBytes <= MAX_INLINE_BYTES) {
      attachments.push({ ...file, contentBase64: Buffer.from(bytes).toString('base64') });
    } else {
      inlineBytes -= bytes.byteLength;
      const put = () => mhv.putFile({ ...file, bytes }, context);
      attachments.push({ ...file, ...(await onlyOnce(store, message.id, position, bytes, put)) });
    }
  }
  return attachments;
}

/** The reference of an earlier upload of the same bytes, or that of a new one, remembered. */
async function onlyOnce<Reference>(
  store: Store,
  messageId: string,
  position: number,
  bytes: Uint8Array,
  upload: () => Promise<Reference>,
): Promise<Reference> {
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  const known = await store.uploadsOf(messageId);
  const earlier = known.find((one) => one.position === position && one.sha256 === sha256);
  if (earlier) return earlier.reference as Reference;
  const reference = await upload();
  await store.rememberUpload(messageId, { position, sha256, reference });
  return reference;
}

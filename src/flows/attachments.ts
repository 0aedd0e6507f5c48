/** Files on their way: read where a message came from, put where it goes, never uploaded twice. */
import { createHash } from 'node:crypto';
import pLimit from 'p-limit';
import type { Attachment, MediaReference, ToMhv } from '../message.ts';
import type { MhvAttachment, MhvClient } from '../mhv/client.ts';
import type { OhMedia } from '../oh/media.ts';
import type { Claimed, Store, Upload } from '../store/store.ts';
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
 * uploaded is not uploaded again, unless a person replayed the message since: each upload is on disk
 * before the next one begins.
 */
export async function withFilesAtOh<T>(
  { store, media }: FileServices,
  claimed: Claimed,
  attachments: Attachment[],
  context: CallContext,
  send: (references: MediaReference[]) => Promise<T>,
): Promise<T> {
  if (attachments.length === 0) return send([]);
  // Under the key of a refused message the service would give its old files to a replay.
  const key = `${claimed.id}:${claimed.replayedAt ?? claimed.acceptedAt}`;
  return inMemory(async () => {
    const onlyOnce = await rememberingUploads(store, claimed.id);
    const references: MediaReference[] = [];
    for (const [position, attachment] of attachments.entries()) {
      const bytes = new Uint8Array(Buffer.from(attachment.contentBase64, 'base64'));
      const upload = () =>
        media.upload({ ...attachment, bytes, idempotencyKey: `${key}:${position}` }, context);
      references.push(await onlyOnce(position, bytes, upload));
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
  claimed: Claimed,
  references: ToMhv['attachments'],
  context: CallContext,
  send: (attachments: MhvAttachment[]) => Promise<T>,
): Promise<T> {
  if (references.length === 0) return send([]);
  return inMemory(async () => send(await carry(services, claimed, references, context)));
}

async function carry(
  { store, media, mhv }: FileServices & { mhv: MhvClient },
  claimed: Claimed,
  references: ToMhv['attachments'],
  context: CallContext,
): Promise<MhvAttachment[]> {
  const onlyOnce = await rememberingUploads(store, claimed.id);
  const attachments: MhvAttachment[] = [];
  let inlineBytes = 0;
  for (const [position, reference] of references.entries()) {
    const { bytes, mimeType } = await media.download(reference, context);
    const file = { name: reference.name, mimeType, size: bytes.byteLength };
    inlineBytes += bytes.byteLength;
    if (inlineBytes <= MAX_INLINE_BYTES) {
      attachments.push({ ...file, contentBase64: Buffer.from(bytes).toString('base64') });
    } else {
      inlineBytes -= bytes.byteLength;
      const put = () => mhv.putFile({ ...file, bytes }, context);
      attachments.push({ ...file, ...(await onlyOnce(position, bytes, put)) });
    }
  }
  return attachments;
}

/** Makes a function that gives the reference of an earlier upload of the same bytes, or uploads and remembers. */
async function rememberingUploads(store: Store, messageId: string) {
  const known: Upload[] = await store.uploadsOf(messageId);
  return async <Reference>(
    position: number,
    bytes: Uint8Array,
    upload: () => Promise<Reference>,
  ): Promise<Reference> => {
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    const earlier = known.find((one) => one.position === position && one.sha256 === sha256);
    if (earlier) return earlier.reference as Reference;
    const reference = await upload();
    await store.rememberUpload(messageId, { position, sha256, reference });
    return reference;
  };
}

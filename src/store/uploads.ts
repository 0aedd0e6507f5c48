/** Which files of a message already lie at its destination. */
import { asc, eq } from 'drizzle-orm';
import type { Instant } from '../message.ts';
import type { Db } from './open.ts';
import { uploads } from './schema.ts';
import { SealError } from './seal.ts';
import { opened, type Stored, sealed } from './seals.ts';
import type { Upload } from './store.ts';

/** One whose reference does not open is left out: its file is uploaded anew. */
export function uploadsOf(db: Db, messageId: string): Upload[] {
  return db
    .select()
    .from(uploads)
    .where(eq(uploads.messageId, messageId))
    .orderBy(asc(uploads.position))
    .all()
    .flatMap(({ position, sha256, reference }) => {
      const text = readable(db, { messageId, position }, reference);
      return text === undefined
        ? []
        : [{ position, sha256, reference: JSON.parse(text) as unknown }];
    });
}

function readable(db: Db, key: UploadKey, reference: Stored): string | undefined {
  try {
    return opened(db, placeOf(key), reference);
  } catch (error) {
    if (error instanceof SealError) return undefined;
    throw error;
  }
}

interface UploadKey {
  messageId: string;
  position: number;
}

function placeOf({ messageId, position }: UploadKey) {
  return { column: 'uploads.reference', row: `${messageId}/${position}` } as const;
}

/** The latest upload of a place in a message counts: the file itself may have changed. */
export function rememberUpload(db: Db, messageId: string, upload: Upload, now: Instant): void {
  const { position, sha256 } = upload;
  const text = JSON.stringify(upload.reference);
  const reference = sealed(db, placeOf({ messageId, position }), text);
  const row = { sha256, reference, uploadedAt: now };
  db.insert(uploads)
    .values({ messageId, position, ...row })
    .onConflictDoUpdate({ target: [uploads.messageId, uploads.position], set: row })
    .run();
}

/** A replayed message is uploaded anew: its destination may have refused it for a file that it lost. */
export function forgetUploads(db: Db, messageId: string): void {
  db.delete(uploads).where(eq(uploads.messageId, messageId)).run();
}

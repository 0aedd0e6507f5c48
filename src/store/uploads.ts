/** Which files of a message already lie at its destination. */
import { asc, eq } from 'drizzle-orm';
import type { Instant } from '../message.ts';
import type { Db } from './open.ts';
import { uploads } from './schema.ts';
import type { Upload } from './store.ts';

export function uploadsOf(db: Db, messageId: string): Upload[] {
  return db
    .select()
    .from(uploads)
    .where(eq(uploads.messageId, messageId))
    .orderBy(asc(uploads.position))
    .all()
    .map(({ position, sha256, reference }) => ({
      position,
      sha256,
      reference: JSON.parse(reference) as unknown,
    }));
}

/** The latest upload of a place in a message counts: the file itself may have changed. */
export function rememberUpload(db: Db, messageId: string, upload: Upload, now: Instant): void {
  const { position, sha256 } = upload;
  const row = { sha256, reference: JSON.stringify(upload.reference), uploadedAt: now };
  db.insert(uploads)
    .values({ messageId, position, ...row })
    .onConflictDoUpdate({ target: [uploads.messageId, uploads.position], set: row })
    .run();
}

/** A replayed message is uploaded anew: its destination may have refused it for a file that it lost. */
export function forgetUploads(db: Db, messageId: string): void {
  db.delete(uploads).where(eq(uploads.messageId, messageId)).run();
}

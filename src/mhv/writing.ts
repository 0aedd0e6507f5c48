/** What a patient writes: the JSON of a message, alone or as a part of a form with files. */
import { int64 } from '../json.ts';

/** A message to a triage group, with or without files. */
export interface MhvNewMessage {
  subject: string;
  category: string;
  /** Id of the triage team. */
  recipientId: string;
  body: string;
  files?: MhvFiles;
}

/** Files sent along, or files that were put in the object store before. */
export type MhvFiles = { uploads: MhvUpload[] } | { large: MhvLargeFile[] };

interface MhvUpload {
  name: string;
  mimeType: string;
  bytes: Uint8Array<ArrayBuffer>;
}

interface MhvLargeFile {
  name: string;
  mimeType: string;
  /** In bytes. */
  size: number;
  lgAttachmentId: string;
}

/** The message's JSON. Throws UpstreamError `rejected` when the recipient's id is not a number. */
export function messageJson(message: MhvNewMessage): string {
  const { subject, category, body } = message;
  return JSON.stringify({
    subject,
    category,
    recipientId: int64(message.recipientId, 'mhv'),
    body,
  });
}

/**
 * The form of the `attach` operations: part `message`, then one part `uploads[]` a file, or a single
 * `lgAttachments[]` that lists the large ones.
 */
export function messageForm(message: MhvNewMessage, files: MhvFiles): FormData {
  const form = new FormData();
  form.append('message', jsonPart(messageJson(message)), 'message');
  if ('uploads' in files) {
    for (const { name, mimeType, bytes } of files.uploads) {
      form.append('uploads[]', new Blob([bytes], { type: mimeType }), name);
    }
    return form;
  }
  const list = files.large.map(({ name: attachmentName, ...file }) => ({
    attachmentName,
    ...file,
  }));
  form.append('lgAttachments[]', jsonPart(JSON.stringify(list)), 'lgAttachments');
  return form;
}

function jsonPart(json: string): Blob {
  return new Blob([json], { type: 'application/json' });
}

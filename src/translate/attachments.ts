/** The files of a send, checked against what va.gov lets a patient send to an OH team. */
import type { Attachment, Undelivered } from '../message.ts';
import { typesByExtension } from './attachment-types.ts';
import { rejection } from './rejection.ts';
import { survivesStorage } from './subject.ts';

const MAX_FILES = 10;
/** 25 MB as va.gov counts it, for one file and for all together, before base64. */
const MAX_BYTES = 25 * 1024 * 1024;
const MAX_NAME_CODE_POINTS = 255;
/** Given by clients that don't know better; the extension decides then. */
const UNKNOWN_TYPE = 'application/octet-stream';

/**
 * Gives the files as OH shall get them, or the first reason why they can't go:
 * `translate:too-many-attachments` (over 10), `:attachment-name` (blank, over 255 characters, or
 * with a path), `:attachment-type` (extension not accepted, or media type not one of that
 * extension's), `:attachment-encoding` (not RFC 4648 base64 with padding), `:attachment-empty`,
 * `:attachment-too-large` (over 25 MiB) and `:attachments-too-large` (together). Reasons count files
 * from 1 and never name them. Content is never changed; in a name, characters that OH's storage may
 * lose become spaces or underscores; a media type is put in its proper form.
 */
export function checkAttachments(attachments: Attachment[]): Attachment[] | Undelivered {
  if (attachments.length > MAX_FILES) {
    return rejection('too-many-attachments', `More than ${MAX_FILES} files are attached.`);
  }
  const checked: Attachment[] = [];
  let totalBytes = 0;
  for (const [index, attachment] of attachments.entries()) {
    const ordinal = `Attachment ${index + 1}`;
    const name = storableName(attachment.name);
    if (name === undefined) {
      const reason = `${ordinal} needs a name of 1 to ${MAX_NAME_CODE_POINTS} characters, no path.`;
      return rejection('attachment-name', reason);
    }
    const mimeType = acceptedType(name, attachment.mimeType);
    if (mimeType === undefined) {
      const reason = `${ordinal} is not of an accepted file type, or its media type differs.`;
      return rejection('attachment-type', reason);
    }
    const bytes = decodedBytes(attachment.contentBase64);
    if (bytes === undefined) {
      return rejection('attachment-encoding', `${ordinal} is not valid base64.`);
    }
    if (bytes === 0) return rejection('attachment-empty', `${ordinal} is an empty file.`);
    if (bytes > MAX_BYTES) {
      const reason = `${ordinal} is larger than ${MAX_BYTES} bytes.`;
      return rejection('attachment-too-large', reason);
    }
    totalBytes += bytes;
    checked.push({ name, mimeType, contentBase64: attachment.contentBase64 });
  }
  if (totalBytes > MAX_BYTES) {
    const reason = `The attachments are together larger than ${MAX_BYTES} bytes.`;
    return rejection('attachments-too-large', reason);
  }
  return checked;
}

function storableName(name: string): string | undefined {
  const trimmed = name.normalize('NFC').trim();
  const characters = Array.from(trimmed);
  if (trimmed === '' || characters.length > MAX_NAME_CODE_POINTS) return undefined;
  if (/[\\/\p{Cc}]/u.test(trimmed)) return undefined;
  return characters
    .map((character) => {
      if (survivesStorage(character)) return character;
      return /\s/.test(character) ? ' ' : '_';
    })
    .join('');
}

function acceptedType(name: string, mimeType: string): string | undefined {
  const extension = /\.([a-z0-9]+)$/i.exec(name)?.[1]?.toLowerCase();
  const types = typesByExtension.get(extension ?? '');
  if (types === undefined) return undefined;
  const essence = (mimeType.split(';', 1)[0] ?? '').trim().toLowerCase();
  return essence === UNKNOWN_TYPE || types.includes(essence) ? types[0] : undefined;
}

/** Size of the content once decoded; undefined when it is not base64. */
function decodedBytes(base64: string): number | undefined {
  if (base64.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(base64)) return undefined;
  const padding = base64.endsWith('==') ? 2 : Number(base64.endsWith('='));
  return (base64.length / 4) * 3 - padding;
}

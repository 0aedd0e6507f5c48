/** Messages, threads and delivery status as MHV writes them, and as the exchange speaks of them. */
import { decodeHTMLStrict } from 'entities';
import { z } from 'zod';
import { idSchema } from '../json.ts';
import type { Instant } from '../message.ts';

/** What MHV says of a message it has just stored. */
export interface MhvStoredMessage {
  id: string;
  sentAt?: Instant;
  isOhMessage: boolean;
  attachments: { id: string; name: string; sizeBytes?: number }[];
}

/** One sent message of a conversation; text is as a person reads it, without HTML escapes. */
export interface MhvThreadMessage {
  id: string;
  threadId: string;
  senderId?: string;
  senderName?: string;
  recipientId?: string;
  recipientName?: string;
  triageGroupName?: string;
  sentAt: Instant;
  subject: string;
  category: string;
  body: string;
  /** 0 inbox, -1 sent, -3 deleted, above 0 a folder of the user. */
  folderId?: number;
  hasAttachments: boolean;
  isOhMessage: boolean;
}

/** How far a message bound for Oracle Health has come; all but IN_PROGRESS are final. */
export interface MhvDeliveryStatus {
  status: 'IN_PROGRESS' | 'SENT' | 'FAILED' | 'INVALID' | 'UNKNOWN' | 'NOT_SUPPORTED';
  isOhMessage: boolean;
  /** In the form of a FHIR Communication id, which is not the form of Messaging REST. */
  ohSecureMessageId?: string;
}

const DRAFTS_FOLDER = -2;

const optionalId = idSchema.nullish().transform((id) => id ?? undefined);
const flag = z
  .boolean()
  .nullish()
  .transform((value) => value ?? false);
const optionalText = z
  .string()
  .nullish()
  .transform((text) => text ?? undefined);
/** Unescaped once, never twice: a patient may have typed `&amp;lt;`. */
const escapedText = optionalText.transform((text) =>
  text === undefined ? undefined : decodeHTMLStrict(text),
);

/** RFC 1123 on create, ISO 8601 with an offset in a thread; both are accepted in both. */
const optionalInstant = z
  .string()
  .nullish()
  .transform((text, context) => {
    if (text === null || text === undefined) return undefined;
    const milliseconds = Date.parse(text);
    if (Number.isNaN(milliseconds)) context.addIssue('not a date');
    return milliseconds;
  });

/** Body of the answer to a created message. */
export const storedMessageSchema = z
  .object({
    id: idSchema,
    sentDate: optionalInstant.catch(undefined),
    isOhMessage: flag,
    attachments: z
      .object({
        attachment: z
          .array(z.object({ id: idSchema, name: z.string(), attachmentSize: z.int().nullish() }))
          .nullish(),
      })
      .nullish(),
  })
  .transform(
    ({ id, sentDate, isOhMessage, attachments }): MhvStoredMessage => ({
      id,
      isOhMessage,
      attachments: (attachments?.attachment ?? []).map((file) => ({
        id: file.id,
        name: file.name,
        ...(file.attachmentSize == null ? {} : { sizeBytes: file.attachmentSize }),
      })),
      ...(sentDate === undefined ? {} : { sentAt: sentDate }),
    }),
  );

const threadMessage = z.object({
  messageId: idSchema,
  threadId: idSchema,
  senderId: optionalId,
  senderName: escapedText,
  recipientId: optionalId,
  recipientName: escapedText,
  triageGroupName: escapedText,
  sentDate: optionalInstant,
  subject: escapedText,
  category: optionalText,
  messageBody: escapedText,
  folderId: z.int().nullish(),
  hasAttachments: flag,
  isOhMessage: flag,
});

/** Body of a thread: drafts left out, oldest first. */
export const threadSchema = z.array(threadMessage).transform((messages): MhvThreadMessage[] =>
  messages
    .flatMap((message) => {
      const { sentDate, folderId } = message;
      const isDraft = sentDate === undefined || folderId === DRAFTS_FOLDER;
      return isDraft ? [] : [threadMessageOf(message, sentDate)];
    })
    .toSorted((a, b) => a.sentAt - b.sentAt),
);

/** Body of a status answer; a status nobody knows is UNKNOWN. */
export const deliveryStatusSchema = z
  .object({
    status: z
      .enum(['IN_PROGRESS', 'SENT', 'FAILED', 'INVALID', 'UNKNOWN', 'NOT_SUPPORTED'])
      .catch('UNKNOWN'),
    isOhMessage: flag,
    ohSecureMessageId: optionalText,
  })
  .transform(
    ({ ohSecureMessageId, ...status }): MhvDeliveryStatus => ({
      ...status,
      ...(ohSecureMessageId === undefined ? {} : { ohSecureMessageId }),
    }),
  );

function threadMessageOf(
  message: z.output<typeof threadMessage>,
  sentAt: Instant,
): MhvThreadMessage {
  const { senderId, senderName, recipientId, recipientName, triageGroupName, folderId } = message;
  return {
    id: message.messageId,
    threadId: message.threadId,
    sentAt,
    subject: message.subject ?? '',
    category: message.category ?? 'OTHER',
    body: message.messageBody ?? '',
    hasAttachments: message.hasAttachments,
    isOhMessage: message.isOhMessage,
    ...(senderId === undefined ? {} : { senderId }),
    ...(senderName === undefined ? {} : { senderName }),
    ...(recipientId === undefined ? {} : { recipientId }),
    ...(recipientName === undefined ? {} : { recipientName }),
    ...(triageGroupName === undefined ? {} : { triageGroupName }),
    ...(folderId == null ? {} : { folderId }),
  };
}

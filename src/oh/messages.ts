/** Messages as Messaging REST 2.0 writes them, and as the exchange speaks of them. */
import { z } from 'zod';
import { idSchema } from '../json.ts';
import type { Instant, OhMessage, OhParty, TextBlock } from '../message.ts';

/** One line of a patient's message list: enough to fetch the message and to know it again. */
export interface OhListedMessage {
  id: string;
  referenceId?: string;
  createdAt: Instant;
  /** Absent when the sender is an e-mail address or unknown. */
  sender?: OhParty;
  receivers: OhParty[];
  subject: string;
  messageType: 'MESSAGE' | 'REMINDER';
}

/** UTC, though a zone may be missing: then it must not be read as local time. */
const instant = z.string().transform((text, context) => {
  const zoned = /(?:Z|[+-]\d{2}:?\d{2})$/i.test(text) ? text : `${text}Z`;
  const milliseconds = Date.parse(zoned);
  if (Number.isNaN(milliseconds)) context.addIssue('not an ISO 8601 date');
  return milliseconds;
});

/** Millennium writes 0 where there is no id. */
const optionalId = idSchema
  .nullish()
  .transform((id) => (id === '0' ? undefined : (id ?? undefined)));

const optionalText = z
  .string()
  .nullish()
  .transform((text) => text ?? undefined);

const receivers = z
  .array(z.object({ type: optionalText, receiverId: optionalId }))
  .nullish()
  .transform((list) => list ?? []);

const listed = z.object({
  id: idSchema,
  subject: optionalText,
  createDate: instant,
  messageType: z.enum(['MESSAGE', 'REMINDER']).catch('MESSAGE'),
  poolSenderId: optionalId,
  personnelSenderId: optionalId,
  personSenderId: optionalId,
  receivers,
  ccReceivers: receivers,
  referenceId: optionalText,
});

const full = listed.extend({
  id: idSchema.nullish(),
  patientId: optionalId,
  encounterId: optionalId,
  text: optionalText,
  texts: z
    .array(
      z.object({
        title: optionalText,
        formatType: z.enum(['RTF', 'XHTML', 'UNKNOWN']).catch('UNKNOWN'),
        text: optionalText,
      }),
    )
    .nullish(),
  referenceIds: z.array(z.string()).nullish(),
  attachments: z
    .array(
      z.object({
        name: optionalText,
        mediaIdentifier: z.string().min(1),
        mediaVersion: z.int().positive(),
      }),
    )
    .nullish(),
});

type FullMessage = z.output<typeof full>;

/** Body of a list answer. */
export const messageListSchema = z
  .object({ messages: z.array(listed).nullish() })
  .transform(({ messages }): OhListedMessage[] =>
    (messages ?? []).map((message) => ({
      id: message.id,
      createdAt: message.createDate,
      subject: message.subject ?? '',
      messageType: message.messageType,
      receivers: partiesOf(message),
      ...senderOf(message),
      ...(message.referenceId === undefined ? {} : { referenceId: message.referenceId }),
    })),
  );

/** Body of a read by id: messages by id. */
export const messageMapSchema = z
  .object({ messagesById: z.record(z.string(), full).nullish() })
  .transform(({ messagesById }) => new Map(Object.entries(messagesById ?? {})));

/** The message in our words; `asked` gives the ids that were asked for, which the body may lack. */
export function ohMessage(
  message: FullMessage,
  asked: { messageId: string; patientId: string },
): OhMessage {
  const { encounterId, referenceId } = message;
  return {
    id: asked.messageId,
    subject: message.subject ?? '',
    createdAt: message.createDate,
    messageType: message.messageType,
    receivers: partiesOf(message),
    patientId: message.patientId ?? asked.patientId,
    blocks: blocksOf(message),
    referenceIds: message.referenceIds ?? [],
    attachments: (message.attachments ?? []).map((file) => ({
      ...file,
      name: file.name ?? 'attachment',
    })),
    ...senderOf(message),
    ...(encounterId === undefined ? {} : { encounterId }),
    ...(referenceId === undefined ? {} : { referenceId }),
  };
}

/** The pool comes first: it is the team that the patient writes back to. */
function senderOf(
  message: Pick<FullMessage, 'poolSenderId' | 'personnelSenderId' | 'personSenderId'>,
): { sender?: OhParty } {
  const { poolSenderId, personnelSenderId, personSenderId } = message;
  if (poolSenderId !== undefined) return { sender: { type: 'POOL', id: poolSenderId } };
  if (personnelSenderId !== undefined) {
    return { sender: { type: 'PERSONNEL', id: personnelSenderId } };
  }
  return personSenderId === undefined ? {} : { sender: { type: 'PERSON', id: personSenderId } };
}

function partiesOf(message: Pick<FullMessage, 'receivers' | 'ccReceivers'>): OhParty[] {
  const parties: OhParty[] = [];
  for (const { type, receiverId: id } of [...message.receivers, ...message.ccReceivers]) {
    const known = type === 'PERSONNEL' || type === 'POOL' || type === 'PERSON';
    if (known && id !== undefined) parties.push({ type, id });
  }
  return parties;
}

function blocksOf(message: FullMessage): TextBlock[] {
  const blocks: TextBlock[] = [];
  for (const { title, formatType: format, text } of message.texts ?? []) {
    if (text !== undefined)
      blocks.push({ format, text, ...(title === undefined ? {} : { title }) });
  }
  if (blocks.length > 0 || message.text === undefined) return blocks;
  return [{ format: 'RTF', text: message.text }];
}

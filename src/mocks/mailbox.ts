/** The messages that the mocked Oracle Health keeps, stored as lossily as the real store. */
import iconv from 'iconv-lite';

export type Box = 'inbox' | 'outbox';
export type MessageStatus = 'UNREAD' | 'OPENED' | 'ONHOLD' | 'DELETED';

export interface Receiver {
  type: 'PERSONNEL' | 'POOL' | 'PERSON' | 'EMAIL';
  receiverId?: number | undefined;
  email?: { address: string } | undefined;
}

export interface MediaReference {
  name: string;
  mediaIdentifier: string;
  mediaVersion: number;
}

export interface MessageText {
  title?: string;
  formatType?: 'UNKNOWN' | 'XHTML' | 'RTF';
  text: string;
}

/** What a caller sent, before storage touched it. */
interface Sent {
  subject: string;
  text?: string | undefined;
  formatType?: string | undefined;
  receivers: unknown;
  ccReceivers: unknown;
  previousMessageId?: string | undefined;
  attachments: unknown;
  correlationId?: string | undefined;
}

export interface NewMessage {
  box: Box;
  patientId: string;
  subject: string;
  /** Milliseconds since 1970; kept in whole seconds. */
  createdAt: number;
  messageType?: 'MESSAGE' | 'REMINDER';
  status?: MessageStatus;
  sender: { type: 'PERSON' | 'PERSONNEL' | 'POOL'; id: string };
  receivers: Receiver[];
  ccReceivers?: Receiver[];
  attachments?: MediaReference[];
  previous?: StoredMessage | undefined;
  encounterId?: string | undefined;
  text?: string | undefined;
  texts?: MessageText[];
  sensitivity?: unknown;
  responsiblePersonnelId?: number | undefined;
  /** Whether the feed tells of it. */
  announced: boolean;
  sent?: Sent;
}

export interface StoredMessage extends NewMessage {
  id: string;
  updatedAt: number;
  messageType: 'MESSAGE' | 'REMINDER';
  status: MessageStatus;
  attachments: MediaReference[];
  referenceId: string;
  /** References of the earlier messages of the conversation, start first. */
  referenceIds: string[];
}

export interface Mailbox {
  byId: Map<string, StoredMessage>;
  byPatient: Map<string, StoredMessage[]>;
  /** Those that the feed tells of, in the order they were stored. */
  announced: StoredMessage[];
  nextNumber: number;
}

/** A mailbox without messages. */
export function emptyMailbox(): Mailbox {
  return { byId: new Map(), byPatient: new Map(), announced: [], nextNumber: 3_000_000_001 };
}

/** Stores a message under a new id; a reply takes over its predecessor's references and encounter. */
export function store(mailbox: Mailbox, message: NewMessage): StoredMessage {
  const number = mailbox.nextNumber++;
  const { previous, text, texts } = message;
  const createdAt = Math.floor(message.createdAt / 1000) * 1000;
  const encounterId = previous?.encounterId ?? message.encounterId;
  const stored: StoredMessage = {
    ...message,
    id: `${number}:${message.box === 'outbox' ? -4 : -6}:0:0`,
    subject: throughStorage(message.subject),
    createdAt,
    updatedAt: createdAt,
    messageType: message.messageType ?? 'MESSAGE',
    status: message.status ?? 'UNREAD',
    attachments: message.attachments ?? [],
    encounterId,
    ...(text === undefined ? {} : { text: throughStorage(text) }),
    ...(texts === undefined ? {} : { texts: texts.map(storedText) }),
    referenceId: `ref-${number}`,
    referenceIds: previous === undefined ? [] : [...previous.referenceIds, previous.referenceId],
  };
  mailbox.byId.set(stored.id, stored);
  const own = mailbox.byPatient.get(stored.patientId);
  if (own === undefined) mailbox.byPatient.set(stored.patientId, [stored]);
  else own.push(stored);
  if (stored.announced) mailbox.announced.push(stored);
  return stored;
}

/** Changes a message's status and, with it, the version in its id. The old id is unknown from then on. */
export function setStatus(mailbox: Mailbox, message: StoredMessage, status: MessageStatus): void {
  mailbox.byId.delete(message.id);
  const parts = message.id.split(':');
  message.id = [...parts.slice(0, 3), Number(parts[3]) + 1].join(':');
  message.status = status;
  mailbox.byId.set(message.id, message);
}

/** Storage is Windows-1252: other characters become question marks, without an error. */
function throughStorage(text: string): string {
  for (let index = 0; index < text.length; index++) {
    if (text.charCodeAt(index) > 0x7f) {
      return iconv.decode(iconv.encode(text, 'win1252'), 'win1252');
    }
  }
  return text;
}

function storedText(block: MessageText): MessageText {
  return { ...block, text: throughStorage(block.text) };
}

/** What the mocked My HealtheVet keeps. */

export interface MhvFile {
  id: number;
  name: string;
  mimeType: string;
  bytes: Uint8Array;
  /** The object that was PUT, when the file came that way. */
  lgAttachmentId?: string | undefined;
}

type DeliveryStatus = 'IN_PROGRESS' | 'SENT' | 'FAILED' | 'INVALID' | 'UNKNOWN' | 'NOT_SUPPORTED';

export interface NewMhvMessage {
  /** Thread to join; a new one unless told. */
  threadId?: number | undefined;
  ohMessageId?: string | undefined;
  icn: string;
  subject: string;
  category: string;
  body: string;
  bodyFormat: string;
  fromPatient: boolean;
  sender: { ohId?: string; type: string; name: string };
  triageGroup: { triageTeamId?: number; ohPoolId?: string; name: string; stationNumber: string };
  sentAt: number;
  receivedAt: number;
  inReplyToOhMessageId?: string | undefined;
  conversationRootOhMessageId?: string | undefined;
  isOhMessage: boolean;
  status: DeliveryStatus;
  files: Omit<MhvFile, 'id'>[];
}

export interface MhvMessage extends NewMhvMessage {
  id: number;
  threadId: number;
  files: MhvFile[];
  isRead: boolean;
  /** How often the same OH message came again. */
  repeats: number;
  ohSecureMessageId?: string | undefined;
}

/** A place in the object store, good for a PUT until `expiresAt`. */
interface StoredObject {
  signature: string;
  expiresAt: number;
  bytes?: Uint8Array;
  mimeType?: string;
}

interface SyncStatus {
  status: string;
  error?: string | undefined;
}

export interface MhvState {
  sessions: Map<string, { icn: string; expiresAt: number }>;
  messages: Map<number, MhvMessage>;
  byOhMessageId: Map<string, MhvMessage>;
  threads: Map<number, MhvMessage[]>;
  objects: Map<string, StoredObject>;
  syncByIcn: Map<string, SyncStatus>;
  nextId: number;
}

/** An MHV that has seen nothing. */
export function emptyMhv(): MhvState {
  return {
    sessions: new Map(),
    messages: new Map(),
    byOhMessageId: new Map(),
    threads: new Map(),
    objects: new Map(),
    syncByIcn: new Map(),
    nextId: 3_719_001,
  };
}

/** Stores a message; ids of threads, messages and files come from one sequence, so none is another's. */
export function keepMessage(state: MhvState, message: NewMhvMessage): MhvMessage {
  const threadId = message.threadId ?? state.nextId++;
  const kept: MhvMessage = {
    ...message,
    threadId,
    id: state.nextId++,
    files: message.files.map((file) => ({ ...file, id: state.nextId++ })),
    isRead: false,
    repeats: 0,
  };
  state.messages.set(kept.id, kept);
  const thread = state.threads.get(threadId);
  if (thread === undefined) state.threads.set(threadId, [kept]);
  else thread.push(kept);
  if (kept.ohMessageId !== undefined) state.byOhMessageId.set(kept.ohMessageId, kept);
  return kept;
}

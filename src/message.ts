/**
 * The nouns of the exchange. Every other room speaks in these; this file imports nothing of ours.
 *
 * Ids of other systems are opaque strings, compared character by character: they are never trimmed,
 * lower-cased or read as numbers, even where an API writes them as int64.
 */

/** Milliseconds since the Unix epoch, UTC. */
export type Instant = number;

/** Which way a message travels. OH is Oracle Health, MHV is My HealtheVet. */
export type Direction = 'oh-to-mhv' | 'mhv-to-oh';

/** What a caller is told of a message, in the words of MHV's own delivery status. */
export type Status = 'IN_PROGRESS' | 'SENT' | 'FAILED' | 'INVALID';

/**
 * One announcement that a message exists in OH: an entry of a pushed or archived Atom document, or a
 * line of a patient's message list when history is loaded. It carries ids only; the message itself
 * is fetched from Messaging REST when the entry is processed.
 */
export interface Entry {
  source: 'feed' | 'history';
  /** `atom:id` character by character (RFC 4287 §4.2.6), or one made from the OH id for history. */
  atomId: string;
  /** `atom:updated` as an instant: equal instants are the same version of the entry. */
  updatedAt: Instant;
  ohPatientId: string;
  ohMessageId: string;
  /** Where the message lies: received by the patient (inbox) or sent by the patient (outbox). */
  box: 'inbox' | 'outbox';
  /** OH message id that `thr:in-reply-to` (RFC 4685) names. A hint; Messaging REST decides. */
  inReplyToOhMessageId?: string;
}

/** A file that travels with a posted message. */
export interface Attachment {
  name: string;
  mimeType: string;
  contentBase64: string;
}

/** A message that MHV, or a person with cURL, asks the exchange to send to OH. */
export interface Send {
  /** VA Integration Control Number of the patient who writes, strict form `^[0-9]{10}V[0-9]{6}$`. */
  icn: string;
  subject: string;
  /** Plain text. */
  body: string;
  receivingPoolId: string;
  category?: string;
  inReplyToOhMessageId?: string;
  mhvMessageId?: string;
  attachments?: Attachment[];
  /** Files of `mhvMessageId` that are fetched from MHV as the user `mhvCorrelationId`. */
  mhvAttachmentIds?: string[];
  mhvCorrelationId?: string;
  /** The patient's id at OH, as the caller has it from MPI's 200CRNR identifier. */
  ohPatientId?: string;
}

/** A person, team or patient that writes or receives an OH message. */
export interface OhParty {
  type: 'PERSONNEL' | 'POOL' | 'PERSON';
  id: string;
}

/** A file kept in OH's media service, as a message refers to it. */
export interface MediaReference {
  name: string;
  mediaIdentifier: string;
  mediaVersion: number;
}

/** A message as Messaging REST 2.0 returns it, ids as strings and dates as instants. */
export interface OhMessage {
  id: string;
  subject: string;
  createdAt: Instant;
  messageType: 'MESSAGE' | 'REMINDER';
  /** Absent when the sender is an e-mail address or unknown. */
  sender?: OhParty;
  /** `receivers` and `ccReceivers` that are not e-mail addresses, in that order. */
  receivers: OhParty[];
  patientId: string;
  encounterId?: string;
  /** Body blocks, newest first: `texts` where present, else the one `text` (RTF). */
  blocks: TextBlock[];
  /** This message's own reference; later messages of the conversation list it. */
  referenceId?: string;
  /** `referenceId` values of the earlier messages, conversation start first. */
  referenceIds: string[];
  attachments: MediaReference[];
}

/** One block of an OH message body. */
export interface TextBlock {
  format: 'RTF' | 'XHTML' | 'UNKNOWN';
  title?: string;
  text: string;
}

/**
 * What MHV is asked to insert: the fields of `ExchangeMessage` of the MHV contract, except that
 * files are still references into OH's media service.
 */
export interface ToMhv {
  direction: 'oh-to-mhv';
  ohMessageId: string;
  icn: string;
  sender: { ohId: string; type: OhParty['type']; name: string };
  triageGroup: { ohPoolId: string; name: string; stationNumber: string };
  subject: string;
  category: string;
  /** Plain text. */
  body: string;
  sentAt: Instant;
  inReplyToOhMessageId?: string;
  conversationRootOhMessageId?: string;
  /** Where the files lie in OH; they are carried over when the message is delivered. */
  attachments: MediaReference[];
}

/** What OH is asked to store in the patient's outbox, before files are uploaded. */
export interface ToOh {
  direction: 'mhv-to-oh';
  icn: string;
  ohPatientId: string;
  receivingPoolId: string;
  subject: string;
  /** An XHTML document in which every character outside ASCII is a numeric reference. */
  xhtml: string;
  previousMessageId?: string;
  mhvMessageId?: string;
  attachments: Attachment[];
}

/** A translated message, ready for its destination. */
export type Outgoing = ToMhv | ToOh;

/** The ids that a destination gave a delivered message, as far as they are known. */
export interface DeliveredIds {
  ohMessageId?: string;
  mhvMessageId?: string;
  mhvThreadId?: string;
  /** OH's `referenceId` of the message, by which later replies refer to it. */
  ohReferenceId?: string;
}

/**
 * What came of one attempt. `code` is short and stable (`oh:404`, `mhv:119`, `timeout`); `reason` is
 * a sentence for a person and never holds patient data; `httpStatus` is there when an answer was.
 */
export type Outcome = Delivered | Undelivered;

export interface Delivered {
  kind: 'delivered';
  ids: DeliveredIds;
  /** True when the destination already had the message and nothing was sent. */
  found: boolean;
}

export interface Undelivered {
  /**
   * - `retry`: the request certainly had no effect; try again later.
   * - `in-doubt`: it may have had one (no answer, or 5xx); ask the destination before repeating.
   * - `rejected`: trying again can't help; a person must look.
   * - `postponed`: not tried, and no attempt is spent.
   */
  kind: 'retry' | 'in-doubt' | 'rejected' | 'postponed';
  code: string;
  reason: string;
  httpStatus?: number;
  /** How long the destination asked us to wait (`Retry-After`), in milliseconds. */
  retryAfterMs?: number;
}

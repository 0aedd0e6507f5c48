/** OH message -> MHV message: what MHV is asked to insert, from facts that were gathered before. */
import type { OhMessage, OhParty, ToMhv, Undelivered } from '../message.ts';
import { plainText } from './plain-text.ts';
import { rejection } from './rejection.ts';
import { mhvSubject } from './subject.ts';

/** An OH message with everything that only other systems know of it. */
export interface MhvFacts {
  message: OhMessage;
  /** Where the message lies: received by the patient (inbox) or sent by the patient (outbox). */
  box: 'inbox' | 'outbox';
  icn: string;
  /** Display name of the sender, when somebody knows it. */
  senderName?: string;
  /** The pool that stands for the MHV triage group. */
  pool?: { id: string; name: string };
  stationNumber?: string;
  inReplyToOhMessageId?: string;
  conversationRootOhMessageId?: string;
}

/** OH has no categories; MHV wants one on every message. */
const CATEGORY = 'OTHER';
const MAX_ATTACHMENTS = 10;
const STATION_NUMBER = /^[0-9]{3}[A-Z0-9]{0,4}$/;

/**
 * Translates an OH message for MHV, or says why it can't be: `translate:no-sender`, `:no-pool`,
 * `:no-station`, `:too-many-attachments`, `:unreadable-body`. A REMINDER becomes an ordinary
 * message: MHV has no other kind. Subject and body are never empty, see `mhvSubject` and
 * `placeholder`. A sender whose name nobody knows is shown by the pool's name, a patient by the
 * word "Patient".
 */
export function toMhv(facts: MhvFacts): ToMhv | Undelivered {
  const { message, pool, stationNumber } = facts;
  const { sender } = message;
  if (sender === undefined) {
    return rejection('no-sender', 'The OH message names no person, team or patient as its sender.');
  }
  if (pool === undefined || pool.name.trim() === '') {
    return rejection('no-pool', 'No pool with a name is known that could be the triage group.');
  }
  if (stationNumber === undefined || !STATION_NUMBER.test(stationNumber)) {
    return rejection('no-station', 'No valid station number is known for the message.');
  }
  if (message.attachments.length > MAX_ATTACHMENTS) {
    const reason = `The message has more than ${MAX_ATTACHMENTS} attachments, the most MHV takes.`;
    return rejection('too-many-attachments', reason);
  }
  const body = plainText(message.blocks);
  if (typeof body !== 'string') return body;
  const { inReplyToOhMessageId, conversationRootOhMessageId } = facts;
  return {
    direction: 'oh-to-mhv',
    ohMessageId: message.id,
    icn: facts.icn,
    sender: { ohId: sender.id, type: sender.type, name: senderName(facts, sender, pool.name) },
    triageGroup: { ohPoolId: pool.id, name: pool.name, stationNumber },
    subject: mhvSubject(message.subject),
    category: CATEGORY,
    body: body === '' ? placeholder(message) : body,
    sentAt: message.createdAt,
    ...(inReplyToOhMessageId === undefined ? {} : { inReplyToOhMessageId }),
    ...(conversationRootOhMessageId === undefined ? {} : { conversationRootOhMessageId }),
    attachments: message.attachments,
  };
}

function senderName(facts: MhvFacts, sender: OhParty, poolName: string): string {
  const known = facts.senderName?.trim();
  if (known) return known;
  return sender.type === 'PERSON' || facts.box === 'outbox' ? 'Patient' : poolName;
}

/** MHV refuses a blank body (errorCode 100), so a message without words says that it has none. */
function placeholder(message: OhMessage): string {
  return message.attachments.length > 0
    ? '(This message has no text. See the attached files.)'
    : '(This message has no text.)';
}

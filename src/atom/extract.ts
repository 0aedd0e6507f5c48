/**
 * Where Oracle Health puts the ids of a message in an Atom entry.
 *
 * ASSUMPTION: OH's feed schema is not public; all that is known is that an entry announces a message
 * of a patient. This module takes the message id and the patient id from an alternate link that has
 * the shape of Messaging REST, or from the atom:id together with an element that names the patient.
 * When the real feed says otherwise, the change is here and in the configuration it is given.
 */
import { ExchangeError } from '../errors.ts';
import type { Entry } from '../message.ts';
import type { AtomEntry } from './document.ts';

export interface Extraction {
  /** URL of Messaging REST up to and with `/service`, without a slash at the end. */
  messagingBaseUrl: string;
  /** Authority that follows it in every path. */
  authority: string;
  /** What an `atom:id` starts with before the message id, such as `urn:example:oh:message:`. */
  idPrefix?: string;
  /** The child element of an entry that names the patient, and its attribute. */
  patientElement?: { namespace: string; element: string; attribute: string };
}

/**
 * Takes the ids out of an entry: from an alternate link of the shape
 * `{messagingBaseUrl}/{authority}/patients/{patientId}/(inbox|outbox)/messages/{messageId}`
 * (percent-decoded once), and from `idPrefix` with `patientElement`; one is enough, and where both
 * are there they must agree. Without a link the box is the inbox. `inReplyToOhMessageId` is absent
 * when it can't be read: it is only a hint.
 *
 * Throws ExchangeError `malformed` that names the entry and what is missing or wrong, never a value.
 */
export function toEntry(entry: AtomEntry, extraction: Extraction): Entry {
  const linked = linkedMessage(entry, extraction);
  const ohMessageId = agreed('message id', linked?.messageId, idOfAtomId(entry, extraction), entry);
  const ohPatientId = agreed(
    'patient id',
    linked?.patientId,
    namedPatient(entry, extraction),
    entry,
  );
  if (ohMessageId === undefined) {
    throw fault('Neither an alternate link nor the atom:id holds an OH message id', entry);
  }
  if (ohPatientId === undefined) {
    throw fault('Neither an alternate link nor an element names the OH patient', entry);
  }
  const parent = parentOf(entry, extraction);
  return {
    source: 'feed',
    atomId: entry.id,
    updatedAt: entry.updatedAt,
    ohPatientId,
    ohMessageId,
    box: linked?.box ?? 'inbox',
    ...(parent === undefined || parent === ohMessageId ? {} : { inReplyToOhMessageId: parent }),
  };
}

interface LinkedMessage {
  patientId: string;
  messageId: string;
  box: 'inbox' | 'outbox';
}

function linkedMessage(entry: AtomEntry, extraction: Extraction): LinkedMessage | undefined {
  let linked: LinkedMessage | undefined;
  for (const { rel, href } of entry.links) {
    if (rel !== 'alternate') continue;
    const message = messageOfLink(href, extraction);
    if (message === undefined) continue;
    if (typeof message === 'string') throw fault(message, entry);
    linked ??= message;
    const { patientId, messageId, box } = message;
    if (linked.patientId !== patientId || linked.messageId !== messageId || linked.box !== box) {
      throw fault('Two alternate links name two messages', entry);
    }
  }
  return linked;
}

/** The message a link names; a sentence when it is not ours to follow; undefined for other links. */
function messageOfLink(href: string, extraction: Extraction): LinkedMessage | string | undefined {
  const service = serviceOf(extraction);
  const plain = plainMessageOfLink(href, service.plainPrefix);
  if (plain !== undefined) return plain;
  const url = URL.parse(href);
  if (url === null) return undefined;
  const segments = url.pathname.split('/');
  const [authority, patients, patient, box, messages, message] = segments.slice(-6);
  if (patients !== 'patients' || messages !== 'messages') return undefined;
  if (box !== 'inbox' && box !== 'outbox') return undefined;
  if (authority === undefined || patient === undefined || message === undefined) return undefined;
  if (url.origin !== service.origin) return 'An alternate link names another host';
  if (segments.slice(0, -6).join('/') !== service.path) {
    return 'An alternate link names another messaging service';
  }
  if (decoded(authority) !== extraction.authority)
    return 'An alternate link names another authority';
  const patientId = decoded(patient);
  const messageId = decoded(message);
  if (!isId(patientId)) return 'An alternate link holds no usable patient id';
  if (!isId(messageId)) return 'An alternate link holds no usable message id';
  if (messageId.includes(',')) return 'An alternate link names more than one message';
  return { patientId, messageId, box };
}

/** Characters that a URL leaves as they are, no dot among them, and the colon of ids escaped. */
const PLAIN_REST = /^([\w~:-]{1,256})\/(inbox|outbox)\/messages\/((?:[\w~:-]|%3A){1,256})$/;

/** A link just as we would write it needs no reading as a URL, which takes most of the time. */
function plainMessageOfLink(href: string, prefix: string | undefined): LinkedMessage | undefined {
  if (prefix === undefined || !href.startsWith(prefix)) return undefined;
  const [, patientId, box, messageId] = PLAIN_REST.exec(href.slice(prefix.length)) ?? [];
  if (patientId === undefined || messageId === undefined) return undefined;
  return {
    patientId,
    messageId: messageId.replaceAll('%3A', ':'),
    box: box === 'inbox' ? 'inbox' : 'outbox',
  };
}

interface Service {
  origin: string;
  path: string;
  /** What every link as we would write it starts with; undefined where a URL would change it. */
  plainPrefix: string | undefined;
}

const services = new WeakMap<Extraction, Service>();

/** The messaging service, against which every link of a document is held. */
function serviceOf(extraction: Extraction): Service {
  const known = services.get(extraction);
  if (known !== undefined) return known;
  const { messagingBaseUrl, authority } = extraction;
  const { origin, pathname, href } = new URL(messagingBaseUrl);
  const isPlain = href === messagingBaseUrl && /^(?!\.{1,2}$)[\w.~-]+$/.test(authority);
  const service = {
    origin,
    path: pathname.replace(/\/$/, ''),
    plainPrefix: isPlain ? `${messagingBaseUrl}/${authority}/patients/` : undefined,
  };
  services.set(extraction, service);
  return service;
}

function idOfAtomId(entry: AtomEntry, { idPrefix }: Extraction): string | undefined {
  if (!idPrefix || !entry.id.startsWith(idPrefix)) return undefined;
  const messageId = entry.id.slice(idPrefix.length);
  if (!isId(messageId)) throw fault('The atom:id holds no usable message id', entry);
  if (messageId.includes(',')) throw fault('The atom:id names more than one message', entry);
  return messageId;
}

function namedPatient(entry: AtomEntry, { patientElement }: Extraction): string | undefined {
  if (patientElement === undefined) return undefined;
  const { namespace, element, attribute } = patientElement;
  let patientId: string | undefined;
  for (const extension of entry.extensions) {
    if (extension.name !== element || extension.namespace !== namespace) continue;
    const value = extension.attributes[attribute];
    if (!isId(value)) throw fault('The patient element holds no usable patient id', entry);
    patientId ??= value;
    if (patientId !== value) throw fault('Two patient elements name two patients', entry);
  }
  return patientId;
}

function agreed(
  what: string,
  linked: string | undefined,
  stated: string | undefined,
  entry: AtomEntry,
): string | undefined {
  if (linked === undefined || stated === undefined || linked === stated) return linked ?? stated;
  throw fault(`The alternate link and the rest of the entry differ in the ${what}`, entry);
}

function parentOf(entry: AtomEntry, extraction: Extraction): string | undefined {
  const { idPrefix } = extraction;
  for (const { ref, href } of entry.inReplyTo) {
    if (idPrefix && ref?.startsWith(idPrefix)) {
      const messageId = ref.slice(idPrefix.length);
      if (isId(messageId) && !messageId.includes(',')) return messageId;
    }
    const linked = href === undefined ? undefined : messageOfLink(href, extraction);
    if (typeof linked === 'object') return linked.messageId;
  }
  return undefined;
}

function decoded(segment: string): string | undefined {
  if (!segment.includes('%')) return segment;
  try {
    return decodeURIComponent(segment);
  } catch {
    return undefined;
  }
}

/**
 * Ids are opaque, but none is empty, very long, or holds white space or control characters; and none
 * can lead a URL that is built from it elsewhere, as `..` and slashes would.
 */
function isId(value: string | undefined): value is string {
  return value !== undefined && /^(?!\.{1,2}$)[^\p{White_Space}\p{Cc}/\\]{1,256}$/u.test(value);
}

function fault(what: string, entry: AtomEntry): ExchangeError {
  return new ExchangeError('malformed', `${what} (${entry.element}).`, { element: entry.element });
}

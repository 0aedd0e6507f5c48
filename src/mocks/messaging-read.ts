/** Listing and reading messages, setting their status and deleting them. */
import { type Answer, empty, type MockRequest, Refusal, utcSecond } from './answer.ts';
import {
  type Box,
  type MessageStatus,
  type Receiver,
  type StoredMessage,
  setStatus,
} from './mailbox.ts';
import {
  checkAccept,
  checkAuthority,
  checkPatient,
  jsonIn,
  listOf,
  messagePath,
  messagingBase,
} from './messaging-access.ts';
import { settings, type World } from './world.ts';

const WINDOW_MS = 90 * 24 * 3600 * 1000;

const statusAsked = new Map<string, MessageStatus>([
  ['UNREAD', 'UNREAD'],
  ['OPEN', 'OPENED'],
  ['ONHOLD', 'ONHOLD'],
  ['DELETED', 'DELETED'],
]);
const typesAsked: Record<Box, Map<string, string>> = {
  inbox: new Map([
    ['MESSAGE', 'MESSAGE'],
    ['REMINDER', 'REMINDER'],
  ]),
  outbox: new Map([['MESSAGE', 'MESSAGE']]),
};

/** GET of a box: light messages of a window, newest first. */
export function listMessages(world: World, request: MockRequest, box: Box): Answer {
  checkAuthority(world, request);
  // The printed Location of the outbox list names the inbox, too.
  const patient = checkPatient(world, request, 'inbox/messages');
  const charset = checkAccept(request);
  const { begin, end } = windowOf(request, world.now());
  const statuses = asked(request, 'statuses', statusAsked, ['UNREAD', 'OPENED', 'ONHOLD']);
  const types = asked(request, 'types', typesAsked[box], [...typesAsked[box].values()]);
  const messages = (world.mailbox.byPatient.get(patient.ohPatientId) ?? [])
    .filter(
      (message) =>
        message.box === box &&
        message.createdAt >= begin &&
        message.createdAt <= end &&
        statuses.has(message.status) &&
        types.has(message.messageType),
    )
    .toSorted((left, right) => right.createdAt - left.createdAt)
    .map((message) => lightMessage(world, message, box === 'inbox'));
  return jsonIn(charset, { messages });
}

/** GET of messages by id: a map in which unknown ids are simply absent. */
export function readMessages(world: World, request: MockRequest, box: Box): Answer {
  checkAuthority(world, request);
  const ids = listOf(request, 'messageIds', 400);
  const moved =
    box === 'inbox' ? 'inbox/messages' : `outbox/messages/${ids.map(encodeURIComponent).join(',')}`;
  const patient = checkPatient(world, request, moved);
  const charset = checkAccept(request);
  const loadReferences = request.query.get('loadReferences') ?? 'false';
  if (loadReferences !== 'true' && loadReferences !== 'false') throw new Refusal(empty(400));
  const messagesById: Record<string, unknown> = {};
  for (const id of ids) {
    const message = world.mailbox.byId.get(id);
    if (message?.patientId !== patient.ohPatientId || message.box !== box) continue;
    messagesById[id] = fullMessage(world, message, loadReferences === 'true');
  }
  return jsonIn(charset, { messagesById });
}

/** PUT of a status: 409 when an id's version is not the stored one. */
export function putStatus(world: World, request: MockRequest): Answer {
  checkAuthority(world, request);
  const patient = checkPatient(world, request);
  const wanted = request.segment('status').trim();
  const status = wanted === 'OPENED' ? 'OPENED' : statusAsked.get(wanted);
  if (status === undefined) throw new Refusal(empty(400));
  const own = world.mailbox.byPatient.get(patient.ohPatientId) ?? [];
  const messages = listOf(request, 'messageIds', 400).map((id) => versioned(own, id));
  for (const message of messages) setStatus(world.mailbox, message, status);
  return empty(200);
}

function versioned(own: readonly StoredMessage[], id: string): StoredMessage {
  const known = own.find((message) => withoutVersion(message.id) === withoutVersion(id));
  if (known === undefined || known.box !== 'inbox') throw new Refusal(empty(400));
  if (known.id !== id) throw new Refusal(empty(409));
  return known;
}

function withoutVersion(id: string): string {
  return id.slice(0, id.lastIndexOf(':'));
}

/** DELETE of received messages: they stay, with status DELETED. */
export function deleteMessages(world: World, request: MockRequest): Answer {
  checkAuthority(world, request);
  const patient = checkPatient(world, request);
  for (const id of listOf(request, 'messageIds', 400)) {
    const message = world.mailbox.byId.get(id);
    if (message?.patientId !== patient.ohPatientId || message.box !== 'inbox') continue;
    message.status = 'DELETED';
  }
  return empty(204);
}

/** GET by alias: 303 to the patient's box. The mock knows MRNs, alias type 10 and alias pool 683996. */
export function findByAlias(world: World, request: MockRequest, box: Box): Answer {
  checkAuthority(world, request);
  const { query } = request;
  const known = query.get('aliasTypeCd') === '10' && query.get('aliasPoolCd') === '683996';
  const alias = query.get('patientAlias');
  const patient = [...world.population.patients.values()].find((one) => one.mrn === alias);
  if (!known || patient === undefined || !patient.active) throw new Refusal(empty(400));
  const location = `/${settings.authority}/patients/${patient.ohPatientId}/${box}/messages`;
  return empty(303, { location });
}

function windowOf(request: MockRequest, now: number): { begin: number; end: number } {
  const end = instantOf(request, 'endDate') ?? now;
  const begin = instantOf(request, 'beginDate') ?? now - WINDOW_MS;
  if (begin >= end) throw new Refusal(empty(400));
  return { begin, end };
}

function instantOf(request: MockRequest, name: string): number | undefined {
  const text = request.query.get(name);
  if (text === null) return undefined;
  const instant = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/.test(text) ? Date.parse(text) : Number.NaN;
  // Date.parse takes 30 February for 1 March.
  if (Number.isNaN(instant) || utcSecond(instant) !== text) throw new Refusal(empty(400));
  return instant;
}

function asked(
  request: MockRequest,
  name: string,
  known: Map<string, string>,
  unless: string[],
): Set<string> {
  const text = request.query.get(name);
  if (text === null) return new Set(unless);
  const values = text.split(',').map((item) => known.get(item.trim()));
  if (values.includes(undefined)) throw new Refusal(empty(400));
  return new Set(values.filter((value) => value !== undefined));
}

function lightMessage(world: World, message: StoredMessage, withAttachments: boolean): object {
  const { sender, ccReceivers } = message;
  const senderField = {
    PERSON: 'personSenderId',
    PERSONNEL: 'personnelSenderId',
    POOL: 'poolSenderId',
  };
  return {
    idUrl: messagingBase(world) + messagePath(message.patientId, message.box, message.id),
    id: message.id,
    subject: message.subject,
    [senderField[sender.type]]: Number(sender.id),
    createDate: utcSecond(message.createdAt),
    messageType: message.messageType,
    priority: 'ROUTINE',
    status: message.status,
    receivers: message.receivers.map((receiver) => shownReceiver(receiver, message.status)),
    ...(ccReceivers?.length
      ? { ccReceivers: ccReceivers.map((receiver) => shownReceiver(receiver, message.status)) }
      : {}),
    ...(withAttachments && message.attachments.length > 0
      ? { attachments: message.attachments }
      : {}),
    referenceId: message.referenceId,
    ...(message.sensitivity === undefined ? {} : { sensitivity: message.sensitivity }),
    ...(message.responsiblePersonnelId === undefined
      ? {}
      : { responsiblePersonnelId: message.responsiblePersonnelId }),
  };
}

function fullMessage(world: World, message: StoredMessage, withReferences: boolean): object {
  const url = messagingBase(world) + messagePath(message.patientId, message.box, message.id);
  const { encounterId, text, texts } = message;
  return {
    ...lightMessage(world, message, true),
    patientId: Number(message.patientId),
    ...(encounterId === undefined ? {} : { encounterId: Number(encounterId) }),
    ...(text === undefined ? {} : { text }),
    ...(texts === undefined ? {} : { texts }),
    updateDate: utcSecond(message.updatedAt),
    openUrl: `${url}/status/OPEN`,
    unreadUrl: `${url}/status/UNREAD`,
    ...(withReferences ? { referenceIds: message.referenceIds } : {}),
  };
}

function shownReceiver(receiver: Receiver, status: MessageStatus): object {
  return { ...receiver, status };
}

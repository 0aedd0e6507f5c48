/** Messages of a patient in MHV: writing, replying, reading, threads and delivery status. */
import { type Static, Type } from '@sinclair/typebox';
import { TypeCompiler } from '@sinclair/typebox/compiler';
import {
  type Answer,
  empty,
  header,
  json,
  type MockRequest,
  parseJson,
  Refusal,
} from './answer.ts';
import { escapeText, refuseField, refuseMhv } from './mhv-errors.ts';
import { readForm } from './mhv-files.ts';
import { icnOfSession } from './mhv-session.ts';
import { keepMessage, type MhvFile, type MhvMessage } from './mhv-state.ts';
import { triageTeams } from './mhv-teams.ts';
import type { World } from './world.ts';

/** The categories of 2016. */
export const CATEGORIES = new Set([
  'OTHER',
  'APPOINTMENTS',
  'MEDICATIONS',
  'TEST_RESULTS',
  'EDUCATION',
]);

const newMessageSchema = Type.Object({
  subject: Type.String(),
  category: Type.String(),
  recipientId: Type.Union([Type.Integer(), Type.String({ pattern: '^[0-9]+$' })]),
  body: Type.String(),
  id: Type.Optional(Type.Integer()),
});
const newMessageCheck = TypeCompiler.Compile(newMessageSchema);

/** POST message and message/{id}/reply. */
export function createFromJson(world: World, request: MockRequest, isReply: boolean): Answer {
  const icn = icnOfSession(world, request);
  const contentType = (header(request, 'content-type') ?? '').split(';')[0]?.trim();
  if (contentType !== 'application/json') throw new Refusal(empty(415));
  const answered = isReply ? answeredMessage(world, request, icn) : undefined;
  return create(world, icn, parseJson(request.body.toString('utf8')), [], answered);
}

/** POST message/attach and message/{id}/reply/attach. */
export async function createFromForm(
  world: World,
  request: MockRequest,
  isReply: boolean,
): Promise<Answer> {
  const icn = icnOfSession(world, request);
  const answered = isReply ? answeredMessage(world, request, icn) : undefined;
  const { message, files } = await readForm(world, request);
  return create(world, icn, message, files, answered);
}

function answeredMessage(world: World, request: MockRequest, icn: string): MhvMessage {
  const message = world.mhv.messages.get(Number(request.segment('id')));
  if (message === undefined) refuseNotFound();
  if (message.icn !== icn) refuseMhv(112);
  return message;
}

function refuseNotFound(): never {
  refuseMhv(904, { developerMessage: 'Severity[Error]:message.not.found;' });
}

function create(
  world: World,
  icn: string,
  body: unknown,
  files: Omit<MhvFile, 'id'>[],
  answered: MhvMessage | undefined,
): Answer {
  const message = checked(body);
  if (message.id !== undefined) refuseMhv(128);
  const team = triageTeams(world).find(
    (one) => String(one.triageTeamId) === String(message.recipientId),
  );
  if (team === undefined) refuseMhv(119);
  if (team.blocked) refuseMhv(129);
  const { triageTeamId, name, stationNumber, ohPoolId } = team;
  const kept = keepMessage(world.mhv, {
    threadId: answered?.threadId,
    icn,
    subject: message.subject,
    category: message.category,
    body: message.body,
    bodyFormat: 'TEXT',
    fromPatient: true,
    sender: { type: 'PERSON', name: nameOf(world, icn) },
    triageGroup: {
      triageTeamId,
      name,
      stationNumber,
      ...(ohPoolId === undefined ? {} : { ohPoolId }),
    },
    sentAt: world.now(),
    receivedAt: world.now(),
    inReplyToOhMessageId: answered?.ohMessageId,
    isOhMessage: ohPoolId !== undefined,
    status: ohPoolId === undefined ? 'NOT_SUPPORTED' : 'IN_PROGRESS',
    files,
  });
  return json(
    200,
    shownMessage(world, kept, (text) => text),
  );
}

function checked(body: unknown): Static<typeof newMessageSchema> {
  if (!newMessageCheck.Check(body)) {
    refuseField(newMessageCheck.Errors(body).First()?.path ?? '/');
  }
  if (body.body.trim() === '') refuseMhv(100);
  if (body.subject.trim() === '') refuseField('/subject');
  if (!CATEGORIES.has(body.category)) refuseField('/category');
  return body;
}

/** GET message/{id}/read: marks it as read; text comes back HTML-escaped. */
export function readMessage(world: World, request: MockRequest): Answer {
  const message = answeredMessage(world, request, icnOfSession(world, request));
  message.isRead = true;
  return json(200, {
    ...shownMessage(world, message, escapeText),
    triageGroupName: message.triageGroup.name,
  });
}

function shownMessage(world: World, message: MhvMessage, escape: (text: string) => string): object {
  const { id, category, files, isOhMessage, isRead, sentAt } = message;
  const attachment = files.map((file) => ({
    id: file.id,
    name: file.name,
    attachmentSize: file.bytes.byteLength,
  }));
  return {
    id,
    category,
    subject: escape(message.subject),
    body: escape(message.body),
    attachment: files.length > 0,
    attachments: { attachment },
    sentDate: new Date(sentAt).toUTCString(),
    ...parties(world, message),
    readReceipt: isRead ? 'READ' : null,
    isOhMessage,
  };
}

function parties(world: World, message: MhvMessage): object {
  const patientId = Number(world.population.byIcn.get(message.icn)?.[0]?.mhvCorrelationId);
  const team = { id: message.triageGroup.triageTeamId ?? 0, name: message.triageGroup.name };
  const patient = { id: patientId, name: nameOf(world, message.icn) };
  const [sender, recipient] = message.fromPatient
    ? [patient, team]
    : [{ id: Number(message.sender.ohId) || 0, name: message.sender.name }, patient];
  return {
    senderId: sender.id,
    senderName: sender.name,
    recipientId: recipient.id,
    recipientName: recipient.name,
  };
}

function nameOf(world: World, icn: string): string {
  const patient = world.population.byIcn.get(icn)?.[0];
  return patient === undefined ? '' : `${patient.family}, ${patient.given.join(' ')}`;
}

/** GET message/{id}/messagesforthread: a bare array, newest first; OH messages only when asked for. */
export function readThread(world: World, request: MockRequest): Answer {
  const message = answeredMessage(world, request, icnOfSession(world, request));
  const withOh = request.query.get('requiresOHMessages') === '1';
  const thread = (world.mhv.threads.get(message.threadId) ?? [])
    .filter((one) => withOh || !one.isOhMessage)
    .toSorted((left, right) => right.sentAt - left.sentAt);
  return json(
    200,
    thread.map((one) => ({
      messageId: one.id,
      threadId: one.threadId,
      ...parties(world, one),
      sentDate: new Date(one.sentAt).toISOString().replace('Z', '+00:00'),
      draftDate: null,
      triageGroupName: one.triageGroup.name,
      hasAttachments: one.files.length > 0,
      subject: escapeText(one.subject),
      category: one.category,
      folderId: one.fromPatient ? -1 : 0,
      messageBody: escapeText(one.body),
      proxySenderName: null,
      readReceipt: one.isRead ? 'READ' : null,
      isOhMessage: one.isOhMessage,
    })),
  );
}

/** GET message/{id}/status; an unknown id has an error shape of its own. */
export function messageStatus(world: World, request: MockRequest): Answer {
  const icn = icnOfSession(world, request);
  const message = world.mhv.messages.get(Number(request.segment('id')));
  if (message === undefined) return json(404, { error: 'Not Found' });
  if (message.icn !== icn) refuseMhv(112);
  return json(200, {
    messageId: message.id,
    status: message.status,
    isOhMessage: message.isOhMessage,
    ohSecureMessageId: message.ohSecureMessageId ?? null,
  });
}

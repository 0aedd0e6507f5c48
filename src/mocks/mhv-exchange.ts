/**
 * The two operations of MHV that nobody has published.
 *
 * ASSUMPTION: `GET exchange/message` asks for a message by its OH id and `POST exchange/message` inserts
 * one that was written in Oracle Health, both with the application token and no session.
 */
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
import { refuseField, refuseMhv } from './mhv-errors.ts';
import { checkFiles, objectFile } from './mhv-files.ts';
import { CATEGORIES } from './mhv-messages.ts';
import { checkAppToken } from './mhv-session.ts';
import { keepMessage, type MhvFile, type MhvMessage } from './mhv-state.ts';
import type { World } from './world.ts';

const icn = Type.String({ pattern: '^[0-9]{10}V[0-9]{6}$' });
const ohMessageId = Type.String({ minLength: 1, maxLength: 255 });

const attachmentSchema = Type.Object({
  name: Type.String({ maxLength: 255 }),
  mimeType: Type.String(),
  size: Type.Optional(Type.Integer({ minimum: 0 })),
  contentBase64: Type.Optional(Type.String()),
  lgAttachmentId: Type.Optional(Type.String()),
});

const messageSchema = Type.Object({
  ohMessageId,
  icn,
  sender: Type.Object({
    ohId: Type.String(),
    type: Type.Union([Type.Literal('PERSONNEL'), Type.Literal('POOL'), Type.Literal('PERSON')]),
    name: Type.String(),
  }),
  recipientIcn: Type.Optional(icn),
  triageGroup: Type.Object({
    ohPoolId: Type.String(),
    name: Type.String(),
    stationNumber: Type.String({ pattern: '^[0-9]{3}[A-Z0-9]{0,4}$' }),
  }),
  subject: Type.String({ minLength: 1, maxLength: 255 }),
  category: Type.String(),
  body: Type.String(),
  bodyFormat: Type.Union([Type.Literal('TEXT'), Type.Literal('XHTML'), Type.Literal('RTF')]),
  sentDate: Type.String({
    pattern: String.raw`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$`,
  }),
  inReplyToOhMessageId: Type.Optional(Type.String()),
  conversationRootOhMessageId: Type.Optional(Type.String()),
  attachments: Type.Optional(Type.Array(attachmentSchema, { maxItems: 10 })),
});

const messageCheck = TypeCompiler.Compile(messageSchema);

type ExchangeMessage = Static<typeof messageSchema>;

/** GET exchange/message: 404 with code 115 is the normal no. */
export function findExchangeMessage(world: World, request: MockRequest): Answer {
  checkAppToken(request);
  const id = request.query.get('ohMessageId') ?? '';
  if (id === '' || id.length > 255) refuseField('ohMessageId');
  const known = world.mhv.byOhMessageId.get(id);
  if (known === undefined) refuseMhv(115, { status: 404 });
  return json(200, reference(known));
}

/** POST exchange/message: a known OH id gives the first insert's ids and stores nothing. */
export function insertExchangeMessage(world: World, request: MockRequest): Answer {
  checkAppToken(request);
  const contentType = (header(request, 'content-type') ?? '').split(';')[0]?.trim();
  if (contentType !== 'application/json') throw new Refusal(empty(415));
  const body = parseJson(request.body.toString('utf8'));
  if (!messageCheck.Check(body)) refuseField(messageCheck.Errors(body).First()?.path ?? '/');
  const known = world.mhv.byOhMessageId.get(body.ohMessageId);
  if (known !== undefined) {
    if (known.icn !== body.icn) refuseMhv(117);
    known.repeats++;
    return json(200, { ...reference(known), isOhMessage: true });
  }
  checkRules(world, body);
  const files = (body.attachments ?? []).map((attachment) => fileOf(world, attachment));
  checkFiles(files);
  const kept = keepMessage(world.mhv, {
    ...body,
    threadId: threadFor(world, body),
    fromPatient: body.sender.type === 'PERSON',
    sentAt: Date.parse(body.sentDate),
    receivedAt: world.now(),
    isOhMessage: true,
    status: 'SENT',
    files,
  });
  return json(200, { ...reference(kept), isOhMessage: true });
}

function reference({ id, threadId, ohMessageId: known }: MhvMessage): object {
  return { id, threadId, ohMessageId: known };
}

/** A triage group is one of the pools, or a member of the staff who writes without one. */
function checkRules(world: World, body: ExchangeMessage): void {
  const { byIcn, pools, personnel } = world.population;
  if (body.body.trim() === '') refuseMhv(100);
  if (body.subject.trim() === '') refuseField('/subject');
  if (!CATEGORIES.has(body.category)) refuseField('/category');
  if (Number.isNaN(Date.parse(body.sentDate))) refuseField('/sentDate');
  if (!byIcn.has(body.icn)) refuseMhv(105);
  if (body.recipientIcn !== undefined && !byIcn.has(body.recipientIcn)) refuseMhv(105);
  const { ohPoolId } = body.triageGroup;
  if (!pools.has(ohPoolId) && !personnel.has(ohPoolId)) refuseMhv(119);
}

/** First hit wins: the message answered, the conversation's start, else a new thread. */
function threadFor(world: World, body: ExchangeMessage): number | undefined {
  const { byOhMessageId } = world.mhv;
  const relative =
    byOhMessageId.get(body.inReplyToOhMessageId ?? '') ??
    byOhMessageId.get(body.conversationRootOhMessageId ?? '');
  if (relative !== undefined && relative.icn !== body.icn) refuseMhv(112);
  return relative?.threadId;
}

/** Exactly one of the content itself and an object that was PUT before. */
function fileOf(world: World, attachment: Static<typeof attachmentSchema>): Omit<MhvFile, 'id'> {
  const { name, mimeType, size, contentBase64, lgAttachmentId } = attachment;
  if ((contentBase64 === undefined) === (lgAttachmentId === undefined)) {
    refuseField('/attachments');
  }
  if (lgAttachmentId !== undefined) return objectFile(world, lgAttachmentId, name, mimeType, size);
  const text = contentBase64 ?? '';
  if (text.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(text)) refuseMhv(113);
  const bytes = Buffer.from(text, 'base64');
  if (size !== undefined && size !== bytes.byteLength) refuseMhv(113);
  return { name, mimeType, bytes };
}

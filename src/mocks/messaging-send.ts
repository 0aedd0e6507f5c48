/** Sending as the patient, with every rule that ends in 400. */
import { type Static, Type } from '@sinclair/typebox';
import { TypeCompiler } from '@sinclair/typebox/compiler';
import { type Answer, empty, header, type MockRequest, parseJson, Refusal } from './answer.ts';
import { type NewMessage, type StoredMessage, store } from './mailbox.ts';
import { checkAuthority, checkPatient, jsonText, messagePath } from './messaging-access.ts';
import type { Patient } from './population.ts';
import { rtfOf } from './rtf.ts';
import type { World } from './world.ts';

const receiverSchema = Type.Object({
  receiverId: Type.Optional(Type.Integer()),
  type: Type.Union([Type.Literal('PERSONNEL'), Type.Literal('POOL'), Type.Literal('EMAIL')]),
  email: Type.Optional(
    Type.Object({ address: Type.String({ pattern: String.raw`^[^@\s]+@[^@\s]+\.[^@\s]+$` }) }),
  ),
});

const sendSchema = Type.Object({
  patientId: Type.Integer(),
  receivers: Type.Optional(Type.Array(receiverSchema)),
  ccReceivers: Type.Optional(Type.Array(receiverSchema)),
  previousMessageId: Type.Optional(Type.String()),
  text: Type.Optional(Type.String()),
  formatType: Type.Optional(Type.Union([Type.Literal('RTF'), Type.Literal('XHTML')])),
  subject: Type.String({ minLength: 1, maxLength: 255, pattern: String.raw`\S` }),
  attachments: Type.Optional(
    Type.Array(
      Type.Object({
        name: Type.String({ minLength: 1, maxLength: 255 }),
        mediaIdentifier: Type.String({ minLength: 1, maxLength: 255 }),
        mediaVersion: Type.Integer({ minimum: 1, maximum: 2_147_483_647 }),
      }),
    ),
  ),
  sensitivity: Type.Optional(
    Type.Object({ portalUserUUIDs: Type.Optional(Type.Array(Type.String())) }),
  ),
  responsiblePersonnelId: Type.Optional(Type.Integer()),
  // Read-only: sending one is refused.
  texts: Type.Optional(Type.Never()),
});

const sendCheck = TypeCompiler.Compile(sendSchema);

type SendMessage = Static<typeof sendSchema>;
type PostReceiver = Static<typeof receiverSchema>;

/** POST to the outbox: 201 with a Location and no body. Never merged, never deduplicated. */
export function sendMessage(world: World, request: MockRequest): Answer {
  checkAuthority(world, request);
  const text = jsonText(request);
  const patient = checkPatient(world, request);
  const body = parseJson(text);
  if (!sendCheck.Check(body)) throw new Refusal(empty(400));
  checkRules(world, body, patient);
  const previous = previousMessage(world, body, patient);
  const stored = store(world.mailbox, newMessage(world, request, body, previous));
  answerIfOutOfOffice(world, body, stored);
  return empty(201, { location: messagePath(patient.ohPatientId, 'outbox', stored.id) });
}

function checkRules(world: World, body: SendMessage, patient: Patient): void {
  const everyone = [...(body.receivers ?? []), ...(body.ccReceivers ?? [])];
  const byMail = everyone.filter((receiver) => receiver.type === 'EMAIL');
  const wrong =
    String(body.patientId) !== patient.ohPatientId ||
    everyone.length === 0 ||
    !everyone.every((receiver) => canReceive(world, receiver, patient)) ||
    (byMail.length > 0 && everyone.length > 1) ||
    (byMail.length > 0 && body.formatType === 'XHTML') ||
    (body.formatType !== undefined && body.text === undefined) ||
    (body.previousMessageId !== undefined && body.responsiblePersonnelId !== undefined);
  if (wrong) throw new Refusal(empty(400));
}

function canReceive(world: World, receiver: PostReceiver, patient: Patient): boolean {
  if (receiver.type === 'EMAIL') return receiver.email !== undefined && patient.mailAccount;
  const { pools, personnel } = world.population;
  const known = receiver.type === 'POOL' ? pools : personnel;
  return known.get(String(receiver.receiverId))?.recipientAccess === 'GRANTED';
}

function previousMessage(
  world: World,
  body: SendMessage,
  patient: Patient,
): StoredMessage | undefined {
  if (body.previousMessageId === undefined) return undefined;
  const previous = world.mailbox.byId.get(body.previousMessageId);
  if (previous?.patientId !== patient.ohPatientId) throw new Refusal(empty(400));
  return previous;
}

function newMessage(
  world: World,
  request: MockRequest,
  body: SendMessage,
  previous: StoredMessage | undefined,
): NewMessage {
  const { subject, text, formatType } = body;
  const patientId = String(body.patientId);
  return {
    box: 'outbox',
    patientId,
    subject,
    createdAt: world.now(),
    sender: { type: 'PERSON', id: patientId },
    receivers: body.receivers ?? [],
    ccReceivers: body.ccReceivers ?? [],
    attachments: body.attachments ?? [],
    previous,
    ...(text === undefined ? {} : shownText(subject, text, formatType)),
    ...(body.sensitivity === undefined ? {} : { sensitivity: body.sensitivity }),
    responsiblePersonnelId: body.responsiblePersonnelId,
    announced: false,
    sent: {
      subject,
      text,
      formatType,
      receivers: body.receivers,
      ccReceivers: body.ccReceivers,
      previousMessageId: body.previousMessageId,
      attachments: body.attachments,
      correlationId: header(request, 'cerner-correlation-id'),
    },
  };
}

/** `text` is RTF when read, so what came as XHTML is only among `texts`. */
function shownText(
  title: string,
  text: string,
  formatType: 'RTF' | 'XHTML' | undefined,
): Pick<NewMessage, 'text' | 'texts'> {
  if (formatType === 'XHTML') return { texts: [{ title, formatType, text }] };
  return { text };
}

function answerIfOutOfOffice(world: World, body: SendMessage, sent: StoredMessage): void {
  const { pools, personnel } = world.population;
  for (const receiver of [...(body.receivers ?? []), ...(body.ccReceivers ?? [])]) {
    if (receiver.type === 'EMAIL') continue;
    const id = String(receiver.receiverId);
    const away = (receiver.type === 'POOL' ? pools : personnel).get(id)?.outOfOffice;
    if (away !== true) continue;
    const note = 'The person or team you wrote to is out of the office.';
    const answer = store(world.mailbox, {
      box: 'inbox',
      patientId: sent.patientId,
      subject: 'Automatic reply: out of office',
      createdAt: world.now(),
      sender: { type: receiver.type, id },
      receivers: [{ type: 'PERSON', receiverId: Number(sent.patientId) }],
      previous: sent,
      text: rtfOf(note),
      announced: true,
    });
    world.announce(answer);
  }
}

/** Oracle Health Messaging REST 2.0 as a mock server. */
import { Type } from '@sinclair/typebox';
import { XMLValidator } from 'fast-xml-parser';
import {
  type Answer,
  controlBody,
  empty,
  json,
  type MockRequest,
  Refusal,
  readControl,
  utcSecond,
} from './answer.ts';
import type { Door, DoorOptions } from './door.ts';
import { openDoor } from './door.ts';
import { type StoredMessage, store } from './mailbox.ts';
import { keepMedia, referenceTo } from './media-store.ts';
import { checkAccept, checkAuthority, jsonIn, listOf, messagingBase } from './messaging-access.ts';
import {
  deleteMessages,
  findByAlias,
  listMessages,
  putStatus,
  readMessages,
} from './messaging-read.ts';
import { sendMessage } from './messaging-send.ts';
import type { Pool } from './population.ts';
import { type Route, route } from './routes.ts';
import { rtfOf } from './rtf.ts';
import { resetHospital, settings, type World } from './world.ts';

/** Opens the mock. Its base URL ends in `/messaging/{authority}/service`. */
export function openMessaging(
  world: World,
  options: Pick<DoorOptions, 'port' | 'log'>,
): Promise<Door> {
  return openDoor({
    ...options,
    world,
    routes: serviceRoutes(world),
    controls: controlRoutes(world),
    messages: (request) => listStored(world, request),
    reset: () => resetHospital(world),
    maxBodyBytes: 16 * 1024 * 1024,
  });
}

function serviceRoutes(world: World): Route[] {
  const base = `/messaging/${settings.authority}/service/:authority`;
  const boxRoutes = (['inbox', 'outbox'] as const).flatMap((box) => [
    route('GET', `${base}/${box}/messages`, (request) => findByAlias(world, request, box)),
    route('GET', `${base}/patients/:patientId/${box}/messages`, (request) =>
      listMessages(world, request, box),
    ),
    route('GET', `${base}/patients/:patientId/${box}/messages/:messageIds`, (request) =>
      readMessages(world, request, box),
    ),
  ]);
  return [
    ...boxRoutes,
    route('POST', `${base}/patients/:patientId/outbox/messages`, (request) =>
      sendMessage(world, request),
    ),
    route('DELETE', `${base}/patients/:patientId/inbox/messages/:messageIds`, (request) =>
      deleteMessages(world, request),
    ),
    route(
      'PUT',
      `${base}/patients/:patientId/inbox/messages/:messageIds/status/:status`,
      (request) => putStatus(world, request),
    ),
    route('GET', `${base}/personnel/:personnelIds/recipient-access`, (request) =>
      recipientAccess(world, request, 'personnel'),
    ),
    route('GET', `${base}/pools/:poolIds/recipient-access`, (request) =>
      recipientAccess(world, request, 'pools'),
    ),
    route('GET', `${base}/pools`, (request) => findPools(world, request)),
    route('GET', `${base}/pools/:poolIds`, (request) => readPools(world, request)),
  ];
}

function findPools(world: World, request: MockRequest): Answer {
  checkAuthority(world, request);
  const charset = checkAccept(request, false);
  const start = (request.query.get('name') ?? '').toLowerCase();
  const found = [...world.population.pools.values()].filter((pool) =>
    pool.name.toLowerCase().startsWith(start),
  );
  const poolsByName = Object.fromEntries(found.map((pool) => [pool.name, shownPool(world, pool)]));
  return jsonIn(charset, { poolsByName });
}

function readPools(world: World, request: MockRequest): Answer {
  checkAuthority(world, request);
  const charset = checkAccept(request, false);
  const found = listOf(request, 'poolIds', 400)
    .map((id) => world.population.pools.get(id))
    .filter((pool) => pool !== undefined);
  if (found.length === 0) throw new Refusal(empty(404));
  const poolsById = Object.fromEntries(found.map((pool) => [pool.id, shownPool(world, pool)]));
  return jsonIn(charset, { poolsById });
}

function shownPool(world: World, pool: Pool): object {
  const idUrl = `${messagingBase(world)}/${settings.authority}/pools/${pool.id}`;
  return { id: Number(pool.id), idUrl, name: pool.name };
}

/** Pools have one entry for every id asked for; personnel only those that exist. */
function recipientAccess(world: World, request: MockRequest, kind: 'pools' | 'personnel'): Answer {
  checkAuthority(world, request);
  const charset = checkAccept(request, false);
  const ids = listOf(request, kind === 'pools' ? 'poolIds' : 'personnelIds', 404);
  if (ids.some((id) => !/^\d+$/.test(id))) throw new Refusal(empty(404));
  const access: Record<string, string> = {};
  for (const id of ids) {
    const known = world.population[kind].get(id)?.recipientAccess;
    if (known !== undefined) access[id] = known;
    else if (kind === 'pools') access[id] = 'DENIED_CONFIGURATION';
  }
  return jsonIn(charset, {
    [kind === 'pools' ? 'recipientAccessStatusByPoolId' : 'recipientAccessStatusByPersonnelId']:
      access,
  });
}

/** Messages sent through the API, as received; `?box=inbox|outbox|all` lists stored ones instead. */
function listStored(world: World, request: MockRequest): unknown[] {
  const box = request.query.get('box');
  const all = [...world.mailbox.byId.values()];
  const wanted =
    box === null
      ? all.filter((message) => message.sent !== undefined)
      : all.filter((message) => box === 'all' || message.box === box);
  return wanted.map(shownStored);
}

function shownStored(message: StoredMessage): object {
  const { sent } = message;
  return {
    ohMessageId: message.id,
    patientId: message.patientId,
    box: message.box,
    sender: message.sender,
    subject: message.subject,
    text: message.text ?? message.texts?.[0]?.text,
    receivers: message.receivers,
    attachments: message.attachments,
    ...sent,
    ...(sent?.formatType === 'XHTML'
      ? { wellFormed: XMLValidator.validate(sent.text ?? '') === true }
      : {}),
    referenceId: message.referenceId,
    referenceIds: message.referenceIds,
    createDate: utcSecond(message.createdAt),
  };
}

const inboxBody = controlBody(
  Type.Object({
    patientId: Type.Union([Type.String(), Type.Integer()]),
    personnelSenderId: Type.Optional(Type.Union([Type.String(), Type.Integer()])),
    poolSenderId: Type.Optional(Type.Union([Type.String(), Type.Integer()])),
    subject: Type.String({ minLength: 1 }),
    body: Type.Optional(Type.String()),
    text: Type.Optional(Type.String()),
    texts: Type.Optional(
      Type.Array(
        Type.Object({
          title: Type.Optional(Type.String()),
          formatType: Type.Optional(
            Type.Union([Type.Literal('RTF'), Type.Literal('XHTML'), Type.Literal('UNKNOWN')]),
          ),
          text: Type.String(),
        }),
      ),
    ),
    previousMessageId: Type.Optional(Type.String()),
    attachments: Type.Optional(
      Type.Array(
        Type.Object({ name: Type.String(), mimeType: Type.String(), contentBase64: Type.String() }),
      ),
    ),
    announce: Type.Optional(Type.Boolean()),
    /** When it was written, in milliseconds since 1970; now, unless told. */
    createdAt: Type.Optional(Type.Integer({ minimum: 0 })),
  }),
);

const poolBody = controlBody(
  Type.Object({
    outOfOffice: Type.Optional(Type.Boolean()),
    name: Type.Optional(Type.String({ minLength: 1 })),
    recipientAccess: Type.Optional(
      Type.Union([Type.Literal('GRANTED'), Type.Literal('DENIED_CONFIGURATION')]),
    ),
  }),
);

function controlRoutes(world: World): Route[] {
  return [
    route('GET', '/_mock/pools', () => json(200, [...world.population.pools.values()])),
    route('POST', '/_mock/pools/:id', (request) => {
      const { pools } = world.population;
      const id = request.segment('id');
      const changes = readControl(poolBody, request);
      const known = pools.get(id);
      if (known !== undefined) return json(200, Object.assign(known, changes));
      if (changes.name === undefined || !/^\d+$/.test(id)) {
        return json(404, { error: 'No such pool; one that is named is made.' });
      }
      const made: Pool = {
        id,
        name: changes.name,
        recipientAccess: changes.recipientAccess ?? 'GRANTED',
        outOfOffice: changes.outOfOffice ?? false,
      };
      pools.set(id, made);
      return json(201, made);
    }),
    route('GET', '/_mock/personnel', () => json(200, [...world.population.personnel.values()])),
    route('POST', '/_mock/inbox', (request) => writeToPatient(world, request)),
  ];
}

function writeToPatient(world: World, request: MockRequest): Answer {
  const letter = readControl(inboxBody, request);
  const patient = world.population.patients.get(String(letter.patientId));
  if (patient === undefined) return json(404, { error: 'No such patient.' });
  const previous = world.mailbox.byId.get(letter.previousMessageId ?? '');
  if (letter.previousMessageId !== undefined && previous === undefined) {
    return json(404, { error: 'No such previous message.' });
  }
  const { personnelSenderId, poolSenderId = '2000001', texts } = letter;
  const attachments = (letter.attachments ?? []).map(({ name, mimeType, contentBase64 }) => {
    const bytes = Buffer.from(contentBase64, 'base64');
    return referenceTo(keepMedia(world.media, { name, mimeType, bytes }, 0));
  });
  const stored = store(world.mailbox, {
    box: 'inbox',
    patientId: patient.ohPatientId,
    subject: letter.subject,
    createdAt: letter.createdAt ?? world.now(),
    sender:
      personnelSenderId === undefined
        ? { type: 'POOL', id: String(poolSenderId) }
        : { type: 'PERSONNEL', id: String(personnelSenderId) },
    receivers: [{ type: 'PERSON', receiverId: Number(patient.ohPatientId) }],
    attachments,
    previous,
    encounterId: patient.encounterId,
    text: letter.text ?? (texts === undefined ? rtfOf(letter.body ?? '') : undefined),
    ...(texts === undefined ? {} : { texts }),
    announced: letter.announce !== false,
  });
  if (stored.announced) world.announce(stored);
  return json(201, { ohMessageId: stored.id, referenceId: stored.referenceId });
}

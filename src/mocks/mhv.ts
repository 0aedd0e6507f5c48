/** MHV Secure Messaging as a mock server, behind its gateway and on its older base. */
import { Type } from '@sinclair/typebox';
import { type Answer, controlBody, json, type MockRequest, readControl } from './answer.ts';
import { type Door, type DoorOptions, openDoor } from './door.ts';
import { sha256 } from './media-store.ts';
import { findExchangeMessage, insertExchangeMessage } from './mhv-exchange.ts';
import { getAttachment, getObject, presign, putObject } from './mhv-files.ts';
import {
  createFromForm,
  createFromJson,
  messageStatus,
  readMessage,
  readThread,
} from './mhv-messages.ts';
import { checkGateway, GATEWAY_PATH, LEGACY_PATH, openSession } from './mhv-session.ts';
import { emptyMhv, type MhvMessage } from './mhv-state.ts';
import { listAllTeams, listTeams, syncStatus } from './mhv-teams.ts';
import { type Route, route } from './routes.ts';
import type { World } from './world.ts';

/** Opens the mock; the base that an exchange uses is the gateway's. */
export function openMhv(world: World, options: Pick<DoorOptions, 'port' | 'log'>): Promise<Door> {
  return openDoor({
    ...options,
    world,
    routes: [
      ...serviceRoutes(world, GATEWAY_PATH),
      ...serviceRoutes(world, LEGACY_PATH),
      route('PUT', '/objects/:id', (request) => putObject(world, request)),
      route('GET', '/objects/:id', (request) => getObject(world, request)),
    ],
    controls: controlRoutes(world),
    messages: () => [...world.mhv.messages.values()].map(shownMessage),
    reset: () => {
      world.mhv = { ...emptyMhv(), sessions: world.mhv.sessions };
    },
    maxBodyBytes: 32 * 1024 * 1024,
  });
}

type Operation = (world: World, request: MockRequest) => Answer | Promise<Answer>;

function serviceRoutes(world: World, base: string): Route[] {
  const operation = (method: string, path: string, handle: Operation): Route =>
    route(method, base + path, (request) => {
      checkGateway(request);
      return handle(world, request);
    });
  return [
    operation('GET', '/session', openSession),
    operation('POST', '/exchange/message', insertExchangeMessage),
    operation('GET', '/exchange/message', findExchangeMessage),
    operation('GET', '/exchange/ohsyncstatus', syncStatus),
    operation('POST', '/message', (_, request) => createFromJson(world, request, false)),
    operation('POST', '/message/attach', (_, request) => createFromForm(world, request, false)),
    operation('POST', '/message/:id/reply', (_, request) => createFromJson(world, request, true)),
    operation('POST', '/message/:id/reply/attach', (_, request) =>
      createFromForm(world, request, true),
    ),
    operation('GET', '/message/:id/read', readMessage),
    operation('GET', '/message/:id/messagesforthread', readThread),
    operation('GET', '/message/:id/status', messageStatus),
    operation('GET', '/message/:id/attachment/:attachmentId', getAttachment),
    operation('GET', '/attachment/presigned-url', presign),
    operation('GET', '/triageteam', listTeams),
    operation('GET', '/alltriageteams', listAllTeams),
  ];
}

function shownMessage(message: MhvMessage): object {
  const { files, sentAt, receivedAt, ...rest } = message;
  return {
    ...rest,
    ohMessageId: rest.ohMessageId ?? null,
    inReplyToOhMessageId: rest.inReplyToOhMessageId ?? null,
    conversationRootOhMessageId: rest.conversationRootOhMessageId ?? null,
    sentDate: new Date(sentAt).toISOString(),
    receivedAt: new Date(receivedAt).toISOString(),
    attachments: files.map(({ id, name, mimeType, bytes, lgAttachmentId }) => ({
      id,
      name,
      mimeType,
      size: bytes.byteLength,
      sha256: sha256(bytes, 'hex'),
      ...(lgAttachmentId === undefined ? {} : { lgAttachmentId }),
    })),
  };
}

const syncBody = controlBody(
  Type.Object({
    icn: Type.String(),
    status: Type.Union([
      Type.Literal('NOT_STARTED'),
      Type.Literal('STARTED'),
      Type.Literal('IN_PROGRESS'),
      Type.Literal('FINISHED'),
      Type.Literal('ERROR'),
    ]),
    error: Type.Optional(Type.String()),
  }),
);

const statusBody = controlBody(
  Type.Object({
    id: Type.Integer(),
    status: Type.Union([
      Type.Literal('IN_PROGRESS'),
      Type.Literal('SENT'),
      Type.Literal('FAILED'),
      Type.Literal('INVALID'),
      Type.Literal('UNKNOWN'),
      Type.Literal('NOT_SUPPORTED'),
    ]),
    ohSecureMessageId: Type.Optional(Type.String()),
    ohMessageId: Type.Optional(Type.String()),
  }),
);

function controlRoutes(world: World): Route[] {
  return [
    route('POST', '/_mock/expire', () => {
      const { sessions } = world.mhv;
      for (const session of sessions.values()) session.expiresAt = 0;
      return json(200, { expired: sessions.size });
    }),
    route('POST', '/_mock/sync', (request) => {
      const { icn, ...sync } = readControl(syncBody, request);
      world.mhv.syncByIcn.set(icn, sync);
      return json(200, sync);
    }),
    route('POST', '/_mock/status', (request) => {
      const { id, ...change } = readControl(statusBody, request);
      const message = world.mhv.messages.get(id);
      if (message === undefined) return json(404, { error: 'No such message.' });
      Object.assign(message, change);
      if (change.ohMessageId !== undefined)
        world.mhv.byOhMessageId.set(change.ohMessageId, message);
      return json(200, { id, ...change });
    }),
  ];
}

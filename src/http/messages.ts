/** The API by which MHV, or a person with cURL, sends to OH and sees where any message is. */
import { createHash } from 'node:crypto';
import { withHeaders } from '@elysiajs/openapi';
import { Elysia } from 'elysia';
import { ExchangeError } from '../errors.ts';
import type { Instant, Send } from '../message.ts';
import type {
  Idempotency,
  MessageFilter,
  MessageSummary,
  MessageView,
  Store,
} from '../store/store.ts';
import type { RequestTelemetry } from '../telemetry/requests.ts';
import { type ApiDoor, access } from './access.ts';
import { JSON_BODY } from './bounds.ts';
import {
  type MessageQuery,
  type MessageSummaryBody,
  type MessageViewBody,
  messageList,
  messageQuery,
  messageView,
  type SendBody,
  sendAnswer,
  sendBody,
} from './message-schemas.ts';
import { linkToNext, nextLink } from './paging.ts';
import { refusing } from './refusals.ts';
import { DEFAULT_PAGE, idOfMpi, locationOf } from './schemas.ts';

export interface MessagesOptions {
  store: Store;
  door: ApiDoor;
  /** Knows the trace that a send belongs to. */
  requests: RequestTelemetry;
}

const MAX_KEY_LENGTH = 255;

/** What the description says of each route. */
const details = {
  send: refusing(['idempotency-key-reused'], {
    operationId: 'sendMessage',
    summary: 'Send a message to Oracle Health',
    description:
      '202 after the commit. With an Idempotency-Key the same request gets the same answer and is sent once; another request under the same key is 422.',
    tags: ['Messages'],
    parameters: [
      {
        name: 'Idempotency-Key',
        in: 'header',
        description: 'Names the request for ever (draft-ietf-httpapi-idempotency-key-header)',
        schema: { type: 'string', minLength: 1, maxLength: MAX_KEY_LENGTH },
      },
    ],
  }),
  get: refusing(['not-found'], {
    operationId: 'getMessage',
    summary: 'Where a message is, with every attempt',
    tags: ['Messages'],
  }),
  list: {
    operationId: 'listMessages',
    summary: 'Find messages, newest first',
    tags: ['Messages'],
  },
};

/** `POST /messages`, `GET /messages`, `GET /messages/{id}`. */
export function messages({ store, door, requests }: MessagesOptions) {
  return new Elysia({ name: 'messages' })
    .use(access(door))
    .post(
      '/messages',
      async ({ body, request, set }) => {
        const send = toSend(body);
        const idempotency = idempotencyOf(request.headers, send);
        const traceparent = requests.traceparentOf(request);
        const { id } = await store.acceptSend(send, idempotency, traceparent);
        set.status = 202;
        set.headers['location'] = `/messages/${id}`;
        return { id, status: 'IN_PROGRESS' as const };
      },
      {
        scope: 'send',
        parse: JSON_BODY,
        body: sendBody,
        response: { 202: withHeaders(sendAnswer, { Location: locationOf('the message') }) },
        detail: details.send,
      },
    )
    .get(
      '/messages/:id',
      async ({ params }) => {
        const found = await store.find(params.id);
        if (!found) throw new ExchangeError('not-found', 'No message has this id.');
        return viewBody(found);
      },
      {
        scope: 'read',
        response: { 200: messageView },
        detail: details.get,
      },
    )
    .get(
      '/messages',
      async ({ query, request, set }) => {
        const cursor = query.cursor === undefined ? {} : { cursor: Number(query.cursor) };
        const page = { ...cursor, limit: Number(query.limit ?? DEFAULT_PAGE) };
        const { messages: found, next } = await store.list(toFilter(query), page);
        linkToNext(request, set.headers, next);
        return {
          messages: found.map(summaryBody),
          ...(next === undefined ? {} : { next: String(next) }),
        };
      },
      {
        scope: 'read',
        query: messageQuery,
        response: { 200: withHeaders(messageList, { Link: nextLink }) },
        detail: details.list,
      },
    );
}

function toSend(body: SendBody): Send {
  const { receivingPoolId, mhvMessageId, category, inReplyToOhMessageId, attachments } = body;
  return {
    icn: body.icn,
    subject: body.subject,
    body: body.body,
    receivingPoolId: String(receivingPoolId),
    ...(category === undefined ? {} : { category }),
    ...(inReplyToOhMessageId === undefined ? {} : { inReplyToOhMessageId }),
    ...(mhvMessageId === undefined ? {} : { mhvMessageId: String(mhvMessageId) }),
    ...filesOf(body),
    ...(body.cernerId === undefined ? {} : { ohPatientId: idOfMpi(body.cernerId) }),
    ...(attachments === undefined || attachments.length === 0 ? {} : { attachments }),
  };
}

function filesOf({ mhvMessageId, mhvCorrelationId, mhvAttachmentIds = [] }: SendBody) {
  if (mhvAttachmentIds.length === 0) return {};
  const missing = Object.entries({ mhvMessageId, mhvCorrelationId })
    .filter(([, id]) => id === undefined)
    .map(([name]) => ({ pointer: `/${name}`, detail: 'must be given with mhvAttachmentIds' }));
  if (missing.length > 0) {
    const detail = missing.map((fault) => `body${fault.pointer}: ${fault.detail}`).join('; ');
    throw new ExchangeError('invalid', detail, { faults: missing });
  }
  return {
    mhvAttachmentIds: mhvAttachmentIds.map(String),
    mhvCorrelationId: String(mhvCorrelationId),
  };
}

/** The digest is of the parsed request: white space and order of fields make no difference. */
function idempotencyOf(headers: Headers, send: Send): Idempotency | undefined {
  const key = headers.get('idempotency-key');
  if (key === null) return undefined;
  if (key === '' || key.length > MAX_KEY_LENGTH) {
    const detail = `Idempotency-Key must have 1 to ${MAX_KEY_LENGTH} characters.`;
    throw new ExchangeError('invalid', detail);
  }
  const requestDigest = createHash('sha256').update(JSON.stringify(send)).digest('hex');
  return { key, requestDigest };
}

function toFilter(query: MessageQuery): MessageFilter {
  const { cursor: _cursor, limit: _limit, since, until, ...same } = query;
  return {
    ...same,
    ...(since === undefined ? {} : { since: Date.parse(since) }),
    ...(until === undefined ? {} : { until: Date.parse(until) }),
  };
}

function summaryBody(message: MessageSummary): MessageSummaryBody {
  const { acceptedAt, settledAt, dueAt, ...same } = message;
  return {
    ...same,
    acceptedAt: rfc3339(acceptedAt),
    ...(settledAt === undefined ? {} : { settledAt: rfc3339(settledAt) }),
    ...(dueAt === undefined ? {} : { dueAt: rfc3339(dueAt) }),
  };
}

/** A message as the API shows it. */
export function viewBody({ attempts, events, ...summary }: MessageView): MessageViewBody {
  return {
    ...summaryBody(summary),
    attempts: attempts.map(({ startedAt, endedAt, ...same }) => ({
      ...same,
      startedAt: rfc3339(startedAt),
      ...(endedAt === undefined ? {} : { endedAt: rfc3339(endedAt) }),
    })),
    events: events.map(({ at, ...same }) => ({ ...same, at: rfc3339(at) })),
  };
}

/** An instant as every answer writes it. */
export function rfc3339(at: Instant): string {
  return new Date(at).toISOString();
}

/** Documents in quarantine: look at them, and take them in again. */
import { withHeaders } from '@elysiajs/openapi';
import { Value } from '@sinclair/typebox/value';
import { Elysia, t } from 'elysia';
import type { Extraction } from '../atom/extract.ts';
import { type Push, readPush } from '../atom/push.ts';
import { type DocumentFault, ExchangeError, faultOf } from '../errors.ts';
import { actorOf } from '../principal.ts';
import type { QuarantineSummary, QuarantineView, ReadAgain } from '../store/operator.ts';
import type { Store } from '../store/store.ts';
import { type ApiDoor, access } from './access.ts';
import { BYTES_BODY } from './bounds.ts';
import * as examples from './examples.ts';
import { rfc3339 } from './messages.ts';
import {
  actor,
  quarantineList,
  quarantineQuery,
  quarantineView,
  retryBody,
  takenAgain,
} from './operator-schemas.ts';
import { linkToNext, nextLink } from './paging.ts';
import { refusing } from './refusals.ts';
import { DEFAULT_PAGE } from './schemas.ts';

export interface QuarantineOptions {
  store: Store;
  door: ApiDoor;
  extraction: Extraction;
  /** Of an edited copy. */
  maxBytes: number;
}

const ATOM = 'application/atom+xml';

/** What the description says of each route. */
const details = {
  replay: refusing(['not-found', 'conflict', 'unsupported-media-type'], {
    operationId: 'replayQuarantined',
    summary: 'Take a document in again',
    description:
      'It is read by the present parser and configuration, and each entry is taken once. As application/atom+xml the body is an edited copy that is read in its place, kept beside it; the actor is then a query parameter. 400 or 422 when still nothing of it can be taken.',
    tags: ['Operator'],
    requestBody: {
      content: {
        'application/json': {
          schema: { type: 'object', properties: { actor: { type: 'string' } } },
          example: { actor: 'on-call@example.test' },
        },
        [ATOM]: { schema: { type: 'string', format: 'binary' }, example: examples.entry },
      },
    },
  }),
  list: {
    operationId: 'listQuarantined',
    summary: 'Documents in quarantine, newest first',
    tags: ['Operator'],
  },
  get: refusing(['not-found'], {
    operationId: 'getQuarantined',
    summary: 'What is wrong with a document',
    tags: ['Operator'],
  }),
  body: refusing(['not-found', 'conflict'], {
    operationId: 'getQuarantinedBody',
    summary: 'A document as it was pushed',
    description: 'After gunzip. 409 when it was purged.',
    tags: ['Operator'],
    responses: {
      200: {
        description: 'The bytes',
        content: {
          'application/octet-stream': {
            schema: { type: 'string', format: 'binary' },
            example: examples.entry,
          },
        },
      },
    },
  }),
};

/** `GET /quarantine`, `GET /quarantine/{id}` and its `/body`, `POST /quarantine/{id}/replay`. */
export function quarantine(options: QuarantineOptions) {
  const { store, door } = options;
  return new Elysia({ name: 'quarantine' })
    .use(access(door))
    .get(
      '/quarantine',
      async ({ query: { cursor, limit }, request, set }) => {
        const page = { limit: Number(limit ?? DEFAULT_PAGE), ...(cursor ? { cursor } : {}) };
        const { documents, next } = await store.operator.listQuarantined(page);
        linkToNext(request, set.headers, next);
        return { documents: documents.map(summaryBody), ...(next ? { next } : {}) };
      },
      {
        scope: 'read',
        query: quarantineQuery,
        response: { 200: withHeaders(quarantineList, { Link: nextLink }) },
        detail: details.list,
      },
    )
    .get(
      '/quarantine/:id',
      async ({ params }) => documentBody(await store.operator.findQuarantined(params.id)),
      {
        scope: 'read',
        response: { 200: quarantineView },
        detail: details.get,
      },
    )
    .get(
      '/quarantine/:id/body',
      async ({ params: { id }, principal }) => {
        const bytes = await store.operator.quarantinedBody(id);
        // Nobody sees it unless it is written down who did.
        const object = { kind: 'quarantined document', id };
        await store.audit.record({ actor: actorOf(principal), action: 'quarantine.view', object });
        return new Response(bytes, {
          headers: {
            'Content-Type': 'application/octet-stream',
            'Content-Disposition': `attachment; filename="${id}.xml"`,
          },
        });
      },
      {
        scope: 'operate',
        detail: details.body,
      },
    )
    .post(
      '/quarantine/:id/replay',
      async ({ params, query, body, request, principal, set }) => {
        const bytes = new Uint8Array(body as ArrayBuffer);
        const named = asked(options, request.headers, bytes, query.actor);
        const by = actorOf(principal, named.actor);
        const result = await takeAgain(options, params.id, { ...named, actor: by });
        set.status = 202;
        return result;
      },
      {
        scope: 'operate',
        parse: BYTES_BODY,
        query: t.Object({ actor: t.Optional(actor) }, { additionalProperties: false }),
        response: { 202: takenAgain },
        detail: details.replay,
      },
    );
}

type Asked = Pick<ReadAgain, 'actor' | 'edited'>;

/** What the request says of itself: an actor that it may name, and an edited copy. */
function asked(
  { maxBytes }: QuarantineOptions,
  headers: Headers,
  body: Uint8Array,
  named: string | undefined,
): Partial<Asked> {
  const contentType = headers.get('content-type') ?? '';
  const by = named === undefined ? {} : { actor: named };
  if (body.byteLength === 0) return by;
  const mediaType = contentType.split(';', 1)[0]?.trim().toLowerCase();
  if (mediaType === 'application/json') return { ...by, ...namedIn(body) };
  if (mediaType !== ATOM) {
    const detail = `Expected application/json, or ${ATOM} for an edited copy.`;
    throw new ExchangeError('unsupported-media-type', detail);
  }
  if (body.byteLength > maxBytes) {
    throw new ExchangeError('too-large', `An edited copy may have ${maxBytes} bytes.`);
  }
  return { ...by, edited: { body, contentType } };
}

function namedIn(body: Uint8Array): { actor?: string } {
  const parsed = parsedJson(body);
  if (Value.Check(retryBody, parsed)) return parsed;
  const faults = [...Value.Errors(retryBody, parsed)].map(({ path, schema, message }) => ({
    pointer: path || '/',
    detail: typeof schema['error'] === 'string' ? schema['error'] : message,
  }));
  const detail = faults.map((fault) => `body${fault.pointer}: ${fault.detail}`).join('; ');
  throw new ExchangeError('invalid', detail, { faults });
}

function parsedJson(body: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(body));
  } catch {
    throw new ExchangeError('malformed', 'The body is not valid JSON.');
  }
}

/**
 * Everything the feed would do with the document, but for its signature. ExchangeError when still nothing
 * of it can be taken; that it was tried is kept beside it.
 */
export async function takeAgain(
  options: Omit<QuarantineOptions, 'door'>,
  id: string,
  { actor: by, edited }: Asked,
) {
  const { operator } = options.store;
  const again = { actor: by, ...(edited ? { edited } : {}) };
  const { entries, tombstones, faults } = await readAgain(options, id, again);
  if (faults.length > 0 && entries.length === 0 && tombstones.length === 0) {
    await operator.noteFailedReplay(id, { ...again, faults });
    throw nothingTaken(faults);
  }
  const result = await operator.takeQuarantined(id, { ...again, entries, tombstones, faults });
  const { accepted, duplicates, rejected } = result;
  return { accepted, duplicates, rejected };
}

async function readAgain(
  { store: { operator }, extraction, maxBytes }: Omit<QuarantineOptions, 'door'>,
  id: string,
  again: Asked,
): Promise<Push> {
  const { contentType } = again.edited ?? (await operator.findQuarantined(id));
  const bytes = again.edited?.body ?? (await operator.quarantinedBody(id));
  try {
    return readPush(bytes, { extraction, contentType, limits: { maxBytes } });
  } catch (error) {
    if (!(error instanceof ExchangeError)) throw error;
    await operator.noteFailedReplay(id, { ...again, faults: [faultOf(error)] });
    throw error;
  }
}

function nothingTaken(faults: DocumentFault[]): ExchangeError {
  return new ExchangeError('invalid', 'No entry of the document can be taken.', {
    faults: faults.map(({ element = '/', detail }) => ({ pointer: element, detail })),
  });
}

function summaryBody(document: QuarantineSummary) {
  const { firstSeenAt, lastSeenAt, purgedAt, replayedAt, ...same } = document;
  return {
    ...same,
    firstSeenAt: rfc3339(firstSeenAt),
    lastSeenAt: rfc3339(lastSeenAt),
    ...(purgedAt === undefined ? {} : { purgedAt: rfc3339(purgedAt) }),
    ...(replayedAt === undefined ? {} : { replayedAt: rfc3339(replayedAt) }),
  };
}

function documentBody({ faults, replay, ...summary }: QuarantineView) {
  return { ...summaryBody(summary), faults, ...(replay ? { replay } : {}) };
}

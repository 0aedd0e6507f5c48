/** The webhook that OH pushes Atom documents to. */
import { Type } from '@sinclair/typebox';
import { Elysia, t } from 'elysia';
import type { Extraction } from '../atom/extract.ts';
import { gunzipBounded } from '../atom/gunzip.ts';
import { readPush } from '../atom/push.ts';
import { type DocumentFault, ExchangeError, faultOf } from '../errors.ts';
import type { QuarantinedDocument, Store } from '../store/store.ts';
import type { RequestTelemetry } from '../telemetry/requests.ts';
import { checkFeed, type FeedAuth } from './auth.ts';
import { checkLength, countedBytes } from './bounds.ts';
import * as examples from './examples.ts';
import { refusing } from './refusals.ts';

export interface FeedOptions {
  store: Store;
  auth: FeedAuth;
  extraction: Extraction;
  feedTopic?: string;
  maxBytes: number;
  /** Knows the trace that a push belongs to. */
  requests: RequestTelemetry;
}

const DOCUMENT = 'A pushed document';

/** Media types of Atom, and those under which XML is pushed when nobody set one. */
const MEDIA_TYPES = new Set(['application/atom+xml', 'application/xml', 'text/xml']);

const accepted = t.Object(
  {
    accepted: Type.Integer({ description: 'Entries that are now on disk' }),
    duplicates: Type.Integer({ description: 'Entries that were on disk already' }),
    rejected: Type.Integer({ description: 'Entries that went to quarantine' }),
  },
  { examples: [examples.pushed] },
);

/** For the description. */
const documents = Object.fromEntries(
  [...MEDIA_TYPES].map((mediaType) => [
    mediaType,
    { schema: { type: 'string' as const, format: 'binary' }, example: examples.entry },
  ]),
);

/** `POST /oh/feed` and its verification `GET`. */
export function feed(options: FeedOptions) {
  return new Elysia({ name: 'feed' })
    .post(
      '/oh/feed',
      async ({ request, set }) => {
        const result = await push(options, request);
        set.status = 202;
        return result;
      },
      {
        parse: 'none',
        response: { 202: accepted },
        detail: refusing(['unsupported-media-type', 'invalid', 'unauthorized'], {
          operationId: 'pushFeed',
          summary: 'Take a pushed Atom feed or entry',
          description:
            'application/atom+xml, gzip allowed. 202 after the commit. A malformed document is answered 400 and kept in quarantine.',
          tags: ['Oracle Health'],
          requestBody: { required: true, content: documents },
          security: [
            { feedToken: [] },
            { feedPassword: [] },
            { hubSignature: [] },
            { webhookSignature: [] },
          ],
        }),
      },
    )
    .get('/oh/feed', ({ query }) => confirm(options, query), {
      query: t.Object({
        'hub.mode': t.Union([t.Literal('subscribe'), t.Literal('unsubscribe')]),
        'hub.topic': t.String(),
        'hub.challenge': t.String({ maxLength: 1024 }),
        'hub.lease_seconds': t.Optional(t.String()),
      }),
      detail: refusing(['not-found'], {
        operationId: 'verifySubscription',
        summary: 'Verify the subscription (WebSub §5.3)',
        description: 'Echoes hub.challenge when the topic is ours, else 404.',
        tags: ['Oracle Health'],
        responses: {
          200: {
            description: 'hub.challenge',
            content: { 'text/plain': { schema: { type: 'string' }, example: 'k3y' } },
          },
        },
      }),
    });
}

function confirm(
  { feedTopic }: FeedOptions,
  query: { 'hub.topic': string; 'hub.challenge': string },
): Response {
  if (feedTopic !== undefined && query['hub.topic'] !== feedTopic) {
    throw new ExchangeError('not-found', 'The topic is not one of ours.');
  }
  return new Response(query['hub.challenge'], { headers: { 'Content-Type': 'text/plain' } });
}

/** Everything that can be refused is refused before anything is stored. */
async function push(options: FeedOptions, request: Request) {
  const { store, auth, maxBytes } = options;
  checkLength(request, maxBytes, DOCUMENT);
  const counted = await countedBytes(request, maxBytes, DOCUMENT);
  const raw = counted ?? new Uint8Array(await request.arrayBuffer());
  checkFeed(auth, request.headers, raw);
  const contentType = checkMediaType(request.headers.get('content-type'));
  const body = await decoded(raw, request.headers.get('content-encoding'), maxBytes);
  const { entries, tombstones, faults } = await readOrQuarantine(options, body, contentType);
  const quarantine = quarantined('entries', body, contentType, faults);
  const traceparent = options.requests.traceparentOf(request);
  const result = await store.acceptDocument({
    entries,
    tombstones,
    ...(traceparent === undefined ? {} : { traceparent }),
    ...(faults.length > 0 ? { quarantine } : {}),
  });
  return { ...result, rejected: faults.length };
}

function checkMediaType(contentType: string | null): string | undefined {
  const mediaType = contentType?.split(';', 1)[0]?.trim().toLowerCase();
  if (mediaType && !MEDIA_TYPES.has(mediaType)) {
    const detail = 'Expected application/atom+xml (or application/xml, text/xml).';
    throw new ExchangeError('unsupported-media-type', detail);
  }
  return contentType ?? undefined;
}

async function decoded(
  raw: Uint8Array,
  encoding: string | null,
  maxBytes: number,
): Promise<Uint8Array> {
  const coding = encoding?.trim().toLowerCase() ?? 'identity';
  if (coding === 'gzip' || coding === 'x-gzip') return gunzipBounded(raw, maxBytes);
  if (coding !== 'identity' && coding !== '') {
    const detail = 'Content-Encoding must be gzip or absent.';
    throw new ExchangeError('unsupported-media-type', detail);
  }
  return raw;
}

/** A document that can't be read is kept before it is refused. */
async function readOrQuarantine(
  { store, extraction, maxBytes }: FeedOptions,
  body: Uint8Array,
  contentType: string | undefined,
) {
  try {
    return readPush(body, { extraction, contentType, limits: { maxBytes } });
  } catch (error) {
    if (!(error instanceof ExchangeError)) throw error;
    await store.quarantine(quarantined('document', body, contentType, [faultOf(error)]));
    throw error;
  }
}

function quarantined(
  scope: QuarantinedDocument['scope'],
  body: Uint8Array,
  contentType: string | undefined,
  faults: DocumentFault[],
): QuarantinedDocument {
  return { scope, body, faults, ...(contentType ? { contentType } : {}) };
}

/** FHIR R4 reads: one resource by its reference, kept for a while, and pages of a search. */
import { z } from 'zod';
import { createCache } from '../cache.ts';
import { parseJson, readJson, unreadable } from '../json.ts';
import type { Instant } from '../message.ts';
import {
  type CallContext,
  type ClientTls,
  peerAt,
  UpstreamError,
  type UpstreamResponse,
} from '../upstream.ts';
import { type Authorizer, authorizedCall } from './authorized-call.ts';
import { refused } from './verdict.ts';

export interface FhirReaderOptions {
  /** Service root with the tenant, without a slash at the end; ids mean something only under it. */
  baseUrl: string;
  /** Absent for the open sandbox. */
  authorizer?: Authorizer;
  tls?: ClientTls;
  timeoutMs: number;
  now: () => Instant;
  /** How long a resource may be kept: combined patients can be uncombined. 15 minutes unless told. */
  cacheTtlMs?: number;
  /** How many resources of each type are kept; 1,000 unless told. */
  cacheMaxEntries?: number;
}

/** Reads one resource by id, from the cache if it is there. */
export type ReadById<T> = (id: string, context: CallContext) => Promise<T>;

export interface FhirReader {
  /**
   * A reader of one resource type with a cache of its own, keyed by service root, type and id. It
   * throws UpstreamError; 404 is `rejected`, `fhir:404`, and a deleted resource `fhir:410`.
   */
  byId<T>(type: string, schema: z.ZodType<T>): ReadById<T>;
  /** Reads one page of a search. */
  page<T>(url: string, schema: z.ZodType<T>, context: CallContext): Promise<T>;
  /** The type and id that a reference names, relative or under our service root; else undefined. */
  resolve(reference: string): { type: string; id: string } | undefined;
}

const DEFAULT_TTL_MS = 15 * 60 * 1000;
const DEFAULT_MAX_ENTRIES = 1000;
/** A read, a new token, the read again. */
const MAX_CALLS = 3;
const ID = /^[A-Za-z0-9.-]{1,64}$/;
const READ = { system: 'fhir', effect: 'read' } as const;

const outcomeSchema = z.object({
  resourceType: z.literal('OperationOutcome'),
  issue: z.array(z.object({ code: z.string().regex(/^[a-z-]{1,40}$/) })),
});

/** A reader for one service root. */
export function createFhirReader(options: FhirReaderOptions): FhirReader {
  const { baseUrl } = options;
  return {
    byId: (type, schema) => readerOf(options, type, schema),
    async page(url, schema, context) {
      return readJson(await get(options, url, context), schema, READ);
    },
    resolve(reference) {
      const path = reference.startsWith(`${baseUrl}/`)
        ? reference.slice(baseUrl.length + 1)
        : reference;
      const [, type, id] =
        /^([A-Za-z]+)\/([A-Za-z0-9.-]{1,64})(?:\/_history\/.*)?$/.exec(path) ?? [];
      return type === undefined || id === undefined ? undefined : { type, id };
    },
  };
}

function readerOf<T>(options: FhirReaderOptions, type: string, schema: z.ZodType<T>): ReadById<T> {
  const { now, timeoutMs, cacheTtlMs = DEFAULT_TTL_MS } = options;
  const maxEntries = options.cacheMaxEntries ?? DEFAULT_MAX_ENTRIES;
  const kept = createCache<T>({ maxEntries, now });
  return async (id, context) => {
    if (!ID.test(id)) throw invalidId();
    const url = `${options.baseUrl}/${type}/${id}`;
    return kept.get(url, async () => {
      // Others may wait for this read, so it must not end with the attempt that asked first.
      const shared = { ...context, signal: AbortSignal.timeout(timeoutMs * MAX_CALLS) };
      const response = await get(options, url, shared);
      const value = readJson(response, schema, READ);
      if (isOfAnother(value, id)) throw unreadable(response, READ);
      return { value, expiresAt: now() + cacheTtlMs };
    });
  };
}

/** A cache on the way that mixes two patients up must not make one's message the other's. */
function isOfAnother(value: unknown, id: string): boolean {
  return typeof value === 'object' && value !== null && 'id' in value && value.id !== id;
}

async function get(
  options: FhirReaderOptions,
  url: string,
  context: CallContext,
): Promise<UpstreamResponse> {
  const { timeoutMs, authorizer, now, baseUrl, tls } = options;
  const peer = peerAt(baseUrl, tls);
  const headers = { Accept: 'application/fhir+json' };
  const request = { ...READ, peer, method: 'GET', url, headers, timeoutMs, context } as const;
  const response = await authorizedCall(request, authorizer);
  if (response.status === 200) return response;
  throw refused(response, { ...READ, now: now(), detail: detailOf(response) });
}

/** What helps the vendor's support: issue codes and the request id, never text or a URL. */
function detailOf(response: UpstreamResponse): string {
  const outcome = outcomeSchema.safeParse(parseJson(response.text()));
  const codes = outcome.success ? outcome.data.issue.map(({ code }) => code) : [];
  const id = response.headers.get('x-request-id') ?? response.headers.get('opc-request-id') ?? '';
  const requestId = /^[\w./-]{1,100}$/.test(id) ? [`request id ${id}`] : [];
  return [...codes.slice(0, 5), ...requestId].join(', ');
}

function invalidId(): UpstreamError {
  const reason = 'An id is not one that FHIR R4 allows.';
  return new UpstreamError({ kind: 'rejected', code: 'fhir:invalid-id', reason });
}

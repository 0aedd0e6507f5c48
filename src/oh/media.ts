/**
 * Client of OH's media service, where the files of messages lie.
 *
 * ASSUMPTION: nobody has published this API; paths, fields and headers here are ours, and this is the
 * only file that knows them. Digests are those of RFC 9530.
 */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { readJson } from '../json.ts';
import type { Instant, MediaReference } from '../message.ts';
import {
  type CallContext,
  type ClientTls,
  peerAt,
  UpstreamError,
  type UpstreamResponse,
} from '../upstream.ts';
import { type Authorizer, authorizedCall } from './authorized-call.ts';
import { refused } from './verdict.ts';

export interface OhMediaOptions {
  /** URL that `/media` is appended to, without a slash at the end. */
  baseUrl: string;
  authorizer?: Authorizer;
  tls?: ClientTls;
  /** For one whole file. */
  timeoutMs: number;
  now: () => Instant;
  /** Largest file in bytes, either way; 25 MiB unless told. */
  maxBytes?: number;
}

interface OhFile {
  name: string;
  mimeType: string;
  bytes: Uint8Array<ArrayBuffer>;
  /** The same key for the same file of the same message gives the first upload's reference. */
  idempotencyKey: string;
}

/** Every method throws UpstreamError; none is ever `in-doubt`, since an upload can be repeated. */
export interface OhMedia {
  /** Stores a file; `rejected`, `media:too-large`, when it is over the bound. */
  upload(file: OhFile, context: CallContext): Promise<MediaReference>;
  /** Reads a file. Bytes that don't fit their digest are `retry`, `media:digest-mismatch`. */
  download(
    reference: MediaReference,
    context: CallContext,
  ): Promise<{ bytes: Uint8Array<ArrayBuffer>; mimeType: string }>;
}

const DEFAULT_MAX_BYTES = 25 * 1024 * 1024;
// The key makes a repeated upload harmless, so to the queue a lost answer is like that of a read.
const REPEATABLE = { system: 'media', effect: 'read' } as const;

const storedSchema = z.object({
  mediaIdentifier: z.string().min(1),
  mediaVersion: z.int().positive(),
});

/** A client for one media service. */
export function createOhMedia(options: OhMediaOptions): OhMedia {
  return {
    upload: (file, context) => upload(options, file, context),
    download: (reference, context) => download(options, reference, context),
  };
}

async function upload(
  options: OhMediaOptions,
  file: OhFile,
  context: CallContext,
): Promise<MediaReference> {
  const maxBytes = options.maxBytes ?? DEFAULT_MAX_BYTES;
  if (file.bytes.byteLength > maxBytes) {
    const reason = `A file is larger than ${maxBytes} bytes.`;
    throw new UpstreamError({ kind: 'rejected', code: 'media:too-large', reason });
  }
  const response = await authorizedCall(
    {
      ...REPEATABLE,
      peer: peerAt(options.baseUrl, options.tls),
      method: 'POST',
      url: `${options.baseUrl}/media?name=${encodeURIComponent(file.name)}`,
      headers: {
        Accept: 'application/json',
        'Content-Type': file.mimeType,
        'Content-Digest': `sha-256=:${digestOf('sha-256', file.bytes)}:`,
        'Idempotency-Key': file.idempotencyKey,
        'Cerner-Correlation-Id': context.correlationId,
      },
      body: file.bytes,
      timeoutMs: options.timeoutMs,
      context,
    },
    options.authorizer,
  );
  if (response.status !== 201 && response.status !== 200) {
    throw refused(response, { ...REPEATABLE, now: options.now() });
  }
  return { name: file.name, ...readJson(response, storedSchema, REPEATABLE) };
}

async function download(
  options: OhMediaOptions,
  reference: MediaReference,
  context: CallContext,
): Promise<{ bytes: Uint8Array<ArrayBuffer>; mimeType: string }> {
  const { mediaIdentifier, mediaVersion } = reference;
  const path = `${encodeURIComponent(mediaIdentifier)}/versions/${mediaVersion}`;
  const response = await authorizedCall(
    {
      ...REPEATABLE,
      peer: peerAt(options.baseUrl, options.tls),
      method: 'GET',
      url: `${options.baseUrl}/media/${path}`,
      headers: { 'Cerner-Correlation-Id': context.correlationId },
      timeoutMs: options.timeoutMs,
      maxBytes: options.maxBytes ?? DEFAULT_MAX_BYTES,
      context,
    },
    options.authorizer,
  );
  if (response.status !== 200) {
    throw refused(response, { ...REPEATABLE, now: options.now(), notFoundCode: 'media:not-found' });
  }
  checkDigest(response);
  const mimeType = response.headers.get('content-type')?.split(';', 1)[0]?.trim();
  return { bytes: response.body, mimeType: mimeType || 'application/octet-stream' };
}

/** Checks the bytes by each algorithm of Content-Digest that RFC 9530 holds to be strong. */
function checkDigest(response: UpstreamResponse): void {
  const header = response.headers.get('content-digest') ?? '';
  for (const [, algorithm, digest] of header.matchAll(/\b(sha-256|sha-512)=:([^:]*):/g)) {
    if (digest === digestOf(algorithm === 'sha-512' ? 'sha-512' : 'sha-256', response.body))
      continue;
    throw new UpstreamError({
      kind: 'retry',
      code: 'media:digest-mismatch',
      reason: 'The bytes of a file do not fit the digest they came with.',
      httpStatus: response.status,
    });
  }
}

function digestOf(algorithm: 'sha-256' | 'sha-512', bytes: Uint8Array): string {
  return createHash(algorithm.replace('-', '')).update(bytes).digest('base64');
}

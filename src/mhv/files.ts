/** Files of MHV messages: read, and put in MHV's object store when they are too large for the gateway. */
import { z } from 'zod';
import { readJson } from '../json.ts';
import type { CallContext, Peer, UpstreamRequest, UpstreamResponse } from '../upstream.ts';
import { call, peerAt, retryAfterMs, UpstreamError } from '../upstream.ts';
import type { MhvCaller, MhvOptions } from './calls.ts';

export interface MhvFile {
  bytes: Uint8Array<ArrayBuffer>;
  mimeType: string;
  name?: string;
}

/** Where to put a large file, and the id by which a message then refers to it. */
export interface MhvPresignedUrl {
  url: string;
  lgAttachmentId: string;
}

const MAX_FILE_BYTES = 25 * 1024 * 1024;
const BINARY = 'application/octet-stream';

/** A link is followed with none of our headers, and only to the origins that are configured. */
const linkSchema = z.url({ protocol: /^https?$/ });
const linkBodySchema = z.union([
  linkSchema.transform((url) => ({ url, mimeType: undefined, name: undefined })),
  z.object({ url: linkSchema, mimeType: z.string().nullish(), name: z.string().nullish() }),
]);

/** Reads one file of a message: from the answer itself, or from the short-lived link it holds. */
export async function readFile(
  options: MhvOptions,
  sessionCall: MhvCaller,
  ids: { messageId: string; attachmentId: string },
  context: CallContext,
): Promise<MhvFile> {
  const path = `/message/${encodeURIComponent(ids.messageId)}/attachment/${encodeURIComponent(ids.attachmentId)}`;
  const request = { method: 'GET', path, effect: 'read', maxBytes: MAX_FILE_BYTES } as const;
  const response = await sessionCall(request, context);
  if (mimeTypeOf(response) !== 'application/json') return fileIn(response);
  const link = readJson(response, linkBodySchema, { system: 'mhv', effect: 'read' });
  const file = fileIn(await callStore(options, { method: 'GET', url: link.url }, context));
  return {
    bytes: file.bytes,
    mimeType: link.mimeType ?? file.mimeType,
    ...(link.name == null ? nameOf(file) : { name: link.name }),
  };
}

/** Asks where to put a file; `fileName` must have an extension. The URL is good for ten minutes. */
export async function presign(
  sessionCall: MhvCaller,
  fileName: string,
  context: CallContext,
): Promise<MhvPresignedUrl> {
  const [, name, extension] = /^(.+)\.([^.]+)$/.exec(fileName) ?? [];
  if (name === undefined || extension === undefined) {
    const reason = 'A large file has no extension in its name.';
    throw new UpstreamError({ kind: 'rejected', code: 'mhv:no-file-extension', reason });
  }
  const query = `attachmentName=${encodeURIComponent(name)}&fileExtension=${encodeURIComponent(extension)}`;
  const path = `/attachment/presigned-url?${query}`;
  const response = await sessionCall({ method: 'GET', path, effect: 'read' }, context);
  const url = readJson(response, linkSchema, { system: 'mhv', effect: 'read' });
  return { url, lgAttachmentId: new URL(url).pathname.split('/').at(-1) ?? '' };
}

/** Puts the bytes where `presign` said. It may be repeated, so it is never in doubt. */
export async function put(
  options: MhvOptions,
  url: string,
  file: MhvFile,
  context: CallContext,
): Promise<void> {
  const headers = { 'Content-Type': file.mimeType };
  await callStore(options, { method: 'PUT', url, headers, body: file.bytes }, context);
}

/** One call to the object store. 403 is `retry`: the link has expired and another attempt gets a new one. */
async function callStore(
  options: MhvOptions,
  request: Pick<UpstreamRequest, 'method' | 'url' | 'headers' | 'body'>,
  context: CallContext,
): Promise<UpstreamResponse> {
  const response = await call({
    ...request,
    system: 'mhv-file',
    peer: storeAt(request.url, options),
    effect: 'read',
    timeoutMs: options.timeoutMs,
    maxBytes: MAX_FILE_BYTES,
    context,
  });
  const { status } = response;
  if (status >= 200 && status <= 299) return response;
  const waitMs = retryAfterMs(response.headers, options.now());
  throw new UpstreamError({
    kind: status >= 500 || [403, 408, 425, 429].includes(status) ? 'retry' : 'rejected',
    code: `mhv-file:${status}`,
    reason: `MHV's object store answered ${status}.`,
    httpStatus: status,
    ...(waitMs === undefined ? {} : { retryAfterMs: waitMs }),
  });
}

/** Our certificate is shown to MHV and to no store besides. */
function storeAt(url: string, { baseUrl, tls, fileOrigins = [] }: MhvOptions): Peer {
  const mhv = peerAt(baseUrl, tls);
  return mhv.origins.includes(new URL(url).origin) ? mhv : { origins: fileOrigins };
}

function fileIn(response: UpstreamResponse): MhvFile {
  const disposition = response.headers.get('content-disposition') ?? '';
  const name = /filename=(?:"([^"]*)"|([^;\s]+))/i.exec(disposition);
  return {
    bytes: response.body,
    mimeType: mimeTypeOf(response) || BINARY,
    ...nameOf({ name: name?.[1] ?? name?.[2] }),
  };
}

function nameOf(file: { name?: string | undefined }): { name?: string } {
  return file.name === undefined ? {} : { name: file.name };
}

function mimeTypeOf(response: UpstreamResponse): string {
  return response.headers.get('content-type')?.split(';', 1)[0]?.trim().toLowerCase() ?? '';
}

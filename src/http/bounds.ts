/** What a request may be, whatever it asks for: its address, and how long it is. */
import { ExchangeError } from '../errors.ts';

/** Largest pushed document, before and after gunzip. */
export const FEED_MAX_BYTES = 5 * 1024 * 1024;
/** Largest request at all: a message with 25 MiB of files in base64, and its text. */
const REQUEST_MAX_BYTES = 36 * 1024 * 1024;
/** Of the console, whose forms are read before it is known whose they are: an edited copy, percent-encoded. */
const FORM_MAX_BYTES = 2 * 1024 * 1024;
/** Beyond it Bun answers 413 by itself, without a problem document. */
export const SERVER_MAX_BYTES = 64 * 1024 * 1024;

/**
 * Throws ExchangeError `malformed` or `too-large` for what can be told before anything is read of the body. One
 * that does not say its length is counted where it is read.
 */
export function checkBounds(request: Request): void {
  checkAddress(request);
  if (!isOfConsole(request)) return checkLength(request, REQUEST_MAX_BYTES);
  checkLength(request, FORM_MAX_BYTES);
  checkHasLength(request);
}

/** Throws `too-large` when the request says that its body is. */
export function checkLength({ headers }: Request, maxBytes: number, what?: string): void {
  if (Number(headers.get('content-length') ?? 0) > maxBytes) throw tooLarge(maxBytes, what);
}

/** `parse` of a route that takes JSON. */
export const JSON_BODY = [
  async ({ request }: { request: Request }) => {
    const counted = await countedBytes(request, REQUEST_MAX_BYTES);
    // An empty one is Elysia's to judge: some routes need none.
    if (counted === undefined || counted.byteLength === 0) return undefined;
    return JSON.parse(new TextDecoder().decode(counted)) as unknown;
  },
  'json' as const,
];

/** `parse` of a route that takes bytes. */
export const BYTES_BODY = [
  async ({ request }: { request: Request }) => {
    const counted = await countedBytes(request, REQUEST_MAX_BYTES);
    return counted && new Uint8Array(counted).buffer;
  },
  'arrayBuffer' as const,
];

/**
 * The body of a request that does not say its length, read no further than it may be long, else `too-large`.
 * Undefined for one that says it, which `checkLength` has judged, and without a body.
 */
export async function countedBytes(
  request: Request,
  maxBytes: number,
  what?: string,
): Promise<Buffer<ArrayBuffer> | undefined> {
  // The length first: whoever looks at the body makes a stream of it.
  if (request.headers.has('content-length') || request.body === null) return undefined;
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of request.body) {
    size += chunk.byteLength;
    if (size > maxBytes) throw tooLarge(maxBytes, what);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** A path of the console, as against the API. */
export function isOfConsole({ url }: Request): boolean {
  return /^\/console(?:\/|$)/.test(URL.parse(url)?.pathname ?? '');
}

/** `Host` and target must make an address (RFC 9112 §3.3): a URL can't be had of them else. */
function checkAddress({ url }: Request): void {
  if (URL.canParse(url)) return;
  throw new ExchangeError('malformed', 'The header field Host names no host.');
}

/** Browsers say how long a form is. */
function checkHasLength({ headers }: Request): void {
  if (!headers.has('transfer-encoding')) return;
  throw new ExchangeError('malformed', 'The request does not say how long it is.');
}

function tooLarge(maxBytes: number, what = 'A request'): ExchangeError {
  return new ExchangeError('too-large', `${what} may have ${maxBytes} bytes.`);
}

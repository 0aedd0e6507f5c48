/** What every operation of Messaging REST checks first: authority, patient, and what may be answered. */
import iconv from 'iconv-lite';
import { type Answer, empty, header, type MockRequest, Refusal } from './answer.ts';
import type { Box } from './mailbox.ts';
import { verifyOAuth1 } from './oauth1.ts';
import type { Patient } from './population.ts';
import { bearerToken } from './tokens.ts';
import { settings, type World } from './world.ts';

const charsets = new Map([
  ['UTF-8', 'utf-8'],
  ['UTF-16', 'utf-16'],
  ['UTF-16BE', 'utf-16be'],
  ['UTF-16LE', 'utf-16le'],
]);

/**
 * Throws 401 without a good token or signature, 403 when the authority of the path is not the one that
 * the caller was let in for (a token's own, or the realm of an OAuth 1.0a header).
 */
export function checkAuthority(world: World, request: MockRequest): void {
  const authorization = header(request, 'authorization');
  let authority: string = settings.authority;
  if (/^OAuth\s/i.test(authorization ?? '')) {
    const verified = verifyOAuth1(world.tokens, request, world.now());
    if (verified === undefined) refuseUnauthorized('OAuth realm="messaging"');
    authority = verified.realm ?? authority;
  } else if (bearerToken(world.tokens, authorization, world.now()) === undefined) {
    refuseUnauthorized('Bearer realm="messaging"');
  }
  if (request.segment('authority') !== authority) throw new Refusal(empty(403));
}

function refuseUnauthorized(challenge: string): never {
  throw new Refusal(empty(401, { 'www-authenticate': challenge }));
}

/**
 * The patient of the path. Throws 404 when unknown or inactive; a combined patient is 301 to the
 * survivor where `moved` gives the rest of the Location, else 404 too.
 */
export function checkPatient(world: World, request: MockRequest, moved?: string): Patient {
  const patient = world.population.patients.get(request.segment('patientId'));
  if (patient === undefined) throw new Refusal(empty(404));
  if (patient.active) return patient;
  const survivor = survivorOf(world, patient);
  if (survivor === undefined || moved === undefined) throw new Refusal(empty(404));
  const location = `/${settings.authority}/patients/${survivor.ohPatientId}/${moved}`;
  throw new Refusal(empty(301, { location }));
}

function survivorOf(world: World, patient: Patient): Patient | undefined {
  let current: Patient | undefined = patient;
  for (let hops = 0; hops < 10 && current !== undefined; hops++) {
    if (current.active) return current;
    current =
      current.replacedBy === undefined
        ? undefined
        : world.population.patients.get(current.replacedBy);
  }
  return undefined;
}

/** Throws 406 unless the caller takes JSON (where `Accept` counts) in a charset that we can write. */
export function checkAccept(request: MockRequest, acceptCounts = true): string {
  const accept = header(request, 'accept');
  if (
    acceptCounts &&
    accept !== undefined &&
    !/(^|[\s,])(\*\/\*|application\/(json|\*))/i.test(accept)
  ) {
    throw new Refusal(empty(406));
  }
  const wanted = header(request, 'accept-charset');
  if (wanted === undefined) return 'UTF-8';
  for (const part of wanted.split(',')) {
    const name = (part.split(';')[0] ?? '').trim().toUpperCase();
    if (name === '*') return 'UTF-8';
    if (charsets.has(name)) return name;
  }
  throw new Refusal(empty(406));
}

/** A 200 in the charset wanted, which its Content-Type echoes. */
export function jsonIn(charset: string, value: unknown): Answer {
  const text = JSON.stringify(value);
  const body = charset === 'UTF-8' ? text : iconv.encode(text, charsets.get(charset) ?? 'utf-8');
  return { status: 200, headers: { 'content-type': `application/json;charset=${charset}` }, body };
}

/** The request's JSON text; throws 415 for another media type or charset and 400 for broken text. */
export function jsonText(request: MockRequest): string {
  const contentType = header(request, 'content-type') ?? '';
  const [mediaType = '', ...rest] = contentType.split(';');
  const charset = /charset\s*=\s*"?([^\s";]+)/i.exec(rest.join(';'))?.[1]?.toUpperCase() ?? 'UTF-8';
  const encoding = charsets.get(charset);
  if (mediaType.trim().toLowerCase() !== 'application/json' || encoding === undefined) {
    throw new Refusal(empty(415));
  }
  if (encoding !== 'utf-8') return iconv.decode(request.body, encoding);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(request.body);
  } catch {
    throw new Refusal(empty(400));
  }
}

/** A comma-separated path segment as a list; throws `status` when an item is empty. */
export function listOf(request: MockRequest, name: string, status: number): string[] {
  const items = request.segment(name).split(',');
  if (items.some((item) => item.trim() === '')) throw new Refusal(empty(status));
  return items;
}

/** Path of a message below the service, colons percent-encoded. */
export function messagePath(patientId: string, box: Box, messageId: string): string {
  return `/${settings.authority}/patients/${patientId}/${box}/messages/${encodeURIComponent(messageId)}`;
}

/** Messaging's base URL, up to and with `/service`. */
export function messagingBase(world: World): string {
  return `${world.origins.messaging}/messaging/${settings.authority}/service`;
}

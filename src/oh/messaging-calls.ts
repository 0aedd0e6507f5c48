/** The calls under every Messaging REST operation: headers, refusals, and patients that were combined. */
import type { Instant } from '../message.ts';
import {
  type CallContext,
  type ClientTls,
  peerAt,
  UpstreamError,
  type UpstreamResponse,
} from '../upstream.ts';
import { type Authorizer, authorizedCall } from './authorized-call.ts';
import type { Survivors } from './survivors.ts';
import { refused } from './verdict.ts';

export interface OhMessagingOptions {
  /** The server's URL up to and with `/service`, without a slash at the end. */
  baseUrl: string;
  /** Millennium authority: first segment of every path. */
  authority: string;
  authorizer?: Authorizer;
  tls?: ClientTls;
  timeoutMs: number;
  now: () => Instant;
  /** Length of one window of a list, in days, from 1 to 90; 90 unless told. */
  windowDays?: number;
  /** A window with more messages than this is read again in halves; 500 unless told. */
  maxPerWindow?: number;
}

/** The options, and what the client has learned. */
export interface MessagingAccess extends OhMessagingOptions {
  survivors: Survivors;
}

const MAX_HOPS = 5;

/** URL of a path under the authority. A list of ids is one segment; ids are encoded, colons as %3A. */
export function urlOf(
  options: OhMessagingOptions,
  segments: (string | string[])[],
  query = '',
): string {
  const path = [options.authority, ...segments]
    .map((segment) => [segment].flat().map(encodeURIComponent).join(','))
    .join('/');
  return `${options.baseUrl}/${path}${query}`;
}

/** Headers of every call. UTF-8 is asked for because other charsets may be answered. */
export function headersOf(context: CallContext): Record<string, string> {
  return {
    Accept: 'application/json',
    'Accept-Charset': 'UTF-8',
    'Cerner-Correlation-Id': context.correlationId,
  };
}

/** Reads; gives the answer when its status is 200, else throws the verdict. */
export async function get(
  options: OhMessagingOptions,
  url: string,
  context: CallContext,
  notFoundCode?: string,
): Promise<UpstreamResponse> {
  const response = await read(options, url, context);
  if (response.status !== 200) throw refusedRead(options, response, notFoundCode);
  return response;
}

/**
 * Reads something of a patient. A patient who was combined into another is answered with 301: the
 * survivor's id is taken from `Location` and the URL rebuilt by `urlFor`, because the printed paths
 * lose message ids and can name another host, which is never called. At most 5 hops, and a survivor
 * is remembered. The answer's patient comes back with it.
 */
export async function getOfPatient(
  options: MessagingAccess,
  patientId: string,
  urlFor: (patientId: string) => string,
  context: CallContext,
): Promise<{ response: UpstreamResponse; patientId: string }> {
  const seen = new Set<string>();
  let current = options.survivors.of(patientId);
  while (!seen.has(current)) {
    if (seen.size > MAX_HOPS) throw unreachable('The patient was combined too many times over.');
    seen.add(current);
    const response = await read(options, urlFor(current), context);
    if (response.status === 200) {
      if (current !== patientId) options.survivors.remember(patientId, current);
      return { response, patientId: current };
    }
    const survivor = response.status === 301 ? patientOf(response.headers) : undefined;
    if (survivor === undefined) {
      options.survivors.forget(patientId);
      throw refusedRead(options, response, 'oh:patient-unknown');
    }
    current = survivor;
  }
  throw unreachable('The patient was combined in a circle.');
}

function read(
  options: OhMessagingOptions,
  url: string,
  context: CallContext,
): Promise<UpstreamResponse> {
  const { timeoutMs, authorizer, baseUrl, tls } = options;
  const peer = peerAt(baseUrl, tls);
  const headers = headersOf(context);
  return authorizedCall(
    { system: 'oh', peer, method: 'GET', url, headers, timeoutMs, effect: 'read', context },
    authorizer,
  );
}

/** The patient id in a `Location`, relative or absolute. */
function patientOf(headers: Headers): string | undefined {
  const path = headers.get('location')?.split('?', 1)[0] ?? '';
  const segment = /\/patients\/([^/]+)(?:\/|$)/.exec(path)?.[1];
  try {
    return segment === undefined ? undefined : decodeURIComponent(segment);
  } catch {
    return undefined;
  }
}

function refusedRead(
  options: OhMessagingOptions,
  response: UpstreamResponse,
  notFoundCode: string | undefined,
): UpstreamError {
  return refused(response, {
    system: 'oh',
    effect: 'read',
    now: options.now(),
    ...(notFoundCode === undefined ? {} : { notFoundCode }),
  });
}

function unreachable(reason: string): UpstreamError {
  const code = 'oh:patient-combined';
  return new UpstreamError({ kind: 'rejected', code, reason, httpStatus: 301 });
}

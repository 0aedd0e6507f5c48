import type { Instant } from '../message.ts';
import { retryAfterMs, UpstreamError, type UpstreamResponse } from '../upstream.ts';
import { type ErrorBody, readErrorBody } from './error-body.ts';
import { type ErrorAction, errorCodeOf } from './error-codes.ts';

type Kind = 'retry' | 'in-doubt' | 'rejected';

/**
 * The verdict on an answer of MHV that is not a success, by error code first and HTTP status second.
 * What only a corrected configuration can help (101, 102, 132, the gateway's 401 and 403) is `retry`:
 * the queue must outlast a wrong token and not dead-letter its messages one by one. A failed service,
 * 5xx or a body that says nothing is `retry` after a read and `in-doubt` after a write.
 */
export function refused(
  response: UpstreamResponse,
  facts: { effect: 'read' | 'write'; now: Instant },
): UpstreamError {
  const body = readErrorBody(response);
  const verdict = byErrorCode(body, facts.effect) ?? byStatus(response.status, body, facts.effect);
  const waitMs = retryAfterMs(response.headers, facts.now);
  return new UpstreamError({
    kind: verdict.kind,
    code: `mhv:${body.errorCode ?? response.status}`,
    reason: `MHV answered ${response.status}: ${verdict.meaning}.`,
    httpStatus: response.status,
    ...(waitMs === undefined ? {} : { retryAfterMs: waitMs }),
  });
}

/** Whether MHV asks for a new session (108, 109, 110). */
export function needsNewSession(response: UpstreamResponse): boolean {
  const { errorCode, messageNotFound } = readErrorBody(response);
  if (errorCode === undefined) return false;
  return errorCodeOf(errorCode, messageNotFound)?.action === 'new-session';
}

/** Whether MHV says that what was asked for does not exist: 115, or 404 without a code. */
export function isUnknown(response: UpstreamResponse): boolean {
  const { errorCode } = readErrorBody(response);
  return errorCode === undefined ? response.status === 404 : errorCode === 115;
}

function byErrorCode(
  body: ErrorBody,
  effect: 'read' | 'write',
): { kind: Kind; meaning: string } | undefined {
  if (body.errorCode === undefined) return undefined;
  const known = errorCodeOf(body.errorCode, body.messageNotFound);
  if (!known) return undefined;
  const { kind, hint } = byAction(effect)[known.action];
  return { kind, meaning: `${known.meaning}${hint}` };
}

function byAction(effect: 'read' | 'write'): Record<ErrorAction, { kind: Kind; hint: string }> {
  return {
    permanent: { kind: 'rejected', hint: '' },
    configuration: { kind: 'retry', hint: '; check the configuration' },
    'new-session': { kind: 'rejected', hint: ', and a new session did not help' },
    retry: { kind: 'retry', hint: '' },
    unsure: { kind: effect === 'write' ? 'in-doubt' : 'retry', hint: '' },
  };
}

function byStatus(
  status: number,
  body: ErrorBody,
  effect: 'read' | 'write',
): { kind: Kind; meaning: string } {
  const unsure = effect === 'write' ? 'in-doubt' : 'retry';
  if (status >= 500) return { kind: unsure, meaning: 'it is in trouble' };
  if (status === 401 || status === 403) {
    const meaning = 'the gateway does not accept our credentials; check the configuration';
    return { kind: 'retry', meaning };
  }
  if (status === 429) return { kind: 'retry', meaning: 'it asks us to slow down' };
  if (status === 408 || status === 425) return { kind: 'retry', meaning: 'it was not ready' };
  if (status === 404) return { kind: 'rejected', meaning: 'what was asked for is unknown there' };
  if (status === 413) return { kind: 'rejected', meaning: 'the request is too large' };
  if (status === 415) return { kind: 'rejected', meaning: 'the media type is not supported' };
  if (body.readable) return { kind: 'rejected', meaning: 'the request is refused' };
  return { kind: unsure, meaning: 'the body does not say why' };
}

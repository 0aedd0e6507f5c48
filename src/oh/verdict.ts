import type { Instant } from '../message.ts';
import { retryAfterMs, UpstreamError, type UpstreamResponse } from '../upstream.ts';

/** What a refusal of Oracle Health depends on besides its status. */
export interface RefusalFacts {
  system: string;
  effect: 'read' | 'write';
  now: Instant;
  /** Code of a 404 where it says what is unknown; else `{system}:404`. */
  notFoundCode?: string;
  /** Words to add to the reason, free of patient data. */
  detail?: string;
}

const sentences: Partial<Record<number, string>> = {
  400: 'the request breaks a rule of its contract',
  403: 'our credentials do not fit the authority or tenant; check the configuration',
  404: 'what was asked for is unknown there',
  406: 'it cannot answer in the media type or charset we accept',
  409: 'the request is based on a stale version',
  413: 'the request is too large',
  415: 'it does not support the media type or charset of the request',
  422: 'the request cannot be processed as it is',
  429: 'it asks us to slow down',
};

/**
 * The verdict on an answer that is not the one wanted. 403 is `retry` because a fault of
 * configuration must not dead-letter messages; 408, 425 and 429 had no effect; 5xx is `retry` for a
 * read and `in-doubt` for a write; every other status is `rejected`, unfollowed redirects included.
 */
export function refused(response: UpstreamResponse, facts: RefusalFacts): UpstreamError {
  const { status } = response;
  const { system, detail } = facts;
  const waitMs = retryAfterMs(response.headers, facts.now);
  const sentence = sentences[status] ?? (status >= 500 ? 'it is in trouble' : 'unexpected');
  return new UpstreamError({
    kind: kindOf(status, facts.effect),
    code: status === 404 ? (facts.notFoundCode ?? `${system}:404`) : `${system}:${status}`,
    reason: `${system} answered ${status}: ${sentence}${detail ? ` (${detail})` : ''}.`,
    httpStatus: status,
    ...(waitMs === undefined ? {} : { retryAfterMs: waitMs }),
  });
}

function kindOf(status: number, effect: 'read' | 'write'): 'retry' | 'in-doubt' | 'rejected' {
  if (status >= 500) return effect === 'write' ? 'in-doubt' : 'retry';
  return [403, 408, 425, 429].includes(status) ? 'retry' : 'rejected';
}

/** What an attempt says of the destination, apart from what it says of its message. Pure. */
import type { Outcome, Outgoing } from '../message.ts';
import type { Lane } from '../store/store.ts';
import type { Duplicate } from './attempt.ts';
import type { Failure } from './breaker.ts';

/** `answered`: it did its work, if only to refuse this one message. Undefined: nothing can be told. */
export type Verdict = 'answered' | Omit<Failure, 'messageId'> | undefined;

/**
 * The verdict on the lane's destination: MHV for deliveries to it, else Oracle Health with its FHIR and
 * token servers. Of others it says nothing: the media service serves only messages with files, and its
 * trouble must not hold up the rest.
 */
export function verdictOn(lane: Lane, result: Outcome | Outgoing | Duplicate): Verdict {
  // A duplicate may be known without a call.
  if ('direction' in result) return 'answered';
  if (result.kind === 'duplicate' || result.kind === 'postponed') return undefined;
  if (result.kind === 'delivered') return 'answered';
  const { kind, code, httpStatus, retryAfterMs } = result;
  if (!speaksOf(lane, code)) return undefined;
  if (kind === 'rejected') return httpStatus === undefined ? undefined : 'answered';
  if (!isTrouble(kind, code, httpStatus)) return undefined;
  const slowDown = httpStatus === 429 || retryAfterMs !== undefined;
  return { code, slowDown, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) };
}

function speaksOf({ stage, direction }: Lane, code: string): boolean {
  const [system = ''] = code.split(':', 1);
  const isToMhv = stage === 'outbox' && direction === 'oh-to-mhv';
  return isToMhv ? system === 'mhv' : ['oh', 'fhir', 'auth'].includes(system);
}

/**
 * No answer, 5xx, a failed service behind MHV (9xx), or a 4xx that a client calls worth a retry: too
 * many requests, not ready, or a fault of configuration.
 */
function isTrouble(kind: 'retry' | 'in-doubt', code: string, httpStatus = 0): boolean {
  if (/:(timeout|no-connection|connection-lost|tls|unauthorized)$/.test(code)) return true;
  if (/^mhv:9\d\d$/.test(code)) return true;
  return httpStatus >= 500 || (kind === 'retry' && httpStatus >= 400);
}

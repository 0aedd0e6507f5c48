/** The token that binds calls to one MHV user, and calls made with it. */

import { type Cache, createCache, type Loaded } from '../cache.ts';
import { type CallContext, UpstreamError, type UpstreamResponse } from '../upstream.ts';
import { isSuccess, type MhvCaller, type MhvOptions, type MhvRequest, mhvCall } from './calls.ts';
import { needsNewSession, refused } from './verdict.ts';

export interface MhvSessionOptions extends MhvOptions {
  /** How long before its end a session is renewed; one minute unless told. */
  renewBeforeMs?: number;
  /** How many sessions are kept; 1,000 unless told. */
  maxSessions?: number;
}

const DEFAULT_RENEW_BEFORE_MS = 60_000;
const DEFAULT_MAX_SESSIONS = 1000;

/**
 * Gives the calls of any user. A user has one session, opened once however many calls wait for it and
 * renewed shortly before it ends. On error code 108, 109 or 110 a new one is opened once and the
 * call repeated once. A session that can't be opened never leaves a write in doubt.
 */
export function createSessionCalls(
  options: MhvSessionOptions,
): (mhvCorrelationId: string) => MhvCaller {
  const maxEntries = options.maxSessions ?? DEFAULT_MAX_SESSIONS;
  const tokens = createCache<string>({ maxEntries, now: options.now });
  return (user) => async (request, context) => {
    const first = await tokenOf(options, tokens, user, context);
    const response = await mhvCall(options, withToken(request, first), context);
    if (isSuccess(response)) return response;
    if (!needsNewSession(response)) throw refusedCall(options, response, request.effect);
    tokens.drop(user, first);
    const second = await tokenOf(options, tokens, user, context);
    const repeated = await mhvCall(options, withToken(request, second), context);
    if (isSuccess(repeated)) return repeated;
    throw refusedCall(options, repeated, request.effect);
  };
}

function tokenOf(
  options: MhvSessionOptions,
  tokens: Cache<string>,
  user: string,
  context: CallContext,
): Promise<string> {
  // Other calls may wait for this session, so it must not end with the attempt that asked first.
  const shared = { ...context, signal: AbortSignal.timeout(options.timeoutMs) };
  return tokens.get(user, () => open(options, user, shared));
}

async function open(
  options: MhvSessionOptions,
  user: string,
  context: CallContext,
): Promise<Loaded<string>> {
  if (!/^\d+$/.test(user)) {
    const reason = 'An MHV correlation id is not all digits.';
    throw new UpstreamError({ kind: 'rejected', code: 'mhv:invalid-correlation-id', reason });
  }
  const headers = { appToken: options.appToken, mhvCorrelationId: user };
  const request = { method: 'GET', path: '/session', headers, effect: 'read' } as const;
  const response = await mhvCall(options, request, context);
  if (!isSuccess(response)) throw refusedCall(options, response, 'read');
  const token = response.headers.get('token');
  const endsAt = Date.parse(response.headers.get('expires') ?? '');
  if (!token || Number.isNaN(endsAt)) {
    const reason = 'MHV opened a session but did not give its token and its end.';
    throw new UpstreamError({ kind: 'retry', code: 'mhv:session-unreadable', reason });
  }
  const expiresAt = endsAt - (options.renewBeforeMs ?? DEFAULT_RENEW_BEFORE_MS);
  return { value: token, expiresAt };
}

function withToken(request: MhvRequest, token: string): MhvRequest {
  return { ...request, headers: { ...request.headers, Token: token } };
}

function refusedCall(
  options: MhvSessionOptions,
  response: UpstreamResponse,
  effect: 'read' | 'write',
): UpstreamError {
  return refused(response, { effect, now: options.now() });
}

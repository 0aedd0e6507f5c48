import type { CallContext, UpstreamRequest, UpstreamResponse } from '../upstream.ts';
import { call, UpstreamError } from '../upstream.ts';

/** Gives the Authorization header of each call. */
export interface Authorizer {
  /**
   * The value of the Authorization header for this request. Throws UpstreamError `retry` when no
   * token can be had: whatever the reason, the request itself was not sent.
   */
  authorization(request: { method: string; url: string }, context: CallContext): Promise<string>;
  /** Says that `refused` was answered with 401, so that the next call gets another one. */
  renew(refused: string): void;
}

/**
 * Makes one call with the Authorization header; without an authorizer the call is open. After a 401
 * the authorization is renewed once and the call repeated once. A second 401 is a fault of
 * configuration, not of the message: UpstreamError `retry`, code `{system}:unauthorized`, so that a
 * wrong secret dead-letters nothing before the attempts are spent.
 */
export async function authorizedCall(
  request: UpstreamRequest,
  authorizer: Authorizer | undefined,
): Promise<UpstreamResponse> {
  if (!authorizer) return refuseUnauthorized(await call(request), request.system);
  const first = await authorizer.authorization(request, request.context);
  const response = await call(withAuthorization(request, first));
  if (response.status !== 401) return response;
  authorizer.renew(first);
  const second = await authorizer.authorization(request, request.context);
  return refuseUnauthorized(await call(withAuthorization(request, second)), request.system);
}

function withAuthorization(request: UpstreamRequest, authorization: string): UpstreamRequest {
  return { ...request, headers: { ...request.headers, Authorization: authorization } };
}

function refuseUnauthorized(response: UpstreamResponse, system: string): UpstreamResponse {
  if (response.status !== 401) return response;
  throw new UpstreamError({
    kind: 'retry',
    code: `${system}:unauthorized`,
    reason: `${system} does not accept our credentials; check the configuration.`,
    httpStatus: 401,
  });
}

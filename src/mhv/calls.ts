import type { Instant } from '../message.ts';
import {
  type CallContext,
  type ClientTls,
  call,
  peerAt,
  type UpstreamRequest,
  type UpstreamResponse,
} from '../upstream.ts';

export interface MhvOptions {
  /** URL that ends before `/session`, without a slash at the end. */
  baseUrl: string;
  appToken: string;
  /** Sent with every call when MHV is reached through its API gateway. */
  apiKey?: string;
  tls?: ClientTls;
  /** Where MHV may say that files lie, besides its own origin. */
  fileOrigins?: readonly string[];
  timeoutMs: number;
  now: () => Instant;
}

/** One call, its path relative to the base URL. */
export type MhvRequest = Pick<UpstreamRequest, 'method' | 'headers' | 'body' | 'effect'> & {
  path: string;
  maxBytes?: number;
};

/** Makes calls under one kind of credentials and throws the verdict on all but success. */
export type MhvCaller = (request: MhvRequest, context: CallContext) => Promise<UpstreamResponse>;

/** Makes one call to MHV, whatever it answers. */
export function mhvCall(
  options: MhvOptions,
  request: MhvRequest,
  context: CallContext,
): Promise<UpstreamResponse> {
  const { path, headers, ...rest } = request;
  const { apiKey, timeoutMs, baseUrl, tls } = options;
  return call({
    ...rest,
    system: 'mhv',
    peer: peerAt(baseUrl, tls),
    url: `${baseUrl}${path}`,
    headers: {
      Accept: 'application/json',
      ...(apiKey === undefined ? {} : { 'x-api-key': apiKey }),
      ...headers,
    },
    timeoutMs,
    context,
  });
}

/** Whether the answer is a success; MHV creates with 200. */
export function isSuccess(response: UpstreamResponse): boolean {
  return response.status >= 200 && response.status <= 299;
}

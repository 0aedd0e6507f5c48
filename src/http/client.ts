/** Where a request comes from, also behind proxies. */
import type { Server } from 'bun';

/** The client as far as it can be known. */
interface Client {
  /** IP address; of the last proxy that is not trusted, when there are some. */
  address: string;
  /** Whether the client speaks TLS, to us or to a trusted proxy. */
  isSecure: boolean;
}

/** Says where a request comes from. */
export type ClientOf = (request: Request, server: Server<unknown> | null) => Client;

/**
 * Believes the last `trustedProxies` entries of `X-Forwarded-For`, and `X-Forwarded-Proto`, when there are
 * such proxies: what stands before them anybody can write.
 */
export function createClientOf(trustedProxies: number): ClientOf {
  return (request, server) => {
    const peer = server?.requestIP(request)?.address ?? 'unknown';
    const isTls = request.url.startsWith('https:');
    if (trustedProxies === 0) return { address: peer, isSecure: isTls };
    const hops = wordsOf(request.headers.get('x-forwarded-for'));
    const protocols = wordsOf(request.headers.get('x-forwarded-proto'));
    return {
      address: hops.at(-trustedProxies) ?? peer,
      isSecure: isTls || protocols.at(-1) === 'https',
    };
  };
}

function wordsOf(header: string | null): string[] {
  return (header ?? '').split(',').map((word) => word.trim());
}

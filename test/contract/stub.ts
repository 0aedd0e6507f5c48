/** A proxy before a server that gives any answers, also those that break a contract. */
import { type Loopback, type Seen, serve } from '../oh/loopback.ts';
import { type Proxy, startProxy } from './proxy.ts';
import { checks } from './setup.ts';

const AUTHORIZED = { Authorization: 'Bearer zztest' };
const SESSION = { Token: 'zztest', 'x-api-key': 'zztest' };

/** A proxy before a server that gives these answers. */
export async function before(
  contract: keyof typeof checks,
  answer: (request: Seen) => Response,
): Promise<{ proxy: Proxy; server: Loopback } & AsyncDisposable> {
  const server = serve(answer);
  const proxy = await startProxy(checks[contract], server.url);
  return {
    proxy,
    server,
    async [Symbol.asyncDispose]() {
      await proxy.stop();
      server[Symbol.dispose]();
    },
  };
}

/** Sends one request with a proof of the caller, and gives what the proxy found. */
export async function violationsOf(
  contract: keyof typeof checks,
  answer: () => Response,
  path: string,
  init: RequestInit = {},
): Promise<string[]> {
  await using run = await before(contract, answer);
  const headers = contract === 'messaging' ? AUTHORIZED : SESSION;
  const { origin } = run.proxy;
  const sent = { ...init, headers: { ...headers, ...(init.headers as Record<string, string>) } };
  await fetch(origin + path, { redirect: 'manual', ...sent });
  return run.proxy.violations;
}

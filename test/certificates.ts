/** Certificates made for a test, and a server on loopback that shows one. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generate } from 'selfsigned';
import { afterwards } from './afterwards.ts';

export interface Pems {
  cert: string;
  key: string;
}

const LIFETIME_MS = 30 * 86_400_000;
const EC = { keyType: 'ec', curve: 'P-256' } as const;

/** A certificate authority that nobody knows yet. */
export async function authority(name = 'ZZTEST CA'): Promise<Pems> {
  const made = await generate([{ name: 'commonName', value: name }], {
    ...EC,
    extensions: [{ name: 'basicConstraints', cA: true, critical: true }],
  });
  return { cert: made.cert, key: made.private };
}

/** A certificate of the authority, for a server on 127.0.0.1 or for a client; good until then, since 30 days before. */
export async function issued(ca: Pems, name: string, until?: Date): Promise<Pems> {
  const made = await generate([{ name: 'commonName', value: name }], {
    ...EC,
    ca,
    ...(until
      ? { notBeforeDate: new Date(until.getTime() - LIFETIME_MS), notAfterDate: until }
      : {}),
    extensions: [{ name: 'subjectAltName', altNames: [{ type: 7, ip: '127.0.0.1' }] }],
  });
  return { cert: made.cert, key: made.private };
}

/** Writes files in a folder of the test, and gives their paths. */
export function inFiles<Name extends string>(texts: Record<Name, string>): Record<Name, string> {
  const folder = mkdtempSync(join(tmpdir(), 'sm-exchange-tls-'));
  afterwards(() => rmSync(folder, { recursive: true, force: true }));
  const written = Object.entries<string>(texts).map(([name, text]) => {
    const path = join(folder, name);
    writeFileSync(path, text);
    return [name, path] as const;
  });
  return Object.fromEntries(written) as Record<Name, string>;
}

/** Answers over TLS; with `clientCa` only to those who show a certificate of it. */
export function serveTls(
  own: Pems,
  answer: (request: Request) => Response | Promise<Response>,
  clientCa?: string,
): { url: string } {
  const mutual = clientCa
    ? { ca: clientCa, requestCert: true, rejectUnauthorized: true }
    : undefined;
  const server = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    tls: { ...own, ...mutual },
    fetch: answer,
  });
  afterwards(() => server.stop(true));
  return { url: server.url.origin };
}

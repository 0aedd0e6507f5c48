/** The way to a server, step by step: its name, the connection, TLS. Nothing is asked of the server. */
import { lookup } from 'node:dns/promises';
import { connect } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import type { ClientTls } from '../../src/upstream.ts';

/** How far one gets. `code` is the system's or OpenSSL's, such as `ENOTFOUND`. */
export type Line =
  | { ends: 'nowhere'; step: 'name' | 'connection' | 'tls'; code: string }
  | { ends: 'server'; certificateUntil?: number };

/** Goes to the origin of `url`, within `timeoutMs` for each step. A proxy is not asked. */
export async function lineTo(url: string, timeoutMs: number, tls: ClientTls = {}): Promise<Line> {
  const { protocol, hostname, port } = new URL(url);
  const host = hostname.replaceAll(/^\[|\]$/g, '');
  const isTls = protocol === 'https:';
  const to = { host, port: Number(port) || (isTls ? 443 : 80) };
  try {
    await bounded(lookup(host), timeoutMs);
  } catch (error) {
    return { ends: 'nowhere', step: 'name', code: codeOf(error) };
  }
  try {
    await connection(to, timeoutMs);
  } catch (error) {
    return { ends: 'nowhere', step: 'connection', code: codeOf(error) };
  }
  if (!isTls) return { ends: 'server' };
  try {
    return await handshake({ ...to, ...tls }, timeoutMs);
  } catch (error) {
    return { ends: 'nowhere', step: 'tls', code: codeOf(error) };
  }
}

async function connection(to: { host: string; port: number }, timeoutMs: number): Promise<void> {
  const socket = connect(to);
  try {
    const open = new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve).once('error', reject);
    });
    await bounded(open, timeoutMs);
  } finally {
    socket.destroy();
  }
}

/** A certificate that is not trusted still says when it ends, but the line ends there. */
async function handshake(
  to: ClientTls & { host: string; port: number },
  timeoutMs: number,
): Promise<Line> {
  // An address is no server name (RFC 6066 §3).
  const servername = /^[\d.]+$|:/.test(to.host) ? {} : { servername: to.host };
  const socket = connectTls({ ...to, ...servername, rejectUnauthorized: false });
  try {
    const shaken = new Promise<TLSSocket>((resolve, reject) => {
      socket.once('secureConnect', () => resolve(socket)).once('error', reject);
    });
    await bounded(shaken, timeoutMs);
    const { authorizationError } = socket;
    if (authorizationError) {
      return { ends: 'nowhere', step: 'tls', code: codeOf(authorizationError) };
    }
    const until = Date.parse(socket.getPeerCertificate().valid_to);
    return { ends: 'server', ...(Number.isNaN(until) ? {} : { certificateUntil: until }) };
  } finally {
    socket.destroy();
  }
}

async function bounded<T>(work: Promise<T>, timeoutMs: number): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => late.reject(Object.assign(new Error('late'), { code: 'ETIMEDOUT' })),
    timeoutMs,
  );
  try {
    return await Promise.race([work, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

function codeOf(error: unknown): string {
  if (typeof error === 'string') return error;
  const code: unknown =
    typeof error === 'object' && error !== null ? Reflect.get(error, 'code') : undefined;
  return typeof code === 'string' ? code : 'unknown';
}

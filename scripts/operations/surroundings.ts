/** What is around the file: the process that serves, and the backups beside it. */
import { readdirSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { z } from 'zod';
import type { LocalConfig } from '../../src/config.ts';
import { certificateFault } from '../../src/upstream.ts';
import { finding } from './file.ts';
import { type Finding, lasting } from './finding.ts';

const READY_TIMEOUT_MS = 3000;
const BACKUP_LOOK_MS = 24 * 3_600_000;

const readySchema = z.object({ polledBy: z.string() });
const problemSchema = z.object({ detail: z.string() });

/** Asks the exchange at `url`, or where the configuration says it listens, whether it is ready. */
export async function processFinding(config: LocalConfig, url?: string): Promise<Finding> {
  const host = ['0.0.0.0', '::'].includes(config.HOST) ? '127.0.0.1' : config.HOST;
  const scheme = config.TLS_CERT_FILE === undefined ? 'http' : 'https';
  const origin = url ?? `${scheme}://${host.includes(':') ? `[${host}]` : host}:${config.PORT}`;
  const asked = `${origin.replace(/\/$/, '')}/health/ready`;
  try {
    const answer = await fetch(asked, {
      signal: AbortSignal.timeout(READY_TIMEOUT_MS),
      // Asked by its address, which no certificate names; nothing secret is said.
      tls: { rejectUnauthorized: url !== undefined },
    });
    const body: unknown = await answer.json().catch(() => undefined);
    const ready = readySchema.safeParse(body);
    if (answer.ok && ready.success) {
      return finding('process', 'ok', `${asked}: ready, polled by ${ready.data.polledBy}`);
    }
    const problem = problemSchema.safeParse(body);
    const why = problem.success ? problem.data.detail : 'not the answer of an exchange';
    return finding('process', 'bad', `${asked} answers ${answer.status}: ${why}`, 'see its log');
  } catch (error) {
    const fault = certificateFault(error);
    if (fault !== undefined) {
      const next =
        'name its CA in NODE_EXTRA_CA_CERTS, or leave --url out: HOST and PORT are asked';
      return finding(
        'process',
        'bad',
        `the certificate at ${origin} is not trusted (${fault})`,
        next,
      );
    }
    const next = 'start it; if it listens elsewhere, say HOST and PORT, or --url';
    return finding('process', 'bad', `nobody answers at ${asked}`, next);
  }
}

/** The newest copy in `folder`, or by the name that `backup` gives beside the file. */
export function backupFinding(path: string, folder: string | undefined, now: number): Finding {
  const stem = basename(path).replace(/\.db$/, '');
  const isOurs = (name: string) =>
    name.endsWith('.db') &&
    name !== basename(path) &&
    (folder !== undefined || new RegExp(`^${RegExp.escape(stem)}-\\d{8}T\\d{6}Z\\.db$`).test(name));
  const where = folder ?? dirname(path);
  const next = 'bun run backup; if they lie elsewhere, say --backups FOLDER';
  const newest = newestOf(where, isOurs);
  if (newest === undefined) return finding('backup', 'look', `none is known in ${where}`, next);
  const found = `the newest in ${where} is of ${lasting(now - newest)} ago`;
  return now - newest > BACKUP_LOOK_MS
    ? finding('backup', 'look', found, next)
    : finding('backup', 'ok', found);
}

function newestOf(folder: string, isOurs: (name: string) => boolean): number | undefined {
  try {
    const times = readdirSync(folder)
      .filter(isOurs)
      .map((name) => statSync(join(folder, name)).mtimeMs);
    return times.length === 0 ? undefined : Math.max(...times);
  } catch {
    return undefined;
  }
}

/** Programs of this project as processes, with mocks on loopback and a folder of their own. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Mocks, startMocks } from '../../src/mocks/mocks.ts';
import { afterwards } from '../afterwards.ts';

const ROOT = join(import.meta.dir, '..', '..');
export type Program = ReturnType<typeof run>;

/** Starts a script with nothing but this environment; it is gone before what it uses is. */
export function run(
  script: string,
  env: Record<string, string>,
  args: string[] = [],
  stdin?: string,
) {
  const child = Bun.spawn([process.execPath, join(ROOT, script), ...args], {
    cwd: ROOT,
    env: { PATH: process.env['PATH'] ?? '', ...env },
    stdio: [stdin === undefined ? 'ignore' : new Blob([stdin]), 'pipe', 'pipe'],
  });
  afterwards(async () => {
    child.kill('SIGKILL');
    await child.exited;
  });
  return child;
}

/** The one JSON line that a program prints when it is ready. */
export async function readyLine(child: Program): Promise<Record<string, string>> {
  const reader = child.stdout.getReader();
  const { value } = await reader.read();
  reader.releaseLock();
  return JSON.parse(new TextDecoder().decode(value)) as Record<string, string>;
}

export interface Ended {
  status: number;
  /** Standard output, then standard error. */
  out: string;
}

/** Waits for its end. */
export async function endOf(child: Program): Promise<Ended> {
  const [out, error, status] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  return { status, out: `${out}${error}` };
}

export interface Town {
  mocks: Mocks;
  folder: string;
  databasePath: string;
  /** What an exchange, and the programs beside it, need. */
  env: Record<string, string>;
  get: <T>(url: string) => Promise<T>;
  post: (url: string, body: unknown) => Promise<Response>;
}

/** Mocks, and a folder in which there is no database yet. */
export async function town(): Promise<Town> {
  const folder = mkdtempSync(join(tmpdir(), 'sm-exchange-program-'));
  afterwards(() => rmSync(folder, { recursive: true, force: true }));
  const mocks = await startMocks();
  afterwards(() => mocks.stop());
  const databasePath = join(folder, 'fresh', 'exchange.db');
  return {
    mocks,
    folder,
    databasePath,
    env: { ...mocks.env, AUTH: 'none', PORT: '0', DATABASE_PATH: databasePath },
    get: async <T>(url: string) => (await (await fetch(url)).json()) as T,
    post: (url, body) =>
      fetch(url, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify(body),
      }),
  };
}

/** The exchange as a process of its own, so that it can be killed. */
import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const ROOT = join(import.meta.dir, '..', '..');
const MAIN = join(ROOT, 'src', 'main.ts');
const READY_TIMEOUT_MS = 30_000;
/** A stop that takes longer becomes a kill. */
const STOP_TIMEOUT_MS = 15_000;

export interface Running {
  url: string;
  /** From spawn to the line that says it listens. */
  startMs: number;
  /** SIGKILL, then waits for the end. */
  kill(): Promise<void>;
  /** SIGTERM, then waits for the end; returns the exit status. */
  stop(): Promise<number>;
}

export interface StartOptions {
  env: Record<string, string>;
  /** Standard error goes to the end of this file. */
  logPath: string;
  /** Command that runs the exchange, such as a tracer. */
  prefix?: string[];
  /** Module that is loaded before the exchange. */
  preload?: string;
}

/** Starts `src/main.ts`; throws with the end of its log when it does not listen within 30 s. */
export async function startExchange(options: StartOptions): Promise<Running> {
  const began = performance.now();
  const child = spawn(options);
  const url = await urlFrom(child);
  if (url === undefined) {
    child.kill('SIGKILL');
    await child.exited;
    throw new Error(
      `The exchange did not start: ${readFileSync(options.logPath, 'utf8').slice(-500)}`,
    );
  }
  const end = async (signal: 'SIGKILL' | 'SIGTERM'): Promise<number> => {
    child.kill(signal);
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS);
    const status = await child.exited;
    clearTimeout(timer);
    return status;
  };
  return {
    url,
    startMs: performance.now() - began,
    kill: async () => void (await end('SIGKILL')),
    stop: () => end('SIGTERM'),
  };
}

/** Starts `src/main.ts` and kills it after so many milliseconds, ready or not. */
export async function killWhileStarting(options: StartOptions, afterMs: number): Promise<void> {
  const child = spawn(options);
  await Bun.sleep(afterMs);
  child.kill('SIGKILL');
  await child.exited;
}

/** Starts `src/main.ts` where it is expected to end by itself; returns its exit status. */
export async function exitOfExchange(options: StartOptions): Promise<number> {
  const child = spawn(options);
  const timer = setTimeout(() => child.kill('SIGKILL'), READY_TIMEOUT_MS);
  const status = await child.exited;
  clearTimeout(timer);
  return status;
}

function spawn({ env, logPath, prefix = [], preload }: StartOptions) {
  const flags = preload === undefined ? [] : ['--preload', preload];
  const log = openSync(logPath, 'a');
  try {
    return Bun.spawn([...prefix, process.execPath, ...flags, MAIN], {
      cwd: ROOT,
      env: { PATH: process.env['PATH'] ?? '', ...env },
      stdio: ['ignore', 'pipe', log],
    });
  } finally {
    closeSync(log);
  }
}

/** The `url` of the first line; undefined when the process ended, or was ended for being late. */
async function urlFrom(child: ReturnType<typeof spawn>): Promise<string | undefined> {
  const timer = setTimeout(() => child.kill('SIGKILL'), READY_TIMEOUT_MS);
  const decoder = new TextDecoder();
  let text = '';
  try {
    for await (const chunk of child.stdout) {
      text += decoder.decode(chunk, { stream: true });
      const end = text.indexOf('\n');
      if (end >= 0) return (JSON.parse(text.slice(0, end)) as { url: string }).url;
    }
    return undefined;
  } finally {
    clearTimeout(timer);
  }
}

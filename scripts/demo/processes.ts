/** Child processes of the demo and the benchmarks: each prints one JSON line when it is ready. */
import { openSync } from 'node:fs';
import { join } from 'node:path';

export interface Running {
  /** The JSON line. */
  ready: Record<string, string>;
  pid: number;
  /** SIGTERM, then waits for the end; returns the exit status. */
  stop(): Promise<number>;
}

const ROOT = join(import.meta.dir, '..', '..');
const READY_TIMEOUT_MS = 15_000;

/** Starts a script of this project; its log goes to `{name}.log` in `folder`. */
export async function start(
  name: string,
  script: string,
  folder: string,
  env: Record<string, string>,
  args: string[] = [],
): Promise<Running> {
  const log = join(folder, `${name}.log`);
  const child = Bun.spawn([process.execPath, join(ROOT, script), ...args], {
    cwd: ROOT,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', openSync(log, 'a')],
  });
  const ready = await Promise.race([firstLine(child.stdout), Bun.sleep(READY_TIMEOUT_MS)]);
  if (!ready) {
    child.kill('SIGKILL');
    throw new Error(`${name} did not get ready; see ${log}`);
  }
  return {
    ready: JSON.parse(ready) as Record<string, string>,
    pid: child.pid,
    async stop() {
      child.kill('SIGTERM');
      return child.exited;
    },
  };
}

async function firstLine(stream: ReadableStream<Uint8Array>): Promise<string | undefined> {
  const decoder = new TextDecoder();
  let text = '';
  for await (const chunk of stream) {
    text += decoder.decode(chunk, { stream: true });
    const end = text.indexOf('\n');
    if (end >= 0) return text.slice(0, end);
  }
  return undefined;
}

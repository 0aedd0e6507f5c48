/** Which processes have a file open, as far as this user may see. */
import { readdirSync, readFileSync, readlinkSync, realpathSync } from 'node:fs';

export interface OpenIn {
  pid: number;
  /** First word of its command line, without its folder. */
  program: string;
}

/** Other processes that have the file open; undefined where there is no /proc to ask. */
export function processesWith(path: string): OpenIn[] | undefined {
  try {
    const file = realpathSync(path);
    return readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
      .filter((pid) => hasOpen(pid, file))
      .map((pid) => ({ pid: Number(pid), program: programOf(pid) }));
  } catch {
    return undefined;
  }
}

function hasOpen(pid: string, file: string): boolean {
  try {
    return readdirSync(`/proc/${pid}/fd`).some((fd) => linkOf(`/proc/${pid}/fd/${fd}`) === file);
  } catch {
    // Somebody else's process, or one that has ended meanwhile.
    return false;
  }
}

function linkOf(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}

function programOf(pid: string): string {
  try {
    const [word = ''] = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
    return word.split('/').at(-1) || 'unknown';
  } catch {
    return 'unknown';
  }
}

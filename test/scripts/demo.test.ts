/** `bun run demo`, and the Ctrl-C that its reader presses: it comes from the terminal, and again from `bun run`. */
import { expect, test } from 'bun:test';
import { existsSync } from 'node:fs';
import { type Program, run } from './setup.ts';

/** Reads on until the line is there; gives the folder of the demo. */
async function read(child: Program, line: string): Promise<string> {
  const decoder = new TextDecoder();
  const reader = child.stdout.getReader();
  let text = '';
  while (!text.includes(line)) {
    const { value, done } = await reader.read();
    if (done) throw new Error(`It ended before it said: ${line}`);
    text += decoder.decode(value, { stream: true });
  }
  reader.releaseLock();
  return /(\S+)\/exchange\.db/.exec(text)?.[1] ?? '';
}

test.each([
  ['while its story is told', '/exchange.db', 130],
  ['once it has told its story', 'Ctrl-C stops everything', 0],
])(
  'Ctrl-C %s stops everything and removes the file',
  async (_when, line, status) => {
    const child = run('scripts/demo.ts', {});
    const folder = await read(child, line);
    expect(existsSync(folder)).toBe(true);
    while (child.exitCode === null && child.signalCode === null) {
      child.kill('SIGINT');
      await Bun.sleep(20);
    }
    expect(await child.exited).toBe(status);
    expect(existsSync(folder)).toBe(false);
  },
  60_000,
);

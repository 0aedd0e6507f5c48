/**
 * Runs every command of the README's `console` blocks against a demo and compares what they print
 * with what the README shows, but for ids and times. UPDATE_README=1 writes what they print instead.
 */
import { afterAll, beforeAll, expect, test } from 'bun:test';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const ROOT = join(import.meta.dir, '..');
const README = join(ROOT, 'README.md');
const BLOCK = /```console( numbers-vary)?\n([\s\S]*?)```/g;
const SENTINEL = '\u001e';

/** Ports that the README names, in the order of the demo's processes. */
const EXCHANGE_PORT = 3000;
const MOCKS_PORT = 4000;

let folder: string;
let demo: Bun.Subprocess<'ignore', 'pipe', 'inherit'>;
let printed = '';

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'sm-exchange-readme-'));
  writeSqlite3(folder);
  demo = Bun.spawn([process.execPath, join(ROOT, 'scripts/demo.ts')], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, PORT: '0', MOCKS_PORT: '0' },
  });
  const decoder = new TextDecoder();
  for await (const chunk of demo.stdout) {
    printed += decoder.decode(chunk, { stream: true });
    if (printed.includes('Ctrl-C')) break;
  }
}, 30_000);

afterAll(async () => {
  demo.kill('SIGTERM');
  await demo.exited;
  rmSync(folder, { recursive: true, force: true });
});

/** Not every machine has the sqlite3 shell; this prints as it does with -header. */
function writeSqlite3(into: string): void {
  const script = `#!${process.execPath}
import Database from '${join(ROOT, 'node_modules/better-sqlite3')}';
const [, path, sql] = process.argv.slice(2);
const rows = new Database(path, { readonly: true }).prepare(sql).raw();
const all = rows.all();
const cell = (value) => value === null ? '' : typeof value === 'number' && rows.columns().length && !Number.isInteger(value) ? value.toFixed(1) : String(value);
if (all.length > 0) console.log([rows.columns().map(({ name }) => name), ...all].map((row) => row.map(cell).join('|')).join('\\n'));
`;
  const file = join(into, 'sqlite3');
  writeFileSync(file, script);
  chmodSync(file, 0o755);
}

interface Command {
  command: string;
  shown: string;
  doNumbersVary: boolean;
}

function commandsOf(readme: string): Command[] {
  const commands: Command[] = [];
  for (const [, vary, block = ''] of readme.matchAll(BLOCK)) {
    for (const line of block.split('\n').slice(0, -1)) {
      const last = commands.at(-1);
      if (line.startsWith('$ ')) {
        commands.push({ command: line.slice(2), shown: '', doNumbersVary: vary !== undefined });
      } else if (line.startsWith('> ') && last) last.command += `\n${line.slice(2)}`;
      else if (last) last.shown += `${line}\n`;
    }
  }
  return commands;
}

/** The README's ports to the demo's, and back. */
function ports(): [string, string][] {
  const port = (pattern: RegExp) => pattern.exec(printed)?.[1] ?? '';
  const api = port(/^Exchange +http:\/\/[^:]+:(\d+)/m);
  const messaging = port(/OH messaging http:\/\/[^:]+:(\d+)/);
  const feed = port(/OH feed http:\/\/[^:]+:(\d+)/);
  const mhv = port(/MHV http:\/\/[^:]+:(\d+)/);
  return [
    [String(EXCHANGE_PORT), api],
    [String(MOCKS_PORT), messaging],
    [String(MOCKS_PORT + 3), feed],
    [String(MOCKS_PORT + 4), mhv],
  ];
}

async function runAll(commands: Command[]): Promise<string[]> {
  let script = commands.map(({ command }) => `${command}\nprintf '${SENTINEL}'`).join('\n');
  for (const [shown, real] of ports()) {
    script = script.replaceAll(
      new RegExp(`(localhost|127\\.0\\.0\\.1):${shown}\\b`, 'g'),
      `$1:${real}`,
    );
  }
  const path = /SQLite +(\S+)/.exec(printed)?.[1] ?? '';
  const shell = Bun.spawn(['bash'], {
    cwd: folder,
    env: { ...process.env, DB: path, PATH: `${folder}:${process.env['PATH']}` },
    stdio: [new Blob([script]), 'pipe', 'inherit'],
  });
  let out = await new Response(shell.stdout).text();
  for (const [shown, real] of ports()) out = out.replaceAll(`:${real}`, `:${shown}`);
  return out.split(SENTINEL).slice(0, -1).map(endWithNewline);
}

function endWithNewline(text: string): string {
  const clean = text.replaceAll('\r', '').replace(/\n+$/, '');
  return clean === '' ? '' : `${clean}\n`;
}

function withoutIdsAndTimes(text: string, doNumbersVary: boolean): string {
  const plain = text
    .replaceAll(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g, 'ID')
    .replaceAll(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z/g, 'TIME');
  return doNumbersVary ? plain.replaceAll(/\d+(\.\d+)?/g, 'N') : plain;
}

test('the walk and the cookbook print what the README shows', async () => {
  const readme = await Bun.file(README).text();
  const commands = commandsOf(readme);
  expect(commands.length).toBeGreaterThan(25);
  const outputs = await runAll(commands);
  if (process.env['UPDATE_README'] === '1') {
    let index = -1;
    const updated = readme.replaceAll(BLOCK, (_block, vary: string | undefined, body: string) => {
      const lines = body
        .split('\n')
        .filter((line) => line.startsWith('$ ') || line.startsWith('> '));
      const shown = lines.map((line, at) => {
        if (line.startsWith('$ ')) index += 1;
        const isLast = !lines[at + 1]?.startsWith('> ');
        return `${line}\n${isLast ? outputs[index] : ''}`;
      });
      return `\`\`\`console${vary ?? ''}\n${shown.join('')}\`\`\``;
    });
    await Bun.write(README, updated);
    return;
  }
  const normal = ({ doNumbersVary }: Command, text = '') => withoutIdsAndTimes(text, doNumbersVary);
  expect(commands.map((one, at) => `$ ${one.command}\n${normal(one, outputs[at])}`)).toEqual(
    commands.map((one) => `$ ${one.command}\n${normal(one, one.shown)}`),
  );
}, 60_000);

test('the README names every variable the exchange reads, and no other', async () => {
  const readme = await Bun.file(README).text();
  const config = await Bun.file(join(ROOT, 'src/environment.ts')).text();
  const table = readme.slice(readme.indexOf('## Configuration'), readme.indexOf('## Limits'));
  const named = [...table.matchAll(/`([A-Z][A-Z0-9_]{3,})`/g)].map((match) => match[1]);
  const read = [...config.matchAll(/^ {2}([A-Z][A-Z0-9_]+): /gm)].map((match) => match[1]);
  expect(new Set(named)).toEqual(new Set(read));
});

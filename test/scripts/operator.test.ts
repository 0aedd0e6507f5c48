/** `bun run operator`: who may log in at the console. */
import { expect, test } from 'bun:test';
import { join } from 'node:path';
import { setup } from '../http/setup.ts';

const SCRIPT = join(import.meta.dir, '..', '..', 'scripts', 'operator.ts');
const PASSWORD = 'correct horse battery staple';

async function run(path: string, args: string[], typed = '', env: Record<string, string> = {}) {
  const child = Bun.spawn([process.execPath, SCRIPT, ...args], {
    env: { PATH: process.env['PATH'] ?? '', DATABASE_PATH: path, USER: 'root', ...env },
    stdio: [new Blob([typed]), 'pipe', 'pipe'],
  });
  const out = await new Response(child.stdout).text();
  const err = await new Response(child.stderr).text();
  return { status: await child.exited, out, err };
}

test('an operator is added, logs in, gets another password, and is disabled', async () => {
  const { url, path, query } = setup({ mode: 'required' });
  const logIn = async (password: string) => {
    const body = new URLSearchParams({ name: 'ann', password });
    const init = { method: 'POST', redirect: 'manual', body } as const;
    return (await fetch(`${url}/console/login`, init)).status;
  };
  expect(await run(path, ['add', 'ann', '--role', 'viewer'], `${PASSWORD}\n`)).toEqual({
    status: 0,
    out: '',
    err: '',
  });
  expect(await logIn(PASSWORD)).toBe(303);
  const another = { OPERATOR_PASSWORD: `${PASSWORD} too` };
  expect((await run(path, ['password', 'ann'], '', another)).status).toBe(0);
  expect(await logIn(PASSWORD)).toBe(401);
  expect(await logIn(`${PASSWORD} too`)).toBe(303);
  expect((await run(path, ['disable', 'ann'])).status).toBe(0);
  expect(await logIn(`${PASSWORD} too`)).toBe(401);
  expect((await run(path, ['list'])).out).toMatch(/^ann {2}viewer {2}added \S+ {2}disabled \S+\n$/);
  expect(query("SELECT action FROM audit WHERE actor = 'terminal:root'")).toEqual([
    { action: 'operator.add' },
    { action: 'operator.password' },
    { action: 'operator.disable' },
  ]);
  const [row] = query<{ password_hash: string }>('SELECT password_hash FROM operators');
  expect(row?.password_hash).toStartWith('$argon2id$');
}, 30_000);

test.each([
  [['add', 'ann', '--role', 'chief'], PASSWORD, 64],
  [['add', 'ann', '--role', 'viewer'], 'short', 65],
  [['add', 'ann', '--role', 'viewer'], '', 65],
  [['add', 'an n', '--role', 'viewer'], PASSWORD, 64],
  [['disable', 'nobody'], '', 65],
  [['add'], PASSWORD, 64],
])('operator %p is refused', async (args, typed, status) => {
  const { path, query } = setup();
  expect((await run(path, args, typed)).status).toBe(status);
  expect(query('SELECT 1 FROM operators')).toEqual([]);
});

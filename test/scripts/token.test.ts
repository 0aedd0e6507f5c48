/** `bun run token` and `bun run audit` beside a process that serves. */
import { expect, test } from 'bun:test';
import { join } from 'node:path';
import { setup } from '../http/setup.ts';

const ROOT = join(import.meta.dir, '..', '..');

async function run(path: string, script: string, ...args: string[]) {
  const child = Bun.spawn([process.execPath, join(ROOT, 'scripts', `${script}.ts`), ...args], {
    env: { PATH: process.env['PATH'] ?? '', DATABASE_PATH: path, USER: 'ann' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const out = await new Response(child.stdout).text();
  const err = await new Response(child.stderr).text();
  return { status: await child.exited, out: out.trim(), err: err.trim() };
}

test('a token is given out, used, listed and revoked while the exchange runs', async () => {
  const { url, path } = setup({ mode: 'required' });
  const added = await run(path, 'token', 'add', '--name', 'portal', '--scopes', 'read,send');
  expect(added.status).toBe(0);
  expect(added.out).toMatch(/^smx_[\w-]{43}$/);
  const ask = (to: string) =>
    fetch(url + to, { headers: { Authorization: `Bearer ${added.out}` } });
  expect((await ask('/messages')).status).toBe(200);
  expect((await ask('/audit')).status).toBe(403);
  const listed = await run(path, 'token', 'list');
  expect(listed.out).toContain('  portal  send,read  added 20');
  expect(listed.out).not.toContain(added.out);
  const id = listed.out.split(' ', 1)[0] ?? '';
  expect((await run(path, 'token', 'revoke', id)).status).toBe(0);
  const refused = await ask('/messages');
  expect(refused.status).toBe(401);
  expect(refused.headers.get('www-authenticate')).toContain('error="invalid_token"');
  const verified = await run(path, 'audit', 'verify');
  expect(verified.status).toBe(0);
  expect(verified.out).toMatch(/^2 rows after row 0, head 2:[0-9a-f]{64}$/);
  const { out } = await run(path, 'audit', 'export', '--since', '2020-01-01');
  const rows = out.split('\n').map((line) => JSON.parse(line) as { action: string; actor: string });
  expect(rows.map(({ action, actor }) => `${actor} ${action}`)).toEqual([
    'terminal:ann token.add',
    'terminal:ann token.revoke',
    'terminal:ann audit.export',
  ]);
}, 30_000);

test('where the environment names no user, as in a container, the audit has the number of theirs', async () => {
  const { path } = setup();
  const child = Bun.spawn(
    [process.execPath, join(ROOT, 'scripts', 'audit.ts'), 'export', '--since', '2020-01-01'],
    { env: { DATABASE_PATH: path }, stdio: ['ignore', 'pipe', 'ignore'] },
  );
  const row = JSON.parse(await new Response(child.stdout).text()) as { actor: string };
  expect(row.actor).toBe(`terminal:uid-${process.getuid?.()}`);
});

test.each([
  [['add', '--name', 'x', '--scopes', 'write'], 64, '--scopes'],
  [['add', '--name', 'a b', '--scopes', 'read'], 64, '--name'],
  [['add', '--name', 'x', '--scopes', 'read', '--expires-days', '0'], 64, '--expires-days'],
  [['revoke', 'nothing'], 65, 'No token has this id.'],
  [['revoke'], 64, 'Say add'],
])('token %p is refused', async (args, status, why) => {
  const { path } = setup();
  const ended = await run(path, 'token', ...args);
  expect(ended).toMatchObject({ status, out: '' });
  expect(ended.err).toContain(why);
});

test('a token revoked under load opens nothing more, and until then everything', async () => {
  const { url, path, store } = setup({ mode: 'required' });
  const { out: token } = await run(path, 'token', 'add', '--name', 'p', '--scopes', 'read');
  const kept = (await run(path, 'token', 'add', '--name', 'q', '--scopes', 'read')).out;
  const [first] = await store.access.listTokens();
  const calls: { sentAt: number; answeredAt: number; status: number; ofKept: boolean }[] = [];
  const load = new AbortController();
  const callers = Array.from({ length: 16 }, async (_, n) => {
    while (!load.signal.aborted) {
      const ofKept = n % 4 === 0;
      const sentAt = performance.now();
      const headers = { Authorization: `Bearer ${ofKept ? kept : token}` };
      const { status } = await fetch(`${url}/messages`, { headers });
      calls.push({ sentAt, answeredAt: performance.now(), status, ofKept });
    }
  });
  while (calls.length < 300) await new Promise(setImmediate);
  const startedAt = performance.now();
  expect((await run(path, 'token', 'revoke', first?.id ?? '')).status).toBe(0);
  const endedAt = performance.now();
  const soFar = calls.length;
  while (calls.length < soFar + 300) await new Promise(setImmediate);
  load.abort();
  await Promise.all(callers);
  const statuses = (some: typeof calls) => [...new Set(some.map(({ status }) => status))];
  expect(statuses(calls.filter(({ ofKept }) => ofKept))).toEqual([200]);
  const revoked = calls.filter(({ ofKept }) => !ofKept);
  expect(statuses(revoked.filter(({ answeredAt }) => answeredAt < startedAt))).toEqual([200]);
  const after = revoked.filter(({ sentAt }) => sentAt > endedAt);
  expect(after.length).toBeGreaterThan(100);
  // Whoever goes on and on is told to wait.
  expect(statuses(after).filter((status) => status !== 401 && status !== 429)).toEqual([]);
}, 30_000);

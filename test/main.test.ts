/** The programs people run, as processes. */
import { expect, test } from 'bun:test';
import { join } from 'node:path';
import { endOf, readyLine, run, town } from './scripts/setup.ts';

test('start without its variables ends with status 78 and a line for each fault', async () => {
  const child = run('src/main.ts', {});
  expect(await child.exited).toBe(78);
  const lines = (await new Response(child.stderr).text()).trim().split('\n');
  const variables = lines.map((line) => line.split(':')[0]);
  expect(variables).toContain('MHV_BASE_URL');
  expect(variables).toContain('API_TOKENS');
  expect(new Set(variables).size).toBe(lines.length);
  for (const line of lines) expect(line).toMatch(/^[A-Z_]+: is missing: \S.{10,}$/);
});

test('start wants credentials of the API, and a token of the file is one', async () => {
  const { mocks, databasePath } = await town();
  const env = { ...mocks.env, FEED_SECRET: 'zztest', PORT: '0', DATABASE_PATH: databasePath };
  const without = run('src/main.ts', env);
  expect(await without.exited).toBe(78);
  const said = await new Response(without.stderr).text();
  expect(said).toMatch(/^API_TOKENS: is missing: name a token, make one with `bun run token add`/);
  expect(said.trim().split('\n').length).toBe(1);
  const added = run('scripts/token.ts', env, ['add', '--name', 'portal', '--scopes', 'read']);
  expect(await added.exited).toBe(0);
  const token = (await new Response(added.stdout).text()).trim();
  const { url } = await readyLine(run('src/main.ts', env));
  const headers = { Authorization: `Bearer ${token}` };
  expect((await fetch(`${url}/messages`, { headers })).status).toBe(200);
  expect((await fetch(`${url}/messages`)).status).toBe(401);
}, 20_000);

test('start on a fresh path prints where it listens, takes messages, and SIGTERM drains', async () => {
  const { mocks, env, get, post } = await town();
  const child = run('src/main.ts', env);
  const { url } = await readyLine(child);
  const patients = await get<{ icn: string }[]>(`${mocks.origins.fhir}/_mock/patients`);
  const response = await post(`${url}/messages`, {
    icn: patients[0]?.icn,
    subject: 'Hello',
    body: 'On its way.',
    receivingPoolId: '2000001',
  });
  expect(response.status).toBe(202);
  child.kill('SIGTERM');
  expect(await child.exited).toBe(0);
  // What was accepted and not yet delivered is in the file for the next start.
  const again = run('src/main.ts', env);
  const next = await readyLine(again);
  const until = Date.now() + 10_000;
  let status = '';
  while (status !== 'SENT' && Date.now() < until) {
    const { messages } = await get<{ messages: { status: string }[] }>(`${next['url']}/messages`);
    status = messages[0]?.status ?? '';
  }
  expect(status).toBe('SENT');
});

test('the demo delivers everything both ways and ends with status 0', async () => {
  const child = run('scripts/demo.ts', {}, ['--exit']);
  const out = await new Response(child.stdout).text();
  expect(out).toContain(
    'All well: 6 messages reached MHV and 5 reached OH, each once; 200 of a history.',
  );
  expect(await child.exited).toBe(0);
}, 30_000);

test('a file of one tenant is not taken by an exchange of another', async () => {
  const { env } = await town();
  const first = run('src/main.ts', env);
  await readyLine(first);
  first.kill('SIGTERM');
  expect(await first.exited).toBe(0);
  const { status, out } = await endOf(run('src/main.ts', { ...env, OH_AUTHORITY: 'other' }));
  expect(status).toBe(78);
  expect(out).toBe(
    'OH_AUTHORITY: the file at DATABASE_PATH is that of demo; each authority has a file of its own\n',
  );
});

test('a crash is one line without what the error quotes, and ends with status 70', async () => {
  const { env, folder } = await town();
  const preload = join(folder, 'crash.ts');
  await Bun.write(
    preload,
    "process.on('SIGUSR2', () => { throw new TypeError('Bodymark\\n    at Subjectmark'); });",
  );
  const child = run('src/main.ts', { ...env, BUN_OPTIONS: `--preload ${preload}` });
  await readyLine(child);
  child.kill('SIGUSR2');
  expect(await child.exited).toBe(70);
  const lines = (await new Response(child.stderr).text()).trim().split('\n');
  expect(lines.map((line) => JSON.parse(line) as object)).toContainEqual(
    expect.objectContaining({ event: 'crash', error: 'TypeError' }),
  );
  expect(lines.join('\n')).not.toMatch(/Bodymark|Subjectmark/);
});

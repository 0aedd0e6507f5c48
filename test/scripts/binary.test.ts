/** `bun run build`: one file that needs nothing beside it. */
import { afterAll, beforeAll, expect, test } from 'bun:test';
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { version } from '../../package.json' with { type: 'json' };
import { afterwards } from '../afterwards.ts';
import { readyLine, town } from './setup.ts';

let folder: string;
let binary: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'sm-exchange-binary-'));
  binary = join(folder, 'bin', 'exchange');
  mkdirSync(join(folder, 'bin'));
  const build = Bun.spawn(
    [process.execPath, join(import.meta.dir, '../../scripts/build.ts'), '--outfile', binary],
    { stdio: ['ignore', 'ignore', 'inherit'] },
  );
  expect(await build.exited).toBe(0);
}, 120_000);

afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Runs the binary in an empty folder, where it finds neither sources nor migrations. */
function exchange(env: Record<string, string>, args: string[] = []) {
  const cwd = mkdtempSync(join(folder, 'empty-'));
  const child = Bun.spawn([binary, ...args], { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
  afterwards(async () => {
    child.kill('SIGKILL');
    await child.exited;
  });
  return child;
}

async function outputOf(child: ReturnType<typeof exchange>) {
  const [out, error, status] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  return { out, error, status };
}

test('it is one file, and says its version and its commands', async () => {
  expect(readdirSync(join(folder, 'bin'))).toEqual(['exchange']);
  expect(await outputOf(exchange({}, ['--version']))).toMatchObject({
    out: `${version}\n`,
    status: 0,
  });
  const help = await outputOf(exchange({}, ['--help']));
  expect(help).toMatchObject({ error: '', status: 0 });
  for (const command of [
    'start',
    'check-config',
    'doctor',
    'migrate-history',
    'directory',
    'backup',
    'restore',
    'rekey',
  ]) {
    expect(help.out).toContain(`  ${command} `);
  }
  const unknown = await outputOf(exchange({}, ['begin']));
  expect(unknown).toMatchObject({ out: '', status: 64 });
  expect(unknown.error).toContain('There is no command begin.');
});

test('without its environment it ends with 78 and says what to set', async () => {
  const { status, error } = await outputOf(exchange({}));
  expect(status).toBe(78);
  expect(error).toContain('MHV_APP_TOKEN: is missing');
});

test('started in an empty folder it carries a message each way, and SIGTERM ends it with 0', async () => {
  const { mocks, env, databasePath, get, post } = await town();
  const child = exchange(env);
  const { url } = await readyLine(child);
  const [patient] = await get<{ icn: string; ohPatientId: string }[]>(
    `${mocks.origins.fhir}/_mock/patients`,
  );
  const sent = await post(`${url}/messages`, {
    icn: patient?.icn,
    subject: 'Refill',
    body: 'From one file.',
    receivingPoolId: '2000001',
  });
  expect(sent.status).toBe(202);
  const written = (await (
    await post(`${mocks.origins.messaging}/_mock/inbox`, {
      patientId: patient?.ohPatientId,
      poolSenderId: '2000001',
      subject: 'Your refill',
      text: 'Is on its way.',
      announce: false,
    })
  ).json()) as { ohMessageId: unknown };
  const pushed = await post(`${mocks.origins.feed}/_mock/push`, {
    url: `${url}/oh/feed`,
    entries: [String(written.ohMessageId)],
  });
  expect(pushed.status).toBe(200);
  const until = Date.now() + 20_000;
  let statuses: string[] = [];
  while (statuses.join() !== 'SENT,SENT' && Date.now() < until) {
    const list = await get<{ messages: { status: string }[] }>(`${url}/messages`);
    statuses = list.messages.map(({ status }) => status);
  }
  expect(statuses).toEqual(['SENT', 'SENT']);
  expect(await get<unknown[]>(`${mocks.origins.messaging}/_mock/messages`)).toHaveLength(1);
  expect(await get<unknown[]>(`${mocks.origins.mhv}/_mock/messages`)).toHaveLength(1);

  const page = await (await fetch(`${url}/console/login`)).text();
  const assets = [...page.matchAll(/(?:href|src)="(\/console\/assets\/[^"]+)"/g)].map(
    ([, path]) => path,
  );
  assets.push('/openapi/assets/swagger-ui-bundle.js', '/openapi/assets/swagger-ui.css');
  expect(assets.length).toBeGreaterThan(2);
  for (const path of assets) expect((await fetch(`${url}${path}`)).status).toBe(200);

  const looked = await outputOf(exchange(env, ['doctor', '--json', '--url', url ?? '']));
  const { findings } = JSON.parse(looked.out) as { findings: { name: string; level: string }[] };
  expect(findings.filter(({ level }) => level !== 'ok').map(({ name }) => name)).toEqual([
    'backup',
  ]);
  const copied = await outputOf(exchange(env, ['backup', `${databasePath}.copy`]));
  expect(copied.status).toBe(0);
  const checked = await outputOf(exchange(env, ['check-config']));
  expect(checked).toMatchObject({ error: '', status: 0 });

  child.kill('SIGTERM');
  expect(await child.exited).toBe(0);
}, 60_000);

/** The directory as a program, on the file of an exchange and against the mocks. */
import { expect, test } from 'bun:test';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openStore } from '../../src/store/sqlite.ts';
import { POOL, setup } from '../flows/setup.ts';

const ROOT = join(import.meta.dir, '..', '..');
const HEADER = 'oh_pool_id,name,station_number,mhv_triage_team_id,preferred';

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'sm-exchange-directory-'));
  process.once('exit', () => rmSync(path, { recursive: true, force: true }));
  return path;
}

async function run(args: string[], env: Record<string, string>) {
  const child = Bun.spawn([process.execPath, join(ROOT, 'scripts/directory.ts'), ...args], {
    cwd: ROOT,
    env: { PATH: process.env['PATH'] ?? '', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const [stdout, stderr, status] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  return { status, stdout, stderr: stderr.trim().split('\n') };
}

/** A fresh file, a way to write CSV beside it, and the program on that file. */
function desk() {
  const at = folder();
  const DATABASE_PATH = join(at, 'exchange.db');
  return {
    DATABASE_PATH,
    run: (...args: string[]) => run(args, { DATABASE_PATH }),
    csv: async (...lines: string[]) => {
      const path = join(at, `${Bun.randomUUIDv7()}.csv`);
      await Bun.write(path, [HEADER, ...lines, ''].join('\r\n'));
      return path;
    },
    rows: async () => {
      const bounds = { leaseMs: 60_000, maxAttempts: 1 };
      const store = openStore({ path: DATABASE_PATH, now: Date.now, ...bounds });
      try {
        return await store.directory.list();
      } finally {
        store.close();
      }
    },
  };
}

test('what is exported is what was imported, and importing it again changes nothing', async () => {
  const { run: directory, csv, rows, DATABASE_PATH } = desk();
  const path = await csv(
    '2000001,"East, Primary ""A"" – Équipe",668,613586,true',
    '2000001,East,589GR,,false',
    '2000002,Pharmacy,007,,',
  );
  const first = await directory('import', path, '--actor', 'ann');
  expect(first).toMatchObject({
    status: 0,
    stdout: '3 added, 0 changed, 0 removed, 0 unchanged\n',
  });
  const before = await rows();
  expect(before).toMatchObject([
    { name: 'East, Primary "A" – Équipe', mhvTriageTeamId: '613586', actor: 'ann' },
    { name: 'East', preferred: false },
    { name: 'Pharmacy', stationNumber: '007', preferred: true, source: 'csv' },
  ]);
  const out = join(DATABASE_PATH, '..', 'out.csv');
  expect((await directory('export', out)).status).toBe(0);
  expect((await directory('export')).stdout).toBe(await Bun.file(out).text());
  expect(await directory('import', out, '--actor', 'bob')).toMatchObject({
    stdout: '0 added, 0 changed, 0 removed, 3 unchanged\n',
  });
  expect(await rows()).toEqual(before);
}, 30_000);

test('every bad line is named with its number and column, and nothing is taken', async () => {
  const { run: directory, csv, rows } = desk();
  const path = await csv(
    '2000001,East,668,,',
    `2000002,${'x'.repeat(61)},66,,`,
    '',
    '2000003,Lab,668,abc,yes',
    '2000004,Twice,668,,true',
    '2000004,Twice,668,,false',
    '2000005,Short',
  );
  const { status, stderr } = await directory('import', path);
  expect(status).toBe(65);
  expect(stderr.map((line) => line.split(':')[0])).toEqual([
    'line 3, column name',
    'line 3, column station_number',
    'line 5, column preferred',
    'line 5, column mhv_triage_team_id',
    'line 7, column name',
    'line 8, column 2',
    'line 8, column station_number',
  ]);
  expect(await rows()).toEqual([]);
}, 30_000);

test('a file that is no such CSV, or no UTF-8, is refused as a whole', async () => {
  const { run: directory, DATABASE_PATH } = desk();
  const path = join(DATABASE_PATH, '..', 'bad.csv');
  const refused: [string | Uint8Array<ArrayBuffer>, string][] = [
    ['', 'line 1: the header is missing'],
    ['oh_pool_id,name,station\n1,A,668\n', 'line 1, column station_number is missing'],
    [`${HEADER}\n1,"A,668,,\n`, 'the quotes are not right'],
    [Buffer.from(`${HEADER}\n1,Caf\u00e9,668,,\n`, 'latin1'), 'not UTF-8'],
  ];
  for (const [content, complaint] of refused) {
    await Bun.write(path, content);
    const { status, stderr } = await directory('import', path);
    expect(stderr.join('\n')).toContain(complaint);
    expect(status).toBe(65);
  }
  expect((await directory('import', `${path}.missing`)).status).toBe(66);
  expect((await directory('import')).status).toBe(64);
  expect((await directory('check')).status).toBe(78);
}, 30_000);

test('a pool imported by this program lets a message of a running exchange go', async () => {
  const { csv } = desk();
  const databasePath = join(folder(), 'exchange.db');
  const city = await setup({ DIRECTORY: 'strict', DATABASE_PATH: databasePath });
  const { icn } = city.patient(1);
  const id = await city.send({ icn, subject: 'Hi', body: 'Hello.', receivingPoolId: POOL });
  await city.pass(0);
  expect(await city.view(id)).toMatchObject({ error: { code: 'directory:unmapped-pool' } });
  // The program's clock is a year ahead of the city's, so it is the message's own wait that ends.
  const path = await csv(`${POOL},East,668,,`);
  const imported = await run(['import', path], { DATABASE_PATH: databasePath });
  expect(imported.status).toBe(0);
  await city.pass(60_000);
  expect(await city.view(id)).toMatchObject({ status: 'SENT' });
}, 30_000);

test('the APIs fill the directory, and a check is clean only when it agrees with them', async () => {
  const { DATABASE_PATH, csv, rows } = desk();
  const city = await setup();
  const env = { ...city.mocks.env, AUTH: 'none', DATABASE_PATH };
  const user = ['--mhv-correlation-id', city.patient(1).mhvCorrelationId];
  const empty = await run(['check'], env);
  expect(empty.status).toBe(1);
  expect(empty.stdout).toContain('pool 2000001: OH has it, the directory lacks it');

  const alone = await run(['import', '--from-apis'], env);
  expect(alone.status).toBe(1);
  expect(alone.stdout).toContain('left: pool 2000001: nothing names its station');
  const filled = await run(['import', '--from-apis', ...user], env);
  expect(filled).toMatchObject({ status: 0, stdout: expect.stringContaining('2 added') });
  expect(await rows()).toMatchObject([
    { ohPoolId: '2000001', stationNumber: '668', source: 'mhv', mhvTriageTeamId: '613586' },
    { ohPoolId: '2000002', stationNumber: '589GR', source: 'mhv' },
  ]);
  expect(await run(['check'], env)).toMatchObject({ status: 0, stdout: '0 complaints\n' });
  expect((await run(['import', '--from-apis', ...user], env)).stdout).toContain('0 added');

  const others = ['2000003,Closed,668,,', '2000009,Gone,668,,', '2100001,Nurse ZZTEST,668,,'];
  await run(['import', await csv(...others)], env);
  await run(['import', await csv('2000001,East,668,,')], env);
  const { status, stdout } = await run(['check', ...user], env);
  expect(stdout.split('\n')).toEqual([
    'pool 2000003: OH does not let patients write to it',
    'pool 2000009: OH does not know it',
    'MHV triage team 613586: no row has it (ZZTEST Primary Care East)',
    '3 complaints',
    '',
  ]);
  expect(status).toBe(1);
}, 30_000);

test('with the other side down the program says so and changes nothing', async () => {
  const { DATABASE_PATH, rows } = desk();
  const city = await setup();
  await city.fault('messaging', { path: '/pools', status: 503 });
  const env = { ...city.mocks.env, AUTH: 'none', DATABASE_PATH };
  const { status, stderr } = await run(['import', '--from-apis'], env);
  expect(status).toBe(69);
  expect(stderr.join('\n')).toContain('oh:503');
  expect(await rows()).toEqual([]);
}, 30_000);

/** `bun run doctor`: one page about the file, the process and what waits. */
import { expect, test } from 'bun:test';
import { existsSync, openSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { authority, inFiles, issued, serveTls } from '../certificates.ts';
import { entry, lanes, numbered, START, setup } from '../store/setup.ts';
import { endOf, readyLine, run, town } from './setup.ts';

const NOBODY = 'http://127.0.0.1:1';
const ICN = '1012345678V123456';

interface Report {
  level: string;
  findings: { name: string; level: string; found: string; next?: string }[];
}

async function doctor(path: string, args: string[] = [], env: Record<string, string> = {}) {
  const options = ['--json', '--no-upstreams', ...args];
  const child = run('scripts/doctor.ts', { DATABASE_PATH: path, ...env }, options);
  const { status, out } = await endOf(child);
  const report = JSON.parse(out) as Report;
  return {
    status,
    out,
    report,
    of: (name: string) => report.findings.find((one) => one.name === name),
  };
}

/** A store whose clock is the machine's, as doctor's is. */
function storeOfNow() {
  const made = setup();
  made.clock.now = Date.now();
  return made;
}

test('beside a running exchange it finds all well but that there is no backup, and names who polls', async () => {
  const { env, databasePath } = await town();
  const child = run('src/main.ts', env);
  const { url = '' } = await readyLine(child);
  const answer = await endOf(run('scripts/doctor.ts', env, ['--json', '--full', '--url', url]));
  const { level, findings } = JSON.parse(answer.out) as Report;
  expect(findings.filter((one) => one.level !== 'ok').map(({ name }) => name)).toEqual(['backup']);
  expect({ level, status: answer.status }).toEqual({ level: 'look', status: 1 });
  const of = (name: string) => findings.find((one) => one.name === name)?.found;
  expect(of('poller')).toContain(`:${child.pid}:`);
  expect(of('process')).toContain('ready, polled by here');
  expect(of('integrity')).toContain('indexes too');
  expect(findings.map(({ name }) => name)).toContain('OH messaging');

  expect((await endOf(run('scripts/backup.ts', env))).status).toBe(0);
  const after = await endOf(run('scripts/doctor.ts', env, ['--url', url]));
  expect(after.status).toBe(0);
  expect(after.out).toMatch(/^ok {4}backup +the newest in .* is of \d+ (ms|s) ago$/m);
  expect(existsSync(databasePath)).toBe(true);
}, 30_000);

test('a stopped exchange is bad: nobody polls and nobody answers; its file is left as it is', async () => {
  const { path, store } = storeOfNow();
  store.close();
  const before = readFileSync(path);
  const { status, of } = await doctor(path, ['--url', NOBODY]);
  expect(status).toBe(2);
  expect(of('poller')).toMatchObject({
    level: 'bad',
    found: 'nobody polls the file: nothing is delivered',
  });
  expect(of('process')).toMatchObject({ level: 'bad' });
  expect(of('integrity')).toMatchObject({ level: 'ok' });
  expect(readFileSync(path).equals(before)).toBe(true);
});

test('an exchange whose certificate is not trusted is not taken for one that does not answer', async () => {
  const { path, store } = storeOfNow();
  store.close();
  const ca = await authority();
  const server = serveTls(await issued(ca, 'ZZTEST exchange'), () =>
    Response.json({ status: 'ok', polledBy: 'here' }),
  );
  const stranger = await doctor(path, ['--url', server.url]);
  expect(stranger.of('process')).toMatchObject({ level: 'bad' });
  expect(stranger.of('process')?.found).toStartWith(
    `the certificate at ${server.url} is not trusted (`,
  );
  const { cert } = inFiles({ cert: ca.cert });
  const known = await doctor(path, ['--url', server.url], { NODE_EXTRA_CA_CERTS: cert });
  expect(known.of('process')).toMatchObject({ level: 'ok' });
});

test('what waits is counted by lane, with age and doubt, and what is stuck is named by its code', async () => {
  const { path, store, clock } = storeOfNow();
  clock.now -= 3_600_000;
  await store.acceptDocument({ entries: [numbered(1), numbered(2), numbered(3, '7929591')] });
  const [first, other] = await store.claim(lanes.fromOh, 2);
  if (!first || !other) throw new Error('Two should be due.');
  const refusal = { code: 'fhir:500', reason: 'fhir answered 500: it is in trouble.' };
  await store.settle(first, {
    state: 'pending',
    outcome: { kind: 'retry', ...refusal },
    dueAt: clock.now + 1000,
  });
  await store.settle(other, { state: 'dead', outcome: { kind: 'rejected', ...refusal } });
  const { status, of } = await doctor(path, ['--url', NOBODY], { MAX_BACKLOG: '4' });
  expect(status).toBe(2);
  expect(of('oh-to-mhv inbox')).toMatchObject({
    level: 'look',
    found: '2 waiting, the oldest for 60 min; 1 behind another of their patient',
  });
  expect(of('mhv-to-oh outbox')).toMatchObject({ level: 'ok', found: 'empty' });
  expect(of('backlog')).toMatchObject({ level: 'look', found: '2 of 4 rows wait' });
  expect(of('stuck')?.found).toBe(
    'oh-to-mhv inbox: 1 message failing with fhir:500, the oldest for 60 min; 1 behind',
  );
  expect(of('stuck')?.next).toContain(first.id);
  expect(of('dead')).toMatchObject({ level: 'look' });
  expect((await doctor(path, [], { MAX_BACKLOG: '2' })).of('backlog')).toMatchObject({
    level: 'bad',
  });
});

test('pauses, quarantine, failed histories and pools that are missing are each a line', async () => {
  const { path, store, clock } = storeOfNow();
  await store.pause('oh-to-mhv', 'ann');
  await store.quarantine({
    body: new TextEncoder().encode('<feed'),
    contentType: 'application/atom+xml',
    scope: 'document',
    faults: [{ detail: 'The document ends early.' }],
  });
  await store.sessions.request(ICN);
  const [session] = await store.sessions.claim(1);
  if (!session) throw new Error('The session should be due.');
  const unknown = { code: 'fhir:patient-unknown', reason: 'No active patient.' };
  await store.sessions.fail(session, { kind: 'rejected', ...unknown });
  await store.acceptDocument({ entries: [entry()] });
  const [claimed] = await store.claim(lanes.fromOh, 1);
  if (!claimed) throw new Error('It should be due.');
  await store.settle(claimed, {
    state: 'pending',
    outcome: {
      kind: 'postponed',
      code: 'directory:unmapped-pool',
      reason: 'Pool 2000009 is not in the directory.',
    },
    dueAt: clock.now + 60_000,
  });
  const { out, of } = await doctor(path);
  expect(of('pauses')?.found).toStartWith('oh-to-mhv paused by ann');
  expect(of('quarantine')?.found).toStartWith('1 document,');
  expect(of('histories')).toMatchObject({
    level: 'look',
    found: '1 given up (fhir:patient-unknown)',
  });
  expect(of('directory')).toMatchObject({
    level: 'look',
    found: '0 pools; 1 message waiting: Pool 2000009 is not in the directory.',
  });
  expect(out).not.toContain(ICN);
  expect(out).not.toContain('7929590');
});

test('rows of the directory that can not be as they are, and messages from the future, are seen', async () => {
  const { path, store, clock } = storeOfNow();
  clock.now += 7_200_000;
  await store.acceptDocument({ entries: [entry()] });
  store.close();
  const sqlite = new Database(path);
  sqlite
    .prepare(`INSERT INTO triage_groups VALUES ('2000001', ?, '', NULL, 1, 'csv', ${START}, 'ann')`)
    .run('x'.repeat(61));
  sqlite.close();
  const { of } = await doctor(path);
  expect(of('directory')?.found).toBe('1 pool; pool 2000001: wrong name, stationNumber');
  expect(of('clock')).toMatchObject({ level: 'bad' });
  expect(of('clock')?.found).toStartWith('1 message accepted up to 120 min from now');
});

test('a damaged file, one of another version, one that is no database and one that is not there', async () => {
  const { path, store } = storeOfNow();
  await store.acceptDocument({
    entries: Array.from({ length: 400 }, (_, n) => numbered(n, String(n))),
  });
  store.close();
  const other = new Database(path);
  other.exec(
    "INSERT INTO __drizzle_migrations (hash, created_at) VALUES ('of later', 9999999999999)",
  );
  const rootPage = Number(
    other.prepare("SELECT rootpage FROM sqlite_master WHERE name = 'inbox'").pluck().get(),
  );
  other.close();
  expect((await doctor(path)).of('version')).toMatchObject({ level: 'bad' });

  writeSync(openSync(path, 'r+'), 'damaged '.repeat(512), (rootPage - 1) * 4096);
  const damaged = await doctor(path);
  expect(damaged.status).toBe(2);
  expect(damaged.of('integrity')).toMatchObject({ level: 'bad' });
  expect(damaged.of('backlog')).toMatchObject({
    level: 'bad',
    found: 'can not be read: SQLITE_CORRUPT',
  });
  expect(damaged.of('quarantine')).toMatchObject({ level: 'ok' });

  const text = join(path, '..', 'notes.txt');
  await Bun.write(text, 'no database '.repeat(400));
  expect((await doctor(text)).of('database')).toMatchObject({
    level: 'bad',
    found: 'can not be read: SQLITE_NOTADB',
  });
  const missing = join(path, '..', 'none', 'exchange.db');
  expect((await doctor(missing)).of('database')?.found).toContain('is not there');
  expect(existsSync(join(missing, '..'))).toBe(false);
}, 30_000);

test('a disk with too little room is bad', async () => {
  const { path } = storeOfNow();
  const { of } = await doctor(path, [], { MIN_FREE_DISK_MB: '99999999' });
  expect(of('disk')).toMatchObject({ level: 'bad' });
});

test('it counts what is sealed by key, and says what lies in the clear or can not be opened', async () => {
  const key = (byte: number) => ({ id: `k${byte}`, key: Buffer.alloc(32, byte) });
  const variable = (...bytes: number[]) => ({
    DATA_KEYS: bytes.map((byte) => `k${byte}:${key(byte).key.toString('base64')}`).join(','),
  });
  const { path, store } = storeOfNow();
  await store.acceptDocument({ entries: [numbered(1)] });
  store.close();
  const sealing = async (env: Record<string, string>) =>
    (await doctor(path, [], env)).of('sealing');
  expect(await sealing({})).toMatchObject({
    level: 'look',
    found: '1 value in the clear: DATA_KEYS is not set',
  });
  expect(await sealing({ AUTH: 'none' })).toMatchObject({ level: 'ok' });
  const keyed = setup({ path, dataKeys: [key(1)] });
  await keyed.store.keys.take();
  await keyed.store.acceptDocument({ entries: [numbered(2), numbered(3)] });
  expect(await sealing(variable(1))).toMatchObject({
    level: 'look',
    found: '2 values under k1, 1 value in the clear',
    next: expect.stringContaining('bun run rekey'),
  });
  expect(await sealing(variable(2))).toMatchObject({
    level: 'bad',
    found: expect.stringContaining('DATA_KEYS lacks k1'),
  });
  const env = { DATABASE_PATH: path, ...variable(2, 1) };
  expect((await endOf(run('scripts/rekey.ts', env))).status).toBe(0);
  const { level, found } = (await sealing(variable(2))) ?? {};
  expect({ level, found }).toEqual({ level: 'ok', found: '3 values under k2, none in the clear' });
  // Without the environment of the exchange the file itself says that it is sealed.
  expect(await sealing({})).toMatchObject({ level: 'ok' });
  expect(await sealing({ DATA_KEYS: 'k2' })).toMatchObject({ level: 'bad' });
}, 30_000);

/** Backup and restore as programs, against a whole exchange and the mocks. */
import { expect, test } from 'bun:test';
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import pino from 'pino';
import { parseConfig } from '../../src/config.ts';
import { createExchange } from '../../src/exchange.ts';
import { type City, POOL, setup } from '../flows/setup.ts';
import { send, setup as storeSetup } from '../store/setup.ts';

const ROOT = join(import.meta.dir, '..', '..');

interface Run {
  status: number;
  stderr: string;
  /** The one line on standard output. */
  line: Record<string, unknown>;
}

async function run(script: string, databasePath: string, args: string[]): Promise<Run> {
  const child = Bun.spawn([process.execPath, join(ROOT, 'scripts', script), ...args], {
    cwd: ROOT,
    env: { PATH: process.env['PATH'] ?? '', DATABASE_PATH: databasePath },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const [stdout, stderr, status] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  const line = stdout === '' ? {} : (JSON.parse(stdout) as Record<string, unknown>);
  return { status, stderr, line };
}

function ask<T>(path: string, sql: string): T[] {
  const db = new Database(path, { readonly: true });
  try {
    return db.prepare(sql).all() as T[];
  } finally {
    db.close();
  }
}

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'sm-exchange-backup-'));
  process.once('exit', () => rmSync(path, { recursive: true, force: true }));
  return path;
}

/** A closed file with one waiting message. */
async function oneMessage(): Promise<string> {
  const { store, path } = storeSetup();
  await store.acceptSend(send());
  store.close();
  return path;
}

/** Sends numbered messages until told to stop; returns the ids that were acknowledged. */
function load(city: City) {
  const ids: string[] = [];
  const stopping = new AbortController();
  const running = (async () => {
    // Bounded, for each is looked for at OH later on.
    while (!stopping.signal.aborted && ids.length < 100) {
      const n = ids.length + 1;
      const { icn } = city.patient((n % 3) + 1);
      ids.push(
        await city.send({ icn, subject: `Load ${n}`, body: 'Hello.', receivingPoolId: POOL }),
      );
    }
  })();
  return {
    ids,
    async stop() {
      stopping.abort();
      await running;
    },
  };
}

test('a backup under load loses nothing acknowledged, and a restore of it delivers nothing twice', async () => {
  const path = join(folder(), 'exchange.db');
  const DATA_KEYS = `k1:${btoa('1'.repeat(32))}`;
  const city = await setup({ DATABASE_PATH: path, DATA_KEYS });
  const { ohPatientId } = city.patient(1);
  const letter = { patientId: ohPatientId, body: 'Come on Monday.' };
  await city.clinicianWrites({ ...letter, subject: 'Before' });
  await city.pass(0);
  await city.clinicianWrites({ ...letter, subject: 'Waiting' });
  const sending = load(city);
  while (sending.ids.length < 20) await new Promise((resolve) => setImmediate(resolve));
  const acknowledged = [...sending.ids];
  const backup = join(folder(), 'copy.db');
  const { status, line } = await run('backup.ts', path, [backup]);
  await sending.stop();
  expect(status).toBe(0);
  expect(line).toMatchObject({ file: backup, bytes: statSync(backup).size, dataKeys: ['k1'] });
  expect(Number(line['pages']) * 4096).toBe(statSync(backup).size);

  // The exchange goes on after the backup and delivers everything; then its file is gone.
  await city.pass(0);
  const atMhv = await city.atMhv();
  const atOh = await city.atOh();
  await city.exchange.stop();
  const elsewhere = join(folder(), 'fresh', 'exchange.db');
  const restored = await run('restore.ts', elsewhere, [backup]);
  expect(restored).toMatchObject({
    status: 0,
    line: { file: elsewhere, dead: 0, dataKeys: ['k1'] },
  });
  expect(Number(restored.line['pending'])).toBeGreaterThan(20);

  const config = parseConfig({
    ...city.mocks.env,
    AUTH: 'none',
    PORT: '0',
    DATABASE_PATH: elsewhere,
    DATA_KEYS,
  });
  const log = pino({ level: 'silent' });
  const again = await createExchange(config, { now: () => city.clock.now, random: () => 0.5, log });
  try {
    await again.engine.drain();
    for (const id of acknowledged) {
      expect(await again.store.find(id)).toMatchObject({ status: 'SENT' });
    }
    const [backlog] = (await again.store.upkeep.readings()).lanes;
    expect(backlog).toMatchObject({ pending: 0 });
  } finally {
    await again.stop();
  }
  expect(await city.atMhv()).toEqual(atMhv);
  expect(await city.atOh()).toEqual(atOh);
  const asked = "SELECT DISTINCT event FROM events WHERE event IN ('restored', 'asked', 'found')";
  expect(ask(elsewhere, `${asked} ORDER BY 1`)).toHaveLength(3);
}, 60_000);

test('a backup is one file with nothing beside it and nobody holding its lock', async () => {
  const s = storeSetup();
  await s.store.acceptSend(send());
  await s.store.upkeep.takeLock(10_000);
  const there = folder();
  const { status } = await run('backup.ts', s.path, [join(there, 'copy.db')]);
  expect(status).toBe(0);
  expect(readdirSync(there)).toEqual(['copy.db']);
  expect(ask(join(there, 'copy.db'), 'SELECT count(*) AS rows FROM inbox')).toEqual([{ rows: 1 }]);
  expect(ask(join(there, 'copy.db'), 'SELECT * FROM poller_lock')).toEqual([]);
  expect(s.query('SELECT id FROM poller_lock')).toEqual([{ id: 1 }]);
});

test('a backup without a name lies beside the file, under the time', async () => {
  const path = await oneMessage();
  const { line } = await run('backup.ts', path, []);
  expect(line['file']).toMatch(/exchange-\d{8}T\d{6}Z\.db$/);
  expect(existsSync(String(line['file']))).toBe(true);
});

test('a backup replaces nothing unless told to, and never the database itself', async () => {
  const path = await oneMessage();
  const copy = join(folder(), 'copy.db');
  writeFileSync(copy, 'precious');
  expect(await run('backup.ts', path, [copy])).toMatchObject({
    status: 73,
    stderr: `${copy} is there already.\n`,
  });
  expect(await Bun.file(copy).text()).toBe('precious');
  expect((await run('backup.ts', path, [path, '--force'])).status).toBe(73);
  expect((await run('backup.ts', path, [copy, '--force'])).status).toBe(0);
  expect(ask(copy, 'SELECT count(*) AS rows FROM inbox')).toEqual([{ rows: 1 }]);
});

test('a damaged file gives no backup, and nothing under its name', async () => {
  const path = await oneMessage();
  truncateSync(path, statSync(path).size - 3 * 4096);
  const there = folder();
  const { status, stderr } = await run('backup.ts', path, [join(there, 'copy.db')]);
  expect(status).toBe(65);
  expect(stderr).toContain(path);
  expect(readdirSync(there)).toEqual([]);
  expect((await run('backup.ts', join(there, 'none.db'), ['x.db'])).status).toBe(66);
});

test('a restore keeps the file that was there, log and all', async () => {
  const backup = await oneMessage();
  const s = storeSetup();
  for (const subject of ['One', 'Two']) await s.store.acceptSend(send({ subject }));
  s.store.close();
  const { status, line } = await run('restore.ts', s.path, [backup]);
  expect({ status, line }).toMatchObject({
    status: 0,
    line: { file: s.path, from: backup, migrationsApplied: 0, pending: 1, dead: 0 },
  });
  expect(s.query('SELECT count(*) AS rows FROM inbox')).toEqual([{ rows: 1 }]);
  const kept = String(line['keptOld']);
  expect(kept).toStartWith(`${s.path}.before-restore-`);
  expect(ask(kept, 'SELECT count(*) AS rows FROM inbox')).toEqual([{ rows: 2 }]);
});

test('a restore puts every message that was not delivered in doubt, even before it is translated', async () => {
  const backup = await oneMessage();
  const to = join(folder(), 'exchange.db');
  await run('restore.ts', to, [backup]);
  const rows = ask<{ doubt: number }>(
    to,
    'SELECT in_doubt_since = accepted_at AS doubt FROM inbox',
  );
  expect(rows).toEqual([{ doubt: 1 }]);
  expect(ask(to, "SELECT event FROM timeline WHERE event = 'restored'")).toHaveLength(1);
});

test('a restore is refused while a process polls the file, and while one has it open', async () => {
  const backup = await oneMessage();
  const s = storeSetup({ now: Date.now });
  await s.store.upkeep.takeLock(10_000);
  const polled = await run('restore.ts', s.path, [backup]);
  expect(polled.status).toBe(75);
  expect(polled.stderr).toContain(`is polled by ${s.store.upkeep.owner}`);
  await s.store.upkeep.releaseLock();
  expect(await run('restore.ts', s.path, [backup])).toMatchObject({
    status: 75,
    stderr: `${s.path} is open in another process; stop it first.\n`,
  });
  expect(s.query('SELECT count(*) AS rows FROM inbox')).toEqual([{ rows: 0 }]);
  s.store.close();
  expect((await run('restore.ts', s.path, [backup])).status).toBe(0);
});

test('a damaged file is no obstacle to a restore, and is kept for whoever wants to look', async () => {
  const backup = await oneMessage();
  const to = join(folder(), 'exchange.db');
  writeFileSync(to, 'no database '.repeat(1000));
  const { status, line } = await run('restore.ts', to, [backup]);
  expect(status).toBe(0);
  expect(await Bun.file(String(line['keptOld'])).text()).toStartWith('no database');
});

test('what is no backup of ours, or of a newer exchange, is refused and changes nothing', async () => {
  const to = await oneMessage();
  const there = folder();
  const text = join(there, 'text.db');
  writeFileSync(text, 'no database '.repeat(1000));
  const other = join(there, 'other.db');
  new Database(other).exec('CREATE TABLE t (n)').close();
  const newer = join(there, 'newer.db');
  await run('backup.ts', to, [newer]);
  const later = 'INSERT INTO __drizzle_migrations (hash, created_at) VALUES (?, 9e12)';
  const db = new Database(newer);
  db.prepare(later).run('abc');
  db.close();
  const statuses: number[] = [];
  for (const file of [text, other, newer, join(there, 'none.db'), to]) {
    statuses.push((await run('restore.ts', to, [file])).status);
  }
  expect(statuses).toEqual([65, 65, 65, 66, 73]);
  expect(readdirSync(join(to, '..'))).toEqual(['exchange.db']);
  expect(ask(to, 'SELECT count(*) AS rows FROM inbox')).toEqual([{ rows: 1 }]);
});

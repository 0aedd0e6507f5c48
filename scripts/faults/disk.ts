/** A disk that is full, a disk that can't be written, a page that is damaged. */
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type City, drained, openCity, POOL } from './city.ts';
import { balance, complaintsOf } from './ledger.ts';
import { createLoad, type Load } from './load.ts';
import { exitOfExchange, type Running, startExchange } from './process.ts';
import { chanceOf, type Options, type Report } from './scenario.ts';

const PATIENTS = 8;
/** Messages each way before each trouble. */
const MESSAGES = 20;
const DISK_MIB = 16;
/** Requests until a full disk must have refused one: the WAL has some room of its own. */
const MAX_TRIES = 500;

interface Stage {
  city: City;
  volume: string;
  load: Load;
  /** Messages that were acknowledged while there was trouble. */
  inTrouble: number;
}

/** Each trouble must be said, lose nothing that was acknowledged, and be over when it is over. */
export async function disk({ seed }: Pick<Options, 'seed'>): Promise<Report> {
  const volume = mkdtempSync(join(tmpdir(), 'sm-exchange-disk-'));
  const mounted = run('mount', '-t', 'tmpfs', '-o', `size=${DISK_MIB}m`, 'tmpfs', volume);
  if (!mounted) {
    rmSync(volume, { recursive: true });
    return { figures: {}, complaints: [], skipped: 'a tmpfs can not be mounted here' };
  }
  const city = await openCity({
    seed,
    patients: PATIENTS,
    databasePath: join(volume, 'exchange.db'),
    env: { MIN_FREE_DISK_MB: '0' },
  });
  const load = createLoad({ city, chance: chanceOf(seed), maxPauseMs: 0 });
  const stage: Stage = { city, volume, load, inTrouble: 0 };
  try {
    await fullDisk(stage);
    await readOnlyDisk(stage);
    await damagedPage(stage);
    const found = balance(city, load.ledger);
    return {
      complaints: [...load.complaints, ...complaintsOf(found)],
      figures: { ...found, 'taken in trouble': stage.inTrouble },
    };
  } finally {
    await city.close();
    run('umount', volume);
    rmSync(volume, { recursive: true, force: true });
  }
}

/** Fills the disk under a running exchange, with deliveries in hand, and makes room again. */
async function fullDisk(stage: Stage): Promise<void> {
  const { city, volume } = stage;
  const exchange = await startExchange(city);
  try {
    await write(stage, exchange);
    const ballast = join(volume, 'ballast');
    fill(ballast);
    const refusal = await untilRefused(stage, exchange);
    if (refusal?.status !== 503 || !refusal.headers.has('retry-after')) {
      complain(stage, `a full disk was answered ${refusal?.status ?? 'with 202 only'}`);
    }
    const { status } = await fetch(`${exchange.url}/health/ready`);
    if (status !== 503) complain(stage, `on a full disk /health/ready answered ${status}`);
    expectInLog(stage, 'SQLITE_FULL');
    rmSync(ballast);
    await finish(stage, 'after the full disk');
  } finally {
    await exchange.stop();
  }
}

/** Can't start on a file system that is read-only, says so, and starts when it is writable again. */
async function readOnlyDisk(stage: Stage): Promise<void> {
  const { city, volume } = stage;
  run('mount', '-o', 'remount,ro', volume);
  const status = await exitOfExchange(city);
  run('mount', '-o', 'remount,rw', volume);
  if (status === 0) complain(stage, 'a read-only disk ended the start with status 0');
  expectInLog(stage, /SQLITE_(CANTOPEN|READONLY)/);
  const exchange = await startExchange(city);
  try {
    await write(stage, exchange);
    await finish(stage, 'after the read-only disk');
  } finally {
    await exchange.stop();
  }
}

/** Damages the page that every row hangs on; nothing may be acknowledged until the file is put back. */
async function damagedPage(stage: Stage): Promise<void> {
  const { city, volume } = stage;
  const backup = join(volume, 'backup.db');
  copyFileSync(city.databasePath, backup);
  const [page] = city.ask<{ root: number; size: number }>(
    `SELECT rootpage AS root, page_size AS size
     FROM sqlite_schema, pragma_page_size WHERE name = 'inbox'`,
  );
  if (!page) throw new Error('There is no inbox.');
  const bytes = readFileSync(city.databasePath);
  bytes.fill(0xa5, (page.root - 1) * page.size, page.root * page.size);
  writeFileSync(city.databasePath, bytes);
  await useDamaged(stage);
  copyFileSync(backup, city.databasePath);
  const exchange = await startExchange(city);
  try {
    await write(stage, exchange);
    await finish(stage, 'after the damaged page');
  } finally {
    await exchange.stop();
  }
}

/** Whether it refuses to start or every request, it has to name what is wrong. */
async function useDamaged(stage: Stage): Promise<void> {
  const exchange = await startExchange(stage.city).catch(() => undefined);
  if (exchange) {
    const { status } = await post(stage, exchange);
    if (status < 500) complain(stage, `a damaged page was answered ${status}`);
    await exchange.kill();
  }
  expectInLog(stage, /SQLITE_CORRUPT|malformed/);
  for (const end of ['-wal', '-shm']) rmSync(stage.city.databasePath + end, { force: true });
}

async function write({ load }: Stage, { url }: Running): Promise<void> {
  await load.run(url, { signal: new AbortController().signal, quota: MESSAGES });
}

async function finish(stage: Stage, when: string): Promise<void> {
  const pending = await drained(stage.city);
  if (pending > 0) complain(stage, `${pending} rows were pending ${when}`);
}

async function untilRefused(stage: Stage, exchange: Running): Promise<Response | undefined> {
  for (let tries = 0; tries < MAX_TRIES; tries += 1) {
    const response = await post(stage, exchange);
    if (response.status !== 202) return response;
  }
  return undefined;
}

/** Sends one message besides those of the writers; what is acknowledged goes into the ledger. */
async function post(stage: Stage, { url }: Running): Promise<Response> {
  const { load, city } = stage;
  const { icn = '' } = city.patients[0] ?? {};
  load.begun += 1;
  const key = `Message ${load.begun}`;
  const askedAt = performance.now();
  const response = await fetch(`${url}/messages`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({
      icn,
      receivingPoolId: POOL,
      mhvMessageId: load.begun,
      subject: key,
      body: 'Invented words in trouble.',
    }),
  });
  if (response.status === 202) {
    stage.inTrouble += 1;
    const acknowledgedAt = performance.now();
    load.ledger.push({ way: 'to OH', key, patient: icn, askedAt, acknowledgedAt });
  }
  return response;
}

function fill(path: string): void {
  try {
    writeFileSync(path, Buffer.alloc(DISK_MIB * 1024 * 1024));
  } catch {
    // Every byte that was left is taken now.
  }
}

function expectInLog(stage: Stage, words: string | RegExp): void {
  const log = readFileSync(stage.city.logPath, 'utf8');
  const isSaid = typeof words === 'string' ? log.includes(words) : words.test(log);
  if (!isSaid) complain(stage, `the log does not say ${String(words)}`);
  writeFileSync(stage.city.logPath, '');
}

function complain({ load }: Stage, complaint: string): void {
  load.complaints.push(complaint);
}

function run(...command: string[]): boolean {
  if (Bun.which(command[0] ?? '') === null) return false;
  return Bun.spawnSync(command, { stdio: ['ignore', 'ignore', 'ignore'] }).exitCode === 0;
}

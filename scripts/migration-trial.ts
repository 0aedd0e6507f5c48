/**
 * `bun run migration-trial`: migrates the histories of many patients against the mocks while a feed
 * pushes new messages of the same patients and the exchange is killed (SIGKILL) on the way, and says
 * how fast it went, how much memory it took, what each kill cost, and whether anything is missing,
 * doubled or out of order. Takes --patients (200), --messages (100, of each), --kills (3), --live (200).
 * Status 0 only when all is well.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import Database from 'better-sqlite3';
import { get, post } from './demo/town.ts';
import { startExchange, startTown, type Trial } from './migration/trial.ts';

const { values } = parseArgs({
  options: {
    patients: { type: 'string', default: '200' },
    messages: { type: 'string', default: '100' },
    kills: { type: 'string', default: '3' },
    live: { type: 'string', default: '200' },
  },
});
/** Characters of what the migration said that are shown when something is missing. */
const MAX_SAID = 3000;
const size = { patients: Number(values.patients), messagesPerPatient: Number(values.messages) };
const total = size.patients * size.messagesPerPatient;
const folder = mkdtempSync(join(tmpdir(), 'sm-exchange-trial-'));
const trial = await startTown(folder, size);
try {
  process.exitCode = (await run(trial)) ? 0 : 1;
} finally {
  await trial.stop();
  rmSync(folder, { recursive: true, force: true });
}

async function run(at: Trial): Promise<boolean> {
  const list = join(folder, 'patients.txt');
  await Bun.write(list, at.patients.map(({ icn }) => icn).join('\n'));
  const began = Date.now();
  const migration = Bun.spawn(
    [
      process.execPath,
      join(import.meta.dir, 'migrate-history.ts'),
      '--patients',
      list,
      '--concurrency',
      values.patients,
    ],
    { env: { ...process.env, ...at.env }, stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const said = new Response(migration.stdout).text();
  const live = pushLive(at, Number(values.live));
  let peakMiB = 0;
  let killed = 0;
  const costs: string[] = [];
  while (migration.exitCode === null) {
    peakMiB = Math.max(peakMiB, residentMiB(at.exchange.pid));
    const arrived = await countAtMhv(at);
    if (
      killed < Number(values.kills) &&
      arrived > (total * (killed + 1)) / (Number(values.kills) + 1)
    ) {
      killed += 1;
      costs.push(
        `kill ${killed} at ${arrived} messages: ${await killAndWait(at)} ms until the next arrived`,
      );
    }
    await Bun.sleep(200);
  }
  const seconds = (Date.now() - began) / 1000;
  const liveIds = await live;
  const status = await migration.exited;
  await waitUntilArrived(at, total + liveIds.length);
  const verdict = await judge(at, liveIds);
  console.log(
    `${total} messages of ${size.patients} patients in ${seconds.toFixed(1)} s: ${(total / seconds).toFixed(0)}/s`,
  );
  console.log(`resident memory of the exchange at most ${peakMiB} MiB`);
  for (const cost of costs) console.log(cost);
  console.log(
    `${liveIds.length} live messages; reconciliation ${status === 0 ? 'empty' : 'NOT EMPTY'}`,
  );
  if (status !== 0) console.log((await said).slice(-MAX_SAID));
  for (const complaint of verdict) console.log(`NOT WELL: ${complaint}`);
  return status === 0 && verdict.length === 0 && killed === Number(values.kills);
}

/**
 * Clinicians write to one patient after the other, and the feed pushes word of each by itself. They
 * begin when it is known who the patients are at OH: what is pushed from then on waits for history.
 */
async function pushLive(at: Trial, messages: number): Promise<string[]> {
  const identified = 'SELECT count(*) AS n FROM sessions WHERE oh_patient_id IS NOT NULL';
  while (count(at, identified) < at.patients.length) await Bun.sleep(20);
  const ids: string[] = [];
  for (let number = 0; number < messages; number += 1) {
    const patient = at.patients[(number * 7) % at.patients.length];
    const letter = {
      patientId: patient?.ohPatientId,
      poolSenderId: '2000001',
      subject: 'Live',
      body: 'Now.',
    };
    const { body } = await post<{ ohMessageId: string }>(
      `${at.town.messaging}/_mock/inbox`,
      letter,
    );
    ids.push(body.ohMessageId);
    await Bun.sleep(50);
  }
  return ids;
}

async function killAndWait(at: Trial): Promise<number> {
  const before = await countAtMhv(at);
  const killedAt = Date.now();
  await at.exchange.kill();
  at.exchange = await startExchange(at);
  while ((await countAtMhv(at)) <= before) await Bun.sleep(20);
  return Date.now() - killedAt;
}

/** As the file has it: asking the mock for its messages would slow down what is measured. */
async function countAtMhv(at: Trial): Promise<number> {
  return count(at, "SELECT count(*) AS n FROM links WHERE direction = 'oh-to-mhv'");
}

function count({ env }: Trial, sql: string): number {
  const db = new Database(env['DATABASE_PATH'] ?? '', { readonly: true });
  try {
    return (db.prepare(sql).get() as { n: number }).n;
  } finally {
    db.close();
  }
}

async function waitUntilArrived(at: Trial, wanted: number): Promise<void> {
  for (let asked = 0; asked < 600 && (await countAtMhv(at)) < wanted; asked += 1)
    await Bun.sleep(100);
}

interface Stored {
  icn: string;
  ohMessageId: string;
  sentDate: string;
  /** How often it was inserted again. */
  repeats: number;
}

async function judge({ town }: Trial, liveIds: string[]): Promise<string[]> {
  const stored = await get<Stored[]>(`${town.mhv}/_mock/messages`);
  const complaints: string[] = [];
  const ids = new Set(stored.map(({ ohMessageId }) => ohMessageId));
  const twice = stored.filter(({ repeats }) => repeats > 0).length + stored.length - ids.size;
  if (twice > 0) complaints.push(`${twice} messages came twice`);
  if (stored.length !== total + liveIds.length)
    complaints.push(`MHV has ${stored.length} messages`);
  const lost = liveIds.filter((id) => !ids.has(id));
  if (lost.length > 0) complaints.push(`${lost.length} live messages are missing`);
  for (const own of Map.groupBy(stored, ({ icn }) => icn).values()) {
    const dates = own.map(({ sentDate }) => Date.parse(sentDate));
    if (dates.some((date, index) => date < (dates[index - 1] ?? 0))) {
      complaints.push('messages of a patient are out of order');
    }
  }
  return complaints;
}

function residentMiB(pid: number): number {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    return Math.round(Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024);
  } catch {
    return 0;
  }
}

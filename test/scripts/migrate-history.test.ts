/** The migration of patients as a program, beside an exchange on the same file and without one. */
import { expect, test } from 'bun:test';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { readOptions } from '../../scripts/migrate/options.ts';
import { migratePatients } from '../../scripts/migrate/patients.ts';
import { createWatch } from '../../scripts/migrate/watch.ts';
import { parseConfig } from '../../src/config.ts';
import type { SessionView, Store } from '../../src/store/store.ts';
import { endOf, readyLine, run, type Town, town } from './setup.ts';

/** Programs start slowly while others compute; each wait of a test ends by what it waits for. */
const PATIENCE_MS = 170_000;
const SCRIPT = 'scripts/migrate-history.ts';

interface AtMhv {
  icn: string;
  ohMessageId: string;
  sentDate: string;
  repeats: number;
}

function icnsOf({ mocks }: Town): string[] {
  return mocks.world.population.ordinary.map(({ icn }) => icn);
}

function atMhv({ mocks, get }: Town): Promise<AtMhv[]> {
  return get<AtMhv[]>(`${mocks.origins.mhv}/_mock/messages`);
}

function query<T>({ databasePath }: Town, sql: string): T[] {
  const db = new Database(databasePath, { readonly: true });
  try {
    return db.prepare(sql).all() as T[];
  } finally {
    db.close();
  }
}

async function untilTrue(isSo: () => boolean): Promise<void> {
  while (!isSo()) await Bun.sleep(20);
}

test(
  'history is migrated through a running exchange on the same file, from a list on standard input',
  async () => {
    const at = await town();
    await readyLine(run('src/main.ts', at.env));
    const list = `\uFEFF${icnsOf(at).slice(0, 2).join('\r\n')}\r\n\r\n`;
    const { out, status } = await endOf(run(SCRIPT, at.env, ['--patients', '-'], list));
    expect(out).toContain('16  OH has\n       16  MHV has\n        0  missing');
    expect(status).toBe(0);
    expect(await atMhv(at)).toHaveLength(16);
  },
  PATIENCE_MS,
);

test(
  'only the stretch that is named is migrated; a dry run counts it and takes nothing',
  async () => {
    const at = await town();
    await readyLine(run('src/main.ts', at.env));
    const [icn = ''] = icnsOf(at);
    const patient = at.mocks.world.population.byIcn.get(icn)?.[0]?.ohPatientId;
    const dates = [...at.mocks.world.mailbox.byId.values()]
      .filter(({ patientId }) => patientId === patient)
      .map(({ createdAt }) => createdAt)
      .toSorted((a, b) => a - b);
    const day = (date: number | undefined) => new Date(date ?? 0).toISOString().slice(0, 10);
    // From the third message to before the sixth; they are months apart.
    const stretch = ['--since', day(dates[2]), '--until', `${day(dates[5])}T00:00:00Z`];
    const args = ['--patients', '-', ...stretch];
    const dry = await endOf(run(SCRIPT, at.env, [...args, '--dry-run'], icn));
    expect(dry).toEqual({
      status: 0,
      out: 'patient 1: 3 listed, 0 known\n1 patients, 3 listed, 0 known, 0 failed\n',
    });
    expect(await atMhv(at)).toEqual([]);
    expect((await endOf(run(SCRIPT, at.env, args, icn))).status).toBe(0);
    const sent = (await atMhv(at)).map(({ sentDate }) => Date.parse(sentDate));
    expect(sent).toEqual(dates.slice(2, 5).map((date) => Math.floor(date / 1000) * 1000));
  },
  PATIENCE_MS,
);

test(
  'after kill -9 the same command goes on: nothing is missing, nothing twice, order kept',
  async () => {
    const at = await town();
    await readyLine(run('src/main.ts', at.env));
    const list = join(at.folder, 'patients.txt');
    await Bun.write(list, icnsOf(at).join('\n'));
    // Slow enough to be in the middle when it is killed.
    const args = ['--patients', list, '--rate', '1', '--concurrency', '3'];
    const killed = run(SCRIPT, at.env, args);
    const asked = () =>
      query<{ at: number }>(at, 'SELECT requested_at AS at FROM sessions ORDER BY 1');
    await untilTrue(() => asked().length >= 3);
    killed.kill('SIGKILL');
    await killed.exited;
    const times = asked().map(({ at: askedAt }) => askedAt);
    expect(times.length).toBeLessThan(icnsOf(at).length);
    for (const [index, askedAt] of times.slice(1).entries()) {
      expect(askedAt - (times[index] ?? 0)).toBeGreaterThanOrEqual(999);
    }
    const { out, status } = await endOf(run(SCRIPT, at.env, ['--patients', list]));
    const total = icnsOf(at).length * 8;
    expect(out).toContain(`${total}  OH has\n`);
    expect(out).toContain('0  missing');
    expect(status).toBe(0);
    const stored = await atMhv(at);
    expect(new Set(stored.map(({ ohMessageId }) => ohMessageId)).size).toBe(total);
    expect(stored.filter(({ repeats }) => repeats > 0)).toEqual([]);
    expect(stored).toHaveLength(total);
    for (const own of Map.groupBy(stored, ({ icn }) => icn).values()) {
      const dates = own.map(({ sentDate }) => Date.parse(sentDate));
      expect(dates).toEqual(dates.toSorted((a, b) => a - b));
    }
  },
  PATIENCE_MS,
);

test(
  'without an exchange it says what to do and gives up in time; with one that comes it goes on',
  async () => {
    const at = await town();
    const [icn = ''] = icnsOf(at);
    const refused = await endOf(run(SCRIPT, at.env, ['--patients', '-', '--wait', '0'], icn));
    expect(refused.status).toBe(75);
    expect(refused.out).toBe(
      `No exchange has polled ${at.databasePath} for 0 s. Start one (\`bun run start\`) in the same environment, then run the same command again: what was asked for is in the file.\n`,
    );
    const waiting = run(SCRIPT, at.env, ['--patients', '-'], icn);
    const [said, rest] = waiting.stdout.tee();
    const { value } = await said.getReader().read();
    expect(new TextDecoder().decode(value)).toContain(`No exchange polls ${at.databasePath}`);
    await readyLine(run('src/main.ts', at.env));
    const out = await new Response(rest).text();
    expect(out).toContain('An exchange polls the file; going on.');
    expect(out).toContain('0  missing');
    expect(await waiting.exited).toBe(0);
  },
  PATIENCE_MS,
);

test(
  'a terminal is shown a bar with rate and time left, a pipe plain lines',
  async () => {
    const at = await town();
    await readyLine(run('src/main.ts', at.env));
    const list = join(at.folder, 'patients.txt');
    await Bun.write(list, icnsOf(at).slice(0, 2).join('\n'));
    let screen = '';
    const decoder = new TextDecoder();
    const root = join(import.meta.dir, '..', '..');
    const shown = Bun.spawn([process.execPath, join(root, SCRIPT), '--patients', list], {
      cwd: root,
      env: { PATH: process.env['PATH'] ?? '', TERM: 'xterm', ...at.env },
      terminal: {
        cols: 160,
        rows: 40,
        data: (_terminal, bytes) => void (screen += decoder.decode(bytes, { stream: true })),
      },
    });
    expect(await shown.exited).toBe(0);
    await untilTrue(() => screen.includes('missing'));
    expect(screen).toMatch(
      /=+-* \d of 2 patients \| [\d.]+\/s \| [\d?]+( s)? left \| \d+ of \d+ messages/,
    );
    const { out } = await endOf(run(SCRIPT, at.env, ['--patients', list]));
    expect(out).toMatch(/^2 of 2 patients, [\d.]+\/s, 0 s left, 16 of 16 messages\n\n/);
    expect(out).not.toContain('\u001b');
  },
  PATIENCE_MS,
);

test(
  'a bad argument ends it by name before anything is asked for',
  async () => {
    const program = await endOf(run(SCRIPT, {}, ['--patients', '-', '--rate', 'fast'], ''));
    expect(program).toEqual({ status: 64, out: '--rate must be a number from 0 to 10000.\n' });
    const noEnvironment = await endOf(run(SCRIPT, {}, ['--patients', '-'], '1012345678V123456\n'));
    expect(noEnvironment.status).toBe(78);
    expect(noEnvironment.out).toContain('OH_AUTHORITY: is missing');
  },
  PATIENCE_MS,
);

test('each argument is refused for its own reason, with the status that sysexits gives it', async () => {
  const of = ['--archive', import.meta.dir];
  const refused: [args: string[], status: number, sentence: string][] = [
    [[], 64, 'Say either --patients FILE'],
    [['--patients', '-', ...of], 64, 'Say either --patients FILE'],
    [[...of, '--speed', '3'], 64, "Unknown option '--speed'"],
    [[...of, '--rate', '-1'], 64, '--rate'],
    [[...of, '--rate', ''], 64, '--rate must be a number'],
    [[...of, '--rate', '1e3'], 64, '--rate must be a number'],
    [[...of, '--concurrency', '0'], 64, '--concurrency must be a whole number from 1'],
    [[...of, '--concurrency', '1.5'], 64, '--concurrency must be a whole number from 1'],
    [[...of, '--wait', 'long'], 64, '--wait must be a number'],
    [[...of, '--since', 'yesterday'], 64, '--since must be a date'],
    [[...of, '--since', '2024-02-31'], 64, '--since must be a date'],
    [[...of, '--until', '2024-01-31T08:00:00'], 64, '--until must be a date'],
    [[...of, '--since', '2024-02-01', '--until', '2024-02-01'], 64, '--since must be before'],
    [['--archive', '/nowhere/at/all'], 66, '--archive /nowhere/at/all is neither'],
    [['--archive', 'https://'], 64, '--archive https:// is not a URL'],
    [['--patients', '/nowhere/at/all'], 66, '--patients /nowhere/at/all cannot be read'],
    [['--patients', import.meta.path], 65, 'Line 1 of --patients is not an ICN'],
    [['--patients', '/dev/null'], 65, '--patients names nobody'],
    [[...of, '--report', '/nowhere/report.csv'], 73, '--report /nowhere/report.csv cannot'],
  ];
  for (const [args, status, sentence] of refused) {
    const problem = await readOptions(args).catch((error: unknown) => error);
    expect(problem).toMatchObject({ status, message: expect.stringContaining(sentence) });
  }
});

test('rate and concurrency of the command line bound what is asked for', async () => {
  const clock = { at: 0, now: () => clock.at, sleep: async (ms: number) => void (clock.at += ms) };
  const icns = Array.from({ length: 20 }, (_, n) => `10000000${10 + n}V000000`);
  const askedAt: number[] = [];
  const endsAt = new Map<string, number>();
  let atOnce = 0;
  const view = (icn: string): SessionView => {
    const isOver = clock.at >= (endsAt.get(icn) ?? 0);
    const status = isOver ? 'FINISHED' : 'IN_PROGRESS';
    return { icn, status, syncComplete: isOver, listed: 0, delivered: 0 };
  };
  const sessions: Partial<Store['sessions']> = {
    async request(icn) {
      askedAt.push(clock.at);
      endsAt.set(icn, clock.at + 10_000);
      atOnce = Math.max(atOnce, [...endsAt.values()].filter((end) => end > clock.at).length);
      return view(icn);
    },
    find: async (icn) => view(icn),
    reconcile: async () => [],
  };
  const upkeep = { polledBy: async () => 'elsewhere' };
  const store = { sessions, upkeep, pauses: async () => [] } as unknown as Store;
  const at = await town();
  const args = ['--archive', import.meta.dir, '--rate', '2', '--concurrency', '4'];
  const options = { ...(await readOptions(args)), patients: icns };
  const watch = createWatch({ ...clock, store, path: '', waitMs: 0, say: () => undefined });
  await migratePatients({ store, options, watch, clock, config: parseConfig(at.env) });
  expect(askedAt).toHaveLength(20);
  expect(askedAt.slice(0, 4)).toEqual([0, 500, 1000, 1500]);
  // Four of ten seconds each, and not a fifth before one of them is over.
  expect(askedAt[4]).toBeGreaterThanOrEqual(10_000);
  expect(atOnce).toBe(4);
});

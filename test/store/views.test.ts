/** What the views say in the `sqlite3` shell of the person on call, which may be older than our SQLite. */
import { expect, test } from 'bun:test';
import { lanes, numbered, setup } from './setup.ts';

// Where it is missing the test is skipped by name; CI installs it and skips none.
const hasShell = process.env['CI'] === 'true' || Bun.which('sqlite3') !== null;

test.skipIf(!hasShell)(
  'the sqlite3 shell of the machine knows ages and what waits for when',
  async () => {
    const { store, clock, path } = setup();
    clock.now = Date.now() - 100_000;
    await store.acceptDocument({ entries: [numbered(1)] });
    const [claimed] = await store.claim(lanes.fromOh, 1);
    if (!claimed) throw new Error('nothing claimed');
    const outcome = { kind: 'retry', code: 'oh:503', reason: 'It is in trouble.' } as const;
    await store.settle(claimed, { state: 'pending', outcome, dueAt: Date.now() + 60_000 });
    const shell = (sql: string) => {
      const { stdout, stderr } = Bun.spawnSync(['sqlite3', '-readonly', path, sql]);
      expect(stderr.toString()).toBe('');
      return stdout.toString().trim();
    };
    expect(shell('SELECT waits_for FROM stuck')).toBe('its next attempt');
    expect(Number(shell('SELECT age_seconds FROM stuck'))).toBeGreaterThanOrEqual(100);
    expect(Number(shell('SELECT oldest_pending_seconds FROM backlog'))).toBeGreaterThanOrEqual(100);
    await store.noteBreaker(claimed.lane, {
      state: 'open',
      code: 'oh:503',
      until: Date.now() + 120_000,
    });
    expect(shell('SELECT waits_for FROM stuck')).toBe('the breaker (oh:503)');
  },
);

/** Rounds of upkeep on a real file. */
import { expect, test } from 'bun:test';
import { statSync } from 'node:fs';
import Database from 'better-sqlite3';
import pino from 'pino';
import { createUpkeep } from '../../src/queue/upkeep.ts';
import { type Setup, send, setup } from '../store/setup.ts';

const DAY_MS = 24 * 60 * 60 * 1000;
const MESSAGES = 450;

function upkeepOf({ store, clock }: Setup, log: string[] = []) {
  return createUpkeep({
    store: store.upkeep,
    keepDoneMs: 90 * DAY_MS,
    keepDeadMs: 365 * DAY_MS,
    isOurs: () => true,
    now: () => clock.now,
    random: () => 0.5,
    log: pino({}, { write: (line: string) => void log.push(line) }),
    pauseMs: 0,
  });
}

/** Many messages, as if each had been delivered at this moment. */
async function fill(s: Setup, characters = 20_000): Promise<void> {
  const body = 'x'.repeat(characters);
  await Promise.all(Array.from({ length: MESSAGES }, () => s.store.acceptSend(send({ body }))));
  const db = new Database(s.path);
  db.prepare("UPDATE inbox SET state = 'done', outcome = 'delivered', settled_at = ?").run(
    s.clock.now,
  );
  db.pragma('wal_checkpoint(TRUNCATE)');
  db.close();
}

test('a round drops what is over and the file shrinks, while messages are taken', async () => {
  const s = setup();
  await fill(s);
  const before = statSync(s.path).size;
  s.clock.now += 90 * DAY_MS;
  const round = upkeepOf(s).run();
  const accepted = await s.store.acceptSend(send({ subject: 'In between' }));
  expect(s.query('SELECT count(*) AS rows FROM inbox WHERE purged_at IS NULL')).not.toEqual([
    { rows: 1 },
  ]);
  const { purgedMessages, vacuumedPages } = await round;
  expect(purgedMessages).toBe(MESSAGES);
  expect(statSync(s.path).size).toBeLessThan(before / 10);
  expect(vacuumedPages * 4096).toBeGreaterThan(before * 0.9);
  expect(s.query('SELECT id FROM inbox WHERE purged_at IS NULL')).toEqual([{ id: accepted.id }]);
  expect(s.query('PRAGMA integrity_check')).toEqual([{ integrity_check: 'ok' }]);
});

test('the file shrinks for short messages too, several of which share a page', async () => {
  const s = setup();
  await fill(s, 1500);
  const before = statSync(s.path).size;
  s.clock.now += 90 * DAY_MS;
  await upkeepOf(s).run();
  expect(statSync(s.path).size).toBeLessThan(before / 2.5);
});

test('a round that has nothing to do changes nothing', async () => {
  const s = setup();
  await fill(s);
  s.clock.now += 89 * DAY_MS;
  const before = s.query('SELECT * FROM inbox');
  expect(await upkeepOf(s).run()).toMatchObject({ purgedMessages: 0, purgedDocuments: 0 });
  expect(s.query('SELECT * FROM inbox')).toEqual(before);
});

test('a round that is told to stop ends after its batch, and the next goes on', async () => {
  const s = setup();
  await fill(s);
  s.clock.now += 90 * DAY_MS;
  const stopping = new AbortController();
  const upkeep = upkeepOf(s);
  const round = upkeep.run(stopping.signal);
  stopping.abort();
  const first = await round;
  expect(first).toMatchObject({ purgedMessages: 200, vacuumedPages: 0 });
  expect(await upkeep.run()).toMatchObject({ purgedMessages: MESSAGES - 200 });
});

test('upkeep that never had a round stops at once', async () => {
  const upkeep = upkeepOf(setup());
  upkeep.start();
  await upkeep.stop();
  expect(await upkeep.run()).toMatchObject({ purgedMessages: 0 });
});

test('a log that a reader made long is said and used anew after the reader has gone', async () => {
  const s = setup();
  await s.store.acceptSend(send());
  const reader = new Database(s.path);
  reader.exec('BEGIN; SELECT 1 FROM inbox');
  const body = 'x'.repeat(100_000);
  for (let n = 0; n < 7; n += 1) {
    const many = Array.from({ length: 100 }, () => s.store.acceptSend(send({ body })));
    await Promise.all(many);
  }
  const wal = `${s.path}-wal`;
  expect(statSync(wal).size).toBeGreaterThan(64 * 1024 * 1024);
  reader.close();
  const log: string[] = [];
  await upkeepOf(s, log).run();
  expect(JSON.parse(log[0] ?? '{}')).toMatchObject({ event: 'upkeep', level: 40 });
  // The next commit begins the log anew and cuts the rest off.
  await s.store.acceptSend(send());
  expect(statSync(wal).size).toBeLessThanOrEqual(64 * 1024 * 1024);
});

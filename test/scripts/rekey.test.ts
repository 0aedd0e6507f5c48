/** `bun run rekey`: everything in the file comes under the first key, beside an exchange or without one. */
import { expect, test } from 'bun:test';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { lanes, send, setup, toOh } from '../store/setup.ts';
import { endOf, readyLine, run, type Town, town } from './setup.ts';

const keyOf = (id: string, byte: number) => ({ id, key: Buffer.alloc(32, byte) });
const k1 = keyOf('k1', 1);
const k2 = keyOf('k2', 2);
const MARK = 'Bodymark: see me on Monday.';

type Key = ReturnType<typeof keyOf>;

function variable(...keys: Key[]): { DATA_KEYS: string } {
  return { DATA_KEYS: keys.map(({ id, key }) => `${id}:${key.toString('base64')}`).join(',') };
}

interface Counted {
  sealsUnder: string;
  keys: Record<string, number>;
  inTheClear: number;
  resealed?: number;
  unopened?: {
    values: number;
    first: { column: string; row: string; code: string; key: string }[];
  };
}

async function rekey(path: string, keys: Key[], ...args: string[]) {
  const env = { DATABASE_PATH: path, ...variable(...keys) };
  const { status, out } = await endOf(run('scripts/rekey.ts', env, args));
  const counted = out.startsWith('{') ? (JSON.parse(out) as Counted) : undefined;
  return { status, out, counted };
}

/** A file with something in each place that is sealed, under this key, or in the clear; the store is closed. */
async function filled(...dataKeys: Key[]) {
  const s = setup({ dataKeys });
  const { store } = s;
  const { id } = await store.acceptSend(send({ subject: MARK, body: MARK }));
  const [received] = await store.claim(lanes.fromMhv, 1);
  if (!received) throw new Error('nothing claimed');
  await store.handOver(received, { ...toOh(send()), xhtml: MARK });
  await store.rememberUpload(id, { position: 0, sha256: 'ab', reference: { name: MARK } });
  const [queued] = await store.claim(lanes.toOh, 1);
  if (!queued) throw new Error('nothing claimed');
  const outcome = { kind: 'rejected', code: 'oh:404', reason: 'Unknown.' } as const;
  await store.settle(queued, { state: 'dead', outcome });
  await store.operator.dismiss(id, 'ann', MARK);
  const body = new TextEncoder().encode(`<feed>${MARK}`);
  await store.quarantine({ scope: 'document', body, faults: [{ detail: MARK }] });
  const [kept] = (await store.operator.listQuarantined({ limit: 1 })).documents;
  const again = { actor: 'ann', faults: [{ detail: MARK }] };
  await store.operator.noteFailedReplay(kept?.id ?? '', again);
  const contents = () => contentsOf(s.path, id, kept?.id ?? '');
  store.close();
  return { ...s, id, contents };
}

/** Everything that was written, read through a store with the second key alone. */
async function contentsOf(path: string, id: string, quarantineId: string) {
  const { store } = setup({ path, dataKeys: [k2] });
  expect(await store.keys.take()).toEqual([]);
  const shown = await store.console.contentsOf(id, 'ann');
  const document = await store.operator.findQuarantined(quarantineId);
  const body = new TextDecoder().decode(await store.operator.quarantinedBody(quarantineId));
  const uploads = await store.uploadsOf(id);
  const dismissed = (await store.find(id))?.events.find(({ event }) => event === 'dismissed');
  store.close();
  return JSON.stringify([shown, document, body, uploads, dismissed]);
}

/** How often the mark is in what a person wrote there. */
const PLACES = 8;

test.each([
  ['under another key', [k1]],
  ['in the clear', []],
])('what is %s comes under the first key, which alone opens it then', async (_, before) => {
  const { path, contents } = await filled(...before);
  const counted = await rekey(path, [k2, k1], '--check');
  const keys = before.length > 0 ? { k1: 7 } : {};
  expect(counted).toMatchObject({
    status: 1,
    counted: { sealsUnder: 'k2', keys, inTheClear: before.length > 0 ? 0 : 7 },
  });
  const done = await rekey(path, [k2, k1], '--pause', '0');
  expect(done).toMatchObject({
    status: 0,
    counted: { keys: { k2: 7 }, inTheClear: 0, resealed: 7, unopened: { values: 0 } },
  });
  expect((await rekey(path, [k2], '--check')).status).toBe(0);
  expect(await rekey(path, [k2])).toMatchObject({ status: 0, counted: { resealed: 0 } });
  expect(readFileSync(path).includes(MARK)).toBe(false);
  expect((await contents()).split(MARK).length - 1).toBe(PLACES);
});

test('what was not reached before a kill is resealed by the next run', async () => {
  const s = setup({ dataKeys: [k1] });
  for (let n = 0; n < 1000; n += 1) await s.store.acceptSend(send());
  s.store.close();
  const env = { DATABASE_PATH: s.path, ...variable(k2, k1) };
  const child = run('scripts/rekey.ts', env, ['--pause', '60000']);
  const counts = async () => (await rekey(s.path, [k2, k1], '--check')).counted?.keys;
  for (let asked = 0; asked < 50 && !(await counts())?.['k2']; asked += 1);
  child.kill('SIGKILL');
  await child.exited;
  expect(await counts()).toEqual({ k1: 800, k2: 200 });
  const { status, counted } = await rekey(s.path, [k2, k1], '--pause', '0');
  expect({ status, resealed: counted?.resealed }).toEqual({ status: 0, resealed: 800 });
}, 30_000);

test('a send from before its pool had a column gets it when it is sealed', async () => {
  const s = setup();
  await s.store.acceptSend(send());
  s.store.close();
  const db = new Database(s.path);
  db.exec('UPDATE inbox SET receiving_pool_id = NULL');
  db.close();
  expect((await rekey(s.path, [k2])).status).toBe(0);
  expect(s.query('SELECT receiving_pool_id AS pool FROM inbox')).toEqual([{ pool: '2000001' }]);
});

test('a process that goes on sealing under the old key keeps it needed', async () => {
  const s = setup({ dataKeys: [k1, k2] });
  await s.store.acceptSend(send());
  expect((await rekey(s.path, [k2, k1])).status).toBe(0);
  expect(await s.store.keys.needed()).toEqual(['k2']);
  await s.store.acceptSend(send());
  expect((await s.store.keys.needed()).toSorted()).toEqual(['k1', 'k2']);
  expect((await rekey(s.path, [k2, k1], '--check')).status).toBe(1);
  expect(await s.store.claim(lanes.fromMhv, 2)).toHaveLength(1);
});

test('what does not open is named and left as it is, and its key stays needed', async () => {
  const { path, id, query } = await filled(k1);
  const db = new Database(path);
  db.exec("UPDATE uploads SET reference = CAST(reference || x'00' AS BLOB)");
  db.close();
  const before = query('SELECT reference FROM uploads');
  const { status, counted } = await rekey(path, [k2, k1]);
  expect(status).toBe(1);
  expect(counted).toMatchObject({
    keys: { k1: 1, k2: 6 },
    unopened: {
      values: 1,
      first: [{ column: 'uploads.reference', row: `${id}/0`, code: 'seal-broken', key: 'k1' }],
    },
  });
  expect(query('SELECT reference FROM uploads')).toEqual(before);
  const without = await rekey(path, [k2]);
  expect(without).toMatchObject({
    status: 1,
    counted: { unopened: { values: 1, first: [{ code: 'data-key-missing', key: 'k1' }] } },
  });
});

test('it wants keys, a file, and the key that sealed what is there', async () => {
  const { path } = await filled(k1);
  expect(await rekey(path, [])).toMatchObject({
    status: 78,
    out: expect.stringMatching(/^DATA_KEYS: is missing/),
  });
  expect((await rekey(`${path}.none`, [k1])).status).toBe(66);
  expect((await rekey(path, [k2], '--pause', 'long')).status).toBe(64);
  const another = await rekey(path, [k2, keyOf('k1', 9)]);
  expect(another.status).toBe(78);
  expect(another.out).toContain('the key k1 is not the one');
  const bad = run('scripts/rekey.ts', { DATABASE_PATH: path, DATA_KEYS: 'k1:AAAA' });
  expect(await endOf(bad)).toEqual({
    status: 78,
    out: 'DATA_KEYS: key 1 must be 32 bytes in base64, and is 3\n',
  });
});

/** Starts the exchange on the town's file. */
async function start({ env }: Town, ...keys: Key[]) {
  const child = run('src/main.ts', { ...env, ...variable(...keys), LOG_LEVEL: 'warn' });
  const { url = '' } = await readyLine(child);
  return { child, url };
}

test('an exchange that does not have the key yet is not left with what it can not open', async () => {
  const at = await town();
  const { child, url } = await start(at, k1);
  const ready = async () => (await (await fetch(`${url}/health/ready`)).json()) as object;
  while (!JSON.stringify(await ready()).includes('"here"')) await new Promise(setImmediate);
  const refused = await rekey(at.databasePath, [k2, k1]);
  expect(refused.status).toBe(75);
  expect(refused.out).toContain('does not have the key k2: start it anew');
  child.kill('SIGTERM');
  expect(await child.exited).toBe(0);
  expect((await rekey(at.databasePath, [k2, k1])).status).toBe(0);
});

test('a start without a key that the file needs ends with status 78 and names the key', async () => {
  const at = await town();
  const { child } = await start(at, k1);
  child.kill('SIGTERM');
  await child.exited;
  for (const keys of [[], [k2]]) {
    const ended = await endOf(run('src/main.ts', { ...at.env, ...variable(...keys) }));
    expect(ended).toMatchObject({
      status: 78,
      out: expect.stringMatching(/^DATA_KEYS: lacks the key k1, under/),
    });
  }
  const again = await start(at, k1);
  expect((await fetch(`${again.url}/health/ready`)).status).toBe(200);
}, 20_000);

/** Reads the log as it comes, for a full pipe stops the process; `next` waits for what it says of the keys. */
function sealingOf(stderr: ReadableStream<Uint8Array<ArrayBuffer>>) {
  const said: object[] = [];
  void (async () => {
    let rest = '';
    for await (const text of stderr.pipeThrough(new TextDecoderStream())) {
      const lines = (rest + text).split('\n');
      rest = lines.pop() ?? '';
      const sealing = lines.filter((line) => line.includes('"event":"sealing"'));
      said.push(...sealing.map((line) => JSON.parse(line) as object));
    }
  })();
  let seen = 0;
  return async () => {
    while (said.length === seen) await new Promise(setImmediate);
    seen += 1;
    return said[seen - 1];
  };
}

test('a key is rotated under load: every request is taken, every message delivered once', async () => {
  const at = await town();
  const patients = await at.get<{ icn: string }[]>(`${at.mocks.origins.fhir}/_mock/patients`);
  const file = join(at.folder, 'keys');
  const give = (...keys: Key[]) => writeFileSync(file, variable(...keys).DATA_KEYS);
  give(k1);
  const env = { ...at.env, DATA_KEYS_FILE: file, LOG_LEVEL: 'info' };
  const child = run('src/main.ts', env);
  const { url } = await readyLine(child);
  const nextLine = sealingOf(child.stderr);
  expect(await nextLine()).toMatchObject({ state: 'on', key: 'k1' });

  const taken: string[] = [];
  const answers: number[] = [];
  const over = new AbortController();
  const load = async () => {
    while (!over.signal.aborted) {
      const subject = `Rotated ${taken.length}`;
      taken.push(subject);
      const icn = patients[taken.length % 6]?.icn;
      const message = { icn, subject, body: MARK, receivingPoolId: '2000001' };
      answers.push((await at.post(`${url}/messages`, message)).status);
    }
  };
  const writing = [1, 2, 3, 4].map(load);
  const more = async (count: number) => {
    const target = answers.length + count;
    while (answers.length < target) await new Promise(setImmediate);
  };
  const hangUp = () => {
    child.kill('SIGHUP');
    return nextLine();
  };
  await more(200);
  give(k2);
  expect(await hangUp()).toMatchObject({ state: 'kept', faults: [{ variable: 'DATA_KEYS' }] });
  give(k2, k1);
  expect(await hangUp()).toMatchObject({ state: 'renewed', key: 'k2' });
  await more(50);
  const rotated = await rekey(at.databasePath, [k2, k1], '--pause', '1');
  expect(rotated).toMatchObject({ status: 0, counted: { inTheClear: 0 } });
  expect(Object.keys(rotated.counted?.keys ?? {})).toEqual(['k2']);
  expect(rotated.counted?.resealed).toBeGreaterThan(100);
  give(k2);
  expect(await hangUp()).toMatchObject({ state: 'renewed', key: 'k2' });
  await more(50);
  over.abort();
  await Promise.all(writing);

  expect(answers).toEqual(taken.map(() => 202));
  const messages = `${at.mocks.origins.messaging}/_mock/messages?box=outbox`;
  const delivered = async () =>
    (await at.get<{ subject: string }[]>(messages))
      .map(({ subject }) => subject)
      .filter((subject) => subject.startsWith('Rotated'));
  while ((await delivered()).length < taken.length) await Bun.sleep(50);
  expect((await delivered()).toSorted()).toEqual(taken.toSorted());
  expect((await rekey(at.databasePath, [k2], '--check')).status).toBe(0);
  child.kill('SIGTERM');
  expect(await child.exited).toBe(0);
}, 90_000);

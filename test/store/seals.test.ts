import { expect, test } from 'bun:test';
import { readFileSync } from 'node:fs';
import Database from 'better-sqlite3';
import type { DataKey } from '../../src/store/seal.ts';
import { entry, lanes, numbered, send, setup, toMhv, toOh } from './setup.ts';

const k1: DataKey = { id: 'k1', key: Buffer.alloc(32, 1) };
const k2: DataKey = { id: 'k2', key: Buffer.alloc(32, 2) };
const MARK = 'Bodymark: see me on Monday.';

const document = {
  scope: 'document' as const,
  body: new TextEncoder().encode(`<feed>${MARK}`),
  faults: [{ detail: `The document ends before the end tag of feed (${MARK}).` }],
};

/** Changes the file as nobody should. */
function tamper(path: string, sql: string): void {
  const db = new Database(path);
  db.exec(sql);
  db.close();
}

async function firstOf<T>(claimed: Promise<T[]>): Promise<T> {
  const [one] = await claimed;
  if (!one) throw new Error('nothing claimed');
  return one;
}

test('what people wrote is nowhere in the file, and comes out of the store as it went in', async () => {
  const { store, path, query } = setup({ dataKeys: [k1] });
  const attachments = [{ name: MARK, mimeType: 'text/plain', contentBase64: btoa(MARK) }];
  const written = send({ subject: MARK, body: MARK, attachments });
  const { id } = await store.acceptSend(written);
  const claimed = await firstOf(store.claim(lanes.fromMhv, 1));
  expect(claimed.payload).toEqual(written);
  await store.handOver(claimed, { ...toOh(written), subject: MARK, attachments });
  expect(await firstOf(store.claim(lanes.toOh, 1))).toMatchObject({
    payload: { subject: MARK, attachments },
  });
  const upload = { position: 0, sha256: 'ab', reference: { name: MARK } };
  await store.rememberUpload(id, upload);
  await store.quarantine(document);
  const [kept] = (await store.operator.listQuarantined({ limit: 1 })).documents;
  const quarantineId = kept?.id ?? '';
  await store.operator.noteFailedReplay(quarantineId, { actor: 'ann', faults: document.faults });

  const shown = await store.console.contentsOf(id, 'ann');
  expect(shown.received).toBe(JSON.stringify(written));
  expect(JSON.parse(shown.translated ?? '')).toMatchObject({ subject: MARK });
  const facts = await store.console.factsOf(id);
  expect(facts.receivedBytes).toBe(Buffer.byteLength(JSON.stringify(written)));
  expect(await store.uploadsOf(id)).toEqual([upload]);
  expect(kept).toMatchObject({ sizeBytes: document.body.byteLength, faultCount: 1 });
  expect(await store.operator.quarantinedBody(quarantineId)).toEqual(document.body);
  expect(await store.operator.findQuarantined(quarantineId)).toMatchObject({
    faults: document.faults,
    replay: { rejected: 1, faults: document.faults },
  });

  const stored = Buffer.concat([readFileSync(path), readFileSync(`${path}-wal`)]);
  for (const form of [MARK, btoa(MARK), Buffer.from(MARK, 'utf16le')]) {
    expect(stored.includes(form)).toBe(false);
  }
  expect(query('SELECT icn, receiving_pool_id AS pool, state FROM inbox')).toEqual([
    { icn: written.icn, pool: written.receivingPoolId, state: 'done' },
  ]);
});

test('why a message was dismissed is sealed too, and is on its timeline', async () => {
  const { store, query } = setup({ dataKeys: [k1] });
  await store.acceptDocument({ entries: [entry()] });
  const claimed = await firstOf(store.claim(lanes.fromOh, 1));
  const outcome = { kind: 'rejected', code: 'oh:404', reason: 'Unknown.' } as const;
  await store.settle(claimed, { state: 'dead', outcome });
  await store.operator.dismiss(claimed.id, 'ann', MARK);
  expect((await store.find(claimed.id))?.events).toMatchObject([
    { event: 'dismissed', detail: MARK, actor: 'ann' },
  ]);
  expect(query('SELECT typeof(detail) AS type FROM events')).toEqual([{ type: 'blob' }]);
  expect(query("SELECT detail FROM timeline WHERE event = 'dismissed'")).toEqual([
    { detail: 'sealed (ann)' },
  ]);
});

test('two values alike are sealed apart, each with its own nonce', async () => {
  const { store, query } = setup({ dataKeys: [k1] });
  await store.acceptSend(send());
  await store.acceptSend(send());
  expect(query('SELECT count(DISTINCT substr(payload, 5, 12)) AS nonces FROM inbox')).toEqual([
    { nonces: 2 },
  ]);
});

test('what was stored before there were keys is read, and what comes after is sealed', async () => {
  const s = setup();
  await s.store.acceptSend(send({ subject: 'Before' }));
  await s.store.quarantine(document);
  s.store.close();
  const { store } = setup({ path: s.path, dataKeys: [k1] });
  await store.acceptSend(send({ icn: '1012345679V123456', subject: 'After' }));
  expect(await store.claim(lanes.fromMhv, 2)).toMatchObject([
    { payload: { subject: 'Before' } },
    { payload: { subject: 'After' } },
  ]);
  const types = 'SELECT typeof(payload) AS type FROM inbox ORDER BY seq';
  expect(s.query(types)).toEqual([{ type: 'text' }, { type: 'blob' }]);
  const [kept] = (await store.operator.listQuarantined({ limit: 1 })).documents;
  expect(await store.operator.quarantinedBody(kept?.id ?? '')).toEqual(document.body);
});

test('a document that is pushed again is sealed under the key of now, and opens', async () => {
  const s = setup({ dataKeys: [k1] });
  await s.store.quarantine(document);
  s.store.close();
  const { store } = setup({ path: s.path, dataKeys: [k2, k1] });
  await store.quarantine(document);
  const [kept] = (await store.operator.listQuarantined({ limit: 1 })).documents;
  expect(kept).toMatchObject({ pushes: 2 });
  expect(await store.operator.quarantinedBody(kept?.id ?? '')).toEqual(document.body);
  expect((await store.operator.findQuarantined(kept?.id ?? '')).faults).toEqual(document.faults);
});

test('while the key is missing a message waits with its code and holds up no other patient', async () => {
  const s = setup({ dataKeys: [k2] });
  const { id } = await s.store.acceptSend(send());
  s.store.close();
  const other = setup({ path: s.path, dataKeys: [k1], now: () => s.clock.now });
  await other.store.acceptSend(send({ icn: '1012345679V123456' }));
  expect(await other.store.claim(lanes.fromMhv, 10)).toMatchObject([
    { payload: { icn: '1012345679V123456' } },
  ]);
  expect(await other.store.find(id)).toMatchObject({
    status: 'IN_PROGRESS',
    error: { code: 'data-key-missing', reason: expect.stringContaining('the key k2, which') },
    attempts: [{ outcome: 'postponed', errorCode: 'data-key-missing' }],
  });
  expect(other.store.console.contentsOf(id, 'ann')).rejects.toMatchObject({ code: 'conflict' });
  expect(await other.store.claim(lanes.fromMhv, 10)).toEqual([]);
  other.store.close();
  // Nobody must wait for the next try once the key is there.
  const back = setup({ path: s.path, dataKeys: [k1, k2], now: () => s.clock.now });
  expect(await back.store.keys.take()).toEqual([]);
  expect(await back.store.claim(lanes.fromMhv, 10)).toMatchObject([{ id, spent: 1 }]);
});

test('a message whose key is missing for long is tried seldom, and never given up', async () => {
  const s = setup({ dataKeys: [k2] });
  const { id } = await s.store.acceptSend(send());
  s.store.close();
  const { store } = setup({ path: s.path, dataKeys: [k1], now: () => s.clock.now });
  for (let hour = 0; hour < 24; hour += 1) {
    expect(await store.claim(lanes.fromMhv, 10)).toEqual([]);
    const dueAt = await store.nextDueAt(lanes.fromMhv);
    s.clock.now = dueAt ?? 0;
  }
  const view = await store.find(id);
  expect(view?.status).toBe('IN_PROGRESS');
  const [before, last] = view?.attempts.slice(-2) ?? [];
  expect((last?.startedAt ?? 0) - (before?.startedAt ?? 0)).toBe(600_000);
});

test.each([
  ['was changed', "UPDATE inbox SET payload = CAST(payload || x'00' AS BLOB) WHERE seq = 1"],
  ['was cut', 'UPDATE inbox SET payload = substr(payload, 1, 20) WHERE seq = 1'],
  ['is no sealed value', "UPDATE inbox SET payload = x'02' WHERE seq = 1"],
  ['is empty', "UPDATE inbox SET payload = x'' WHERE seq = 1"],
  [
    'was moved here from another row',
    'UPDATE inbox SET payload = (SELECT payload FROM inbox WHERE seq = 2) WHERE seq = 1',
  ],
])(
  'a payload that %s is not delivered: its message is dead, whole, and can be replayed',
  async (_, sql) => {
    const { store, path, query } = setup({ dataKeys: [k1] });
    await store.acceptDocument({ entries: [numbered(1, 'a'), numbered(2, 'b')] });
    const before = query<{ payload: Buffer }>('SELECT payload FROM inbox WHERE seq = 1');
    tamper(path, sql);
    expect(await store.claim(lanes.fromOh, 10)).toMatchObject([{ payload: numbered(2, 'b') }]);
    const [row] = query<{ id: string }>('SELECT id FROM inbox WHERE seq = 1');
    const id = row?.id ?? '';
    expect(await store.find(id)).toMatchObject({
      status: 'INVALID',
      error: { code: 'seal-broken' },
    });
    const db = new Database(path);
    db.prepare('UPDATE inbox SET payload = ? WHERE seq = 1').run(before[0]?.payload);
    db.close();
    await store.operator.replayOne(id, 'ann');
    expect(await store.claim(lanes.fromOh, 10)).toMatchObject([{ payload: numbered(1, 'a') }]);
  },
);

test('a value of another table under the same row does not open', async () => {
  const { store, path } = setup({ dataKeys: [k1] });
  await store.acceptDocument({ entries: [entry()] });
  await store.handOver(await firstOf(store.claim(lanes.fromOh, 1)), toMhv(entry()));
  tamper(path, 'UPDATE outbox SET payload = (SELECT payload FROM inbox)');
  expect(await store.claim(lanes.toMhv, 1)).toEqual([]);
  const { messages } = await store.list({}, { limit: 1 });
  expect(messages).toMatchObject([{ stage: 'outbox', error: { code: 'seal-broken' } }]);
});

test('a document, its faults and an upload that do not open say so, and nothing else is lost', async () => {
  const { store, path } = setup({ dataKeys: [k1] });
  const { id } = await store.acceptSend(send());
  await store.rememberUpload(id, { position: 0, sha256: 'ab', reference: 1 });
  await store.quarantine(document);
  tamper(
    path,
    "UPDATE quarantine SET body = x'00', faults = x'00'; UPDATE uploads SET reference = x'00'",
  );
  const [kept] = (await store.operator.listQuarantined({ limit: 1 })).documents;
  const quarantineId = kept?.id ?? '';
  expect(kept).toMatchObject({ sizeBytes: document.body.byteLength, faultCount: 1 });
  expect(store.operator.quarantinedBody(quarantineId)).rejects.toMatchObject({ code: 'conflict' });
  const { faults } = await store.operator.findQuarantined(quarantineId);
  expect(faults).toEqual([{ detail: expect.stringContaining('do not open') }]);
  expect(await store.uploadsOf(id)).toEqual([]);
});

test('a file says which keys it needs: one that is missing, and another of the same id', async () => {
  const s = setup({ dataKeys: [k1] });
  expect(await s.store.keys.take()).toEqual([]);
  s.store.close();
  const faultsWith = async (...dataKeys: DataKey[]) => {
    const { store } = setup({ path: s.path, dataKeys });
    const faults = await store.keys.take();
    expect(await store.keys.needed()).toEqual(faults.length > 0 ? ['k1'] : ['k1', 'k2']);
    store.close();
    return faults.map(({ keyId, detail }) => `${keyId}: ${detail}`);
  };
  expect(await faultsWith()).toEqual([expect.stringMatching(/^k1: lacks the key k1, under/)]);
  expect(await faultsWith(k2)).toEqual([expect.stringMatching(/^k1: lacks the key k1, under/)]);
  expect(await faultsWith(k2, { ...k2, id: 'k1' })).toEqual([
    expect.stringMatching(/^k1: the key k1 is not the one/),
  ]);
  expect(await faultsWith(k2, k1)).toEqual([]);
});

test('a purge drops what is sealed as it drops the rest', async () => {
  const s = setup({ dataKeys: [k1] });
  await s.store.quarantine(document);
  await s.store.upkeep.purgeQuarantine({ done: s.clock.now, dead: s.clock.now });
  expect(s.query('SELECT length(body) AS bytes, body_sealed FROM quarantine')).toEqual([
    { bytes: 0, body_sealed: 0 },
  ]);
  await s.store.quarantine(document);
  const [kept] = (await s.store.operator.listQuarantined({ limit: 1 })).documents;
  expect(await s.store.operator.quarantinedBody(kept?.id ?? '')).toEqual(document.body);
});

test('a replay finds the pool of a sealed send, and of one from before its pool had a column', async () => {
  const s = setup();
  const dead = async (store: typeof s.store, receivingPoolId: string, icn: string) => {
    await store.acceptSend(send({ receivingPoolId, icn }));
    const claimed = await firstOf(store.claim(lanes.fromMhv, 1));
    const outcome = { kind: 'rejected', code: 'oh:404', reason: 'Unknown.' } as const;
    await store.settle(claimed, { state: 'dead', outcome });
  };
  await dead(s.store, '2000001', '1012345678V123456');
  tamper(s.path, 'UPDATE inbox SET receiving_pool_id = NULL');
  s.store.close();
  const { store } = setup({ path: s.path, dataKeys: [k1] });
  await dead(store, '2000002', '1012345679V123456');
  const of = (receivingPoolId: string) => store.operator.countReplayable({ receivingPoolId });
  expect(await of('2000001')).toMatchObject({ matching: 1 });
  expect(await of('2000002')).toMatchObject({ matching: 1 });
  expect(await of('2000003')).toMatchObject({ matching: 0 });
});

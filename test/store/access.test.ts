import { expect, test } from 'bun:test';
import { digestOf } from '../../src/access/token.ts';
import { setup } from './setup.ts';

const token = { name: 'portal', digest: digestOf('smx_one'), scopes: ['send', 'read'] as const };
const wanted = { ...token, scopes: [...token.scopes] };

test('a token is found by its digest until it is revoked, by whichever process', async () => {
  const { store, reopen } = setup();
  const { id } = await store.access.addToken(wanted, 'ann');
  expect(await store.access.findToken(token.digest)).toMatchObject({
    id,
    scopes: ['send', 'read'],
  });
  expect(await store.access.findToken(digestOf('smx_two'))).toBeUndefined();
  await reopen().access.revokeToken(id, 'bob');
  expect(await store.access.findToken(token.digest)).toBeUndefined();
});

test('a token ends when its time is over', async () => {
  const { store, clock } = setup();
  await store.access.addToken({ ...wanted, expiresAt: clock.now + 1000 }, 'ann');
  clock.now += 999;
  expect(await store.access.findToken(token.digest)).toBeDefined();
  clock.now += 1;
  expect(await store.access.findToken(token.digest)).toBeUndefined();
});

test('a name belongs to one token at a time', async () => {
  const { store } = setup();
  const { id } = await store.access.addToken(wanted, 'ann');
  const second = { ...wanted, digest: digestOf('smx_two') };
  expect(store.access.addToken(second, 'ann')).rejects.toMatchObject({ code: 'conflict' });
  await store.access.revokeToken(id, 'ann');
  await store.access.revokeToken(id, 'ann');
  await store.access.addToken(second, 'ann');
  expect((await store.access.listTokens()).map(({ revokedAt }) => revokedAt !== undefined)).toEqual(
    [true, false],
  );
  expect(store.access.revokeToken('none', 'ann')).rejects.toMatchObject({ code: 'not-found' });
});

test('the file has no token, says when one was used to the minute, and who gave it out', async () => {
  const { store, clock, query } = setup();
  await store.access.addToken(wanted, 'ann');
  for (const laterMs of [0, 30_000, 40_000]) {
    clock.now += laterMs;
    await store.access.findToken(token.digest);
    await store.audit.verify();
  }
  // Queued behind the note of the use, so that it is on disk.
  await store.learn([]);
  const [row] = query<{ last_used_at: number }>('SELECT * FROM api_tokens');
  expect(row?.last_used_at).toBe(clock.now);
  expect(JSON.stringify(row)).not.toContain('smx_one');
  expect(query('SELECT actor, action, detail FROM audit')).toEqual([
    { actor: 'ann', action: 'token.add', detail: '{"name":"portal","scopes":["send","read"]}' },
  ]);
});

/** Replaying from the console. */
import { expect, test } from 'bun:test';
import { refused, site } from './site.ts';

test('a replay is shown by a dry run first, and then takes what it showed', async () => {
  const made = site();
  const id = await refused(made);
  const dry = await (await made.post('/console/replay/dry-run', { errorCode: 'oh:400' })).text();
  expect(dry).toContain('1 message would go');
  expect((await made.store.find(id))?.status).toBe('INVALID');
  const done = await made.post('/console/replay', { errorCode: 'oh:400' });
  expect(done.headers.get('location')).toBe('/console/replay?replayed=1&limit=1000');
  const view = await made.store.find(id);
  expect(view?.status).toBe('IN_PROGRESS');
  expect(view?.events).toMatchObject([{ event: 'replayed', actor: 'jwt:operator' }]);
});

test.each([
  ['a limit that is none', { limit: '0' }, 'limit'],
  ['a day that is none', { since: '2025-02-31T99:00' }, 'since'],
  ['sent messages of all time', { status: 'SENT' }, 'Accepted since'],
])('a replay of %s is refused in words', async (_what, form, word) => {
  const made = site();
  const response = await made.post('/console/replay/dry-run', form);
  expect(response.status).toBe(422);
  expect(await response.text()).toContain(word);
});

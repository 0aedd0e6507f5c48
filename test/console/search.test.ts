/** Searching for a message. */
import { expect, test } from 'bun:test';
import { entry, send } from '../store/setup.ts';
import { refused, site } from './site.ts';

const ICN = '1012345678V123456';

test.each([
  ['an ICN', ICN],
  ['an MHV message id', '655570'],
  ["the exchange's id", 'id'],
])('a message is found by %s, which is in no URL', async (_what, named) => {
  const made = site();
  const id = await refused(made);
  const response = await made.post('/console/messages', { named: named === 'id' ? id : named });
  const html = await response.text();
  expect(html).toContain(`href="/console/messages/${id}"`);
  const urls = [...html.matchAll(/(?:href|action|src)="([^"]*)"/g)].map((match) => match[1]);
  expect(urls.join(' ')).not.toContain(ICN);
  expect(urls.join(' ')).not.toContain('655570');
});

test('a message is found by OH message id, error, status and time, and not when one differs', async () => {
  const made = site();
  const id = await refused(made);
  const { ohMessageId, ...accepted } = entry();
  await made.store.acceptDocument({ entries: [{ ...accepted, ohMessageId }] });
  const found = async (form: Record<string, string>) =>
    (await (await made.post('/console/messages', form)).text()).includes(
      `/console/messages/${id}"`,
    );
  expect(await found({ errorCode: 'oh:400' })).toBe(true);
  expect(await found({ status: 'INVALID', direction: 'mhv-to-oh' })).toBe(true);
  expect(await found({ status: 'GIVEN_UP', since: '2025-10-08T13:59' })).toBe(true);
  expect(await found({ status: 'GIVEN_UP', until: '2025-10-08T13:59' })).toBe(false);
  expect(await found({ status: 'INVALID', direction: 'oh-to-mhv' })).toBe(false);
  expect(await found({ errorCode: 'oh:404' })).toBe(false);
  const byOh = await (await made.post('/console/messages', { named: ohMessageId })).text();
  expect(byOh).toContain(ohMessageId);
  expect(byOh).not.toContain(id);
});

const csrfsIn = (form: string) => [...form.matchAll(/name="csrf"/g)].length;

test('a search goes through its pages without leaving a message out', async () => {
  const made = site();
  const sent = new Set<string>();
  for (let n = 0; n < 60; n += 1) {
    sent.add((await made.store.acceptSend(send({ mhvMessageId: String(n) }))).id);
  }
  const seen = new Set<string>();
  for (let cursor = '', pages = 0; pages < 5; pages += 1) {
    const html = await (await made.post('/console/messages', { cursor })).text();
    for (const [, id] of html.matchAll(/href="\/console\/messages\/([0-9a-f-]{36})"/g)) {
      seen.add(id ?? '');
    }
    expect([...html.matchAll(/<form[\s\S]*?<\/form>/g)].map(([form]) => csrfsIn(form))).toEqual(
      Array.from(html.matchAll(/<form/g), () => 1),
    );
    cursor = /name="cursor" value="([^"]*)"/.exec(html)?.[1] ?? '';
    if (cursor === '') break;
  }
  expect([...seen].toSorted()).toEqual([...sent].toSorted());
});

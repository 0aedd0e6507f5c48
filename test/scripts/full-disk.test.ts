/** A whole exchange whose disk has less room than it is told to leave. */
import { expect, test } from 'bun:test';
import { POOL, setup } from '../flows/setup.ts';

test('a nearly full disk is 503 with Retry-After for messages and feed, and not ready, but alive', async () => {
  const city = await setup({ MIN_FREE_DISK_MB: '100000000' });
  const { url, store } = city.exchange;
  const { icn } = city.patient(1);
  const answers = [
    await fetch(`${url}/messages`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ icn, subject: 'Hello', body: 'Hello.', receivingPoolId: POOL }),
    }),
    await fetch(`${url}/oh/feed`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/atom+xml' },
      body: '<feed',
    }),
    await fetch(`${url}/health/ready`),
  ];
  for (const answer of answers) {
    expect(answer.status).toBe(503);
    expect(answer.headers.get('Retry-After')).toBe('30');
    expect(await answer.json()).toMatchObject({ type: 'urn:sm-exchange:problem:unavailable' });
  }
  expect((await fetch(`${url}/health/live`)).status).toBe(200);
  expect((await store.list({}, { limit: 1 })).messages).toEqual([]);
});

/** A whole exchange that is given other data keys. */
import { expect, test } from 'bun:test';
import { inFiles } from './certificates.ts';
import { setup } from './flows/setup.ts';

test('keys that come when the file can not be written any more are logged, and end nothing', async () => {
  const city = await setup();
  const { exchange, log } = city;
  await city.restart();
  const { keys } = inFiles({ keys: `k1:${Buffer.alloc(32, 1).toString('base64')}` });
  await exchange.renewKeys({ DATA_KEYS_FILE: keys });
  expect(JSON.parse(log.at(-1) ?? '')).toMatchObject({ event: 'sealing', state: 'kept' });
});

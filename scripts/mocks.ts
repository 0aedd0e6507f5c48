/**
 * Runs the mocks of every outside service until SIGTERM or SIGINT. Prints one JSON line when they are
 * ready: the environment that the exchange needs, and `FEED_MOCK_URL`, the feed mock's origin.
 *
 * Takes MOCKS_PORT (first of six ports, 0 for any, 4000 unless set), FEED_WEBHOOK_URL, FEED_SECRET (signs
 * the pushes) and MOCKS_SEED.
 */
import { startMocks } from '../src/mocks/mocks.ts';

function numberFrom(name: string, unless: number): number {
  const text = process.env[name];
  if (text === undefined || text === '') return unless;
  const value = Number(text);
  if (Number.isInteger(value) && value >= 0 && value <= 65_530) return value;
  console.error(`${name} must be a whole number from 0 to 65530.`);
  return process.exit(78);
}

const mocks = await startMocks({
  port: numberFrom('MOCKS_PORT', 4000),
  seed: numberFrom('MOCKS_SEED', 1),
  feedWebhookUrl: process.env['FEED_WEBHOOK_URL'],
  feedSecret: process.env['FEED_SECRET'] || undefined,
  log: (line) => console.error(JSON.stringify(line)),
});

console.log(JSON.stringify({ ...mocks.env, FEED_MOCK_URL: mocks.origins.feed }));

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.once(signal, () => {
    void mocks.stop().then(() => process.exit(0));
  });
}

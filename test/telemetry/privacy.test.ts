/** A marked patient goes through everything that can happen, and is nowhere to be read afterwards. */
import { afterEach, expect, test } from 'bun:test';
import { startCollector } from './collector.ts';
import { drive, MARKED, metricsOf } from './driven.ts';

const cleanups: (() => unknown)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

test('no patient is in a metric, a log line or a span', async () => {
  const collector = startCollector();
  cleanups.push(() => collector.stop());
  const city = await drive({
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.origin,
    LOG_LEVEL: 'trace',
  });
  const { icn, ohPatientId } = city.patient(1);
  const api = city.exchange.url;
  await fetch(`${api}/sessions/${icn}`, { headers: { 'X-Request-Id': `for-${icn}` } });
  await fetch(`${api}/messages?icn=${icn}`);
  await fetch(`${api}/${icn}/nothing?subject=${encodeURIComponent(MARKED.subject)}`);
  await fetch(`${api}/messages/${icn}`);
  // Without the values: a sum of seconds may have any digits.
  const metrics = (await metricsOf(city)).replaceAll(/ \S+$/gm, '');
  const ids = city.mocks.world.population.ordinary.flatMap((person) => Object.values(person));
  await city.exchange.stop();
  const told = { metrics, log: city.log.join(''), spans: collector.bodies.join('') };
  expect(collector.spans.length).toBeGreaterThan(50);
  expect(city.log.length).toBeGreaterThan(10);
  const oh = (await city.atOh()).map(({ ohMessageId }) => String(ohMessageId));
  const mhv = (await city.atMhv()).flatMap(({ ohMessageId, id }) => [ohMessageId, id].map(String));
  expect(mhv.length).toBeGreaterThan(0);
  const names = ids.filter((one): one is string => typeof one === 'string' && one.length > 5);
  const marks = [icn, ohPatientId, ...Object.values(MARKED), 'Subjectmark', 'Bodymark', 'filemark'];
  const found = [...new Set([...marks, ...names, ...oh, ...mhv])].flatMap((mark) =>
    Object.entries(told)
      .filter(([, text]) => text.includes(mark) || text.includes(encodeURIComponent(mark)))
      .map(([where]) => `${mark} in the ${where}`),
  );
  expect(found).toEqual([]);
});

import { expect, test } from 'bun:test';
import { setup } from '../flows/setup.ts';
import { setup as site, token } from '../http/setup.ts';
import { drive, metricsOf } from './driven.ts';
import { alerts, dashboardQueries, hasPromtool, promtool } from './operations.ts';
import { fits, parseQuery, type Sample, samplesIn } from './promql.ts';

/** promtool takes seconds, and more on a busy machine. */
const TIMEOUT_MS = 120_000;

/** Given to every sample by the scrape, or by Prometheus itself. */
const OF_SCRAPE = ['instance', 'job', 'le'];

function valueOf(samples: Sample[], metric: string, labels: Record<string, string> = {}): number {
  const found = samples.filter(
    (sample) =>
      sample.metric === metric &&
      Object.entries(labels).every(([name, value]) => sample.labels[name] === value),
  );
  return found.reduce((sum, { value }) => sum + value, 0);
}

test('what happened is what is counted, each way and stage', async () => {
  const city = await drive();
  const samples = samplesIn(await metricsOf(city));
  const [fromOh, toOh] = [{ direction: 'oh-to-mhv' }, { direction: 'mhv-to-oh' }];
  const value = (metric: string, labels?: Record<string, string>) =>
    valueOf(samples, `sm_exchange_${metric}`, labels);
  const listed = value('messages_accepted_total', { source: 'history' });
  expect(listed).toBeGreaterThan(0);
  expect(value('messages_accepted_total', { source: 'feed' })).toBe(2);
  expect(value('messages_accepted_total', { source: 'send' })).toBe(4);
  expect(value('messages_delivered_total', toOh)).toBe(1);
  expect(value('acceptance_to_delivery_seconds_count', toOh)).toBe(1);
  expect(value('delivery_duration_seconds_count', { ...toOh, outcome: 'delivered' })).toBe(1);
  expect(value('messages_dead_total', { ...toOh, stage: 'inbox' })).toBe(1);
  expect(value('dead_messages', { ...toOh, stage: 'inbox' })).toBe(1);
  expect(value('attempt_failures_total', { code: 'oh:recipient-denied' })).toBe(1);
  expect(value('messages_in_doubt_total', toOh)).toBe(1);
  expect(value('in_doubt_messages', toOh)).toBe(1);
  expect(value('messages_retried_total', { ...fromOh, code: 'mhv:503' })).toBeGreaterThan(1);
  expect(value('breaker_state', { ...fromOh, stage: 'outbox', state: 'closed' })).toBe(0);
  expect(value('destination_paused', toOh)).toBe(1);
  expect(value('destination_paused', fromOh)).toBe(0);
  expect(value('backlog_messages', { ...fromOh, stage: 'outbox' })).toBe(1);
  expect(value('oldest_message_age_seconds', { ...fromOh, stage: 'outbox' })).toBe(60);
  expect(value('quarantined_documents')).toBe(1);
  expect(value('feed_pushes_total', { result: 'taken' })).toBe(2);
  expect(value('feed_pushes_total', { result: 'refused' })).toBe(1);
  expect(value('acknowledgement_duration_seconds_count', { route: '/messages' })).toBe(4);
  expect(value('upstream_request_duration_seconds_count', { system: 'fhir' })).toBeGreaterThan(0);
  expect(value('ready')).toBe(1);
  expect(value('wal_size_bytes')).toBeGreaterThan(0);
  expect(value('disk_free_bytes')).toBeGreaterThan(0);
});

test('every metric, label and value that an alert or the dashboard names is in real metrics', async () => {
  const samples = samplesIn(await metricsOf(await drive()));
  const labelsOf = (metric: string) =>
    new Set(
      samples.filter((one) => one.metric === metric).flatMap((one) => Object.keys(one.labels)),
    );
  const expressions = [
    ...alerts().map(({ expr }) => expr),
    ...dashboardQueries().map((q) => q.expr),
  ];
  expect(expressions.length).toBeGreaterThan(50);
  const wrong = expressions.flatMap((expr) => {
    const { selectors, groupedBy } = parseQuery(expr);
    expect(selectors).not.toEqual([]);
    const ours = selectors.filter(({ metric }) => metric !== 'up');
    const missing = ours.filter((selector) => !samples.some((sample) => fits(selector, sample)));
    const known = new Set([...OF_SCRAPE, ...ours.flatMap(({ metric }) => [...labelsOf(metric)])]);
    const unknown = groupedBy.filter((label) => !known.has(label));
    return [...missing.map(({ metric }) => `${metric} in ${expr}`), ...unknown];
  });
  expect(wrong).toEqual([]);
});

test('the check notices a metric, a label and a value that are not there', () => {
  const sample: Sample = { metric: 'a_total', labels: { stage: 'inbox' }, value: 1 };
  const [selector] = parseQuery('rate(a_total{stage="inbox"}[5m]) > 1').selectors;
  if (!selector) throw new Error('no selector');
  expect(fits(selector, sample)).toBe(true);
  expect(fits(selector, { ...sample, metric: 'b_total' })).toBe(false);
  expect(fits(selector, { ...sample, labels: { stage: 'outbox' } })).toBe(false);
  expect(parseQuery('sum by (stag) (a_total)').groupedBy).toEqual(['stag']);
  expect(() => parseQuery('sum(rate(a_total[5m])')).toThrow('No PromQL');
});

test.skipIf(!hasPromtool)(
  'promtool finds nothing to say of the metrics',
  async () => {
    const exposition = await metricsOf(await drive());
    expect(promtool(['check', 'metrics'], { stdin: exposition })).toEqual({ ok: true, output: '' });
  },
  TIMEOUT_MS,
);

test.skipIf(!hasPromtool)(
  'every query of the dashboard gives something on two scrapes',
  async () => {
    const before = samplesIn(await metricsOf(await setup()));
    const after = samplesIn(await metricsOf(await drive()));
    const nameOf = ({ metric, labels }: Sample) => {
      const all = Object.entries({ ...labels, instance: 'a', job: 'sm-exchange' });
      return `${metric}{${all.map(([name, value]) => `${name}="${value}"`).join(',')}}`;
    };
    const first = new Map(before.map((sample) => [nameOf(sample), sample.value]));
    // promtool tells of every expression that gives another result than none.
    const { output } = promtool(['test', 'rules'], {
      test: {
        evaluation_interval: '1m',
        tests: [
          {
            interval: '1m',
            input_series: after.map((sample) => {
              const series = nameOf(sample);
              const earlier = String(first.get(series) ?? '_');
              return { series, values: `${earlier} ${earlier} ${sample.value} ${sample.value}` };
            }),
            promql_expr_test: dashboardQueries().map(({ expr }) => ({ expr, eval_time: '3m' })),
          },
        ],
      },
    });
    const silent = dashboardQueries().filter(
      ({ expr }) => !output.includes(`expr: ${JSON.stringify(expr)}`),
    );
    expect(output).not.toContain('error');
    expect(silent).toEqual([]);
  },
);

test('metrics are for those who may use the API', async () => {
  const { url } = site({ mode: 'required', apiTokens: [token('api-1', 'read')] });
  expect((await fetch(`${url}/metrics`)).status).toBe(401);
  const answer = await fetch(`${url}/metrics`, { headers: { Authorization: 'Bearer api-1' } });
  expect(answer.status).toBe(200);
  expect(answer.headers.get('content-type')).toStartWith('text/plain; version=0.0.4');
});

test('a file that can not be read leaves the counters and says that nothing is ready', async () => {
  const city = await setup();
  city.exchange.store.close();
  const samples = samplesIn(await metricsOf(city));
  expect(valueOf(samples, 'sm_exchange_ready')).toBe(0);
  expect(samples.some(({ metric }) => metric === 'sm_exchange_backlog_messages')).toBe(false);
  expect(samples.some(({ metric }) => metric === 'sm_exchange_attempts_total')).toBe(true);
});

test('the API describes the metrics', async () => {
  const { url } = site();
  const { paths } = (await (await fetch(`${url}/openapi/json`)).json()) as {
    paths: Record<string, { get?: { summary?: string } }>;
  };
  expect(paths['/metrics']?.get?.summary).toBe('Metrics for Prometheus');
});

import { expect, test } from 'bun:test';
import { readFileSync } from 'node:fs';
import { ALERTS, alerts, hasPromtool, promtool, RUNBOOK } from './operations.ts';

/** promtool takes seconds, and more on a busy machine. */
const TIMEOUT_MS = 120_000;

/** Series as promtool takes them, one value a minute, and the minute at which the alert is looked at. */
interface Case {
  alert: string;
  fires: boolean;
  at: string;
  series: Record<string, string>;
}

const scraped = (metric: string, labels = '') =>
  `${metric}{instance="a",job="sm-exchange"${labels === '' ? '' : `,${labels}`}}`;
const fromOh = 'direction="oh-to-mhv",stage="outbox"';

/** The same series, once as trouble and once as it should be. */
function pair(
  alert: string,
  at: string,
  trouble: Record<string, string>,
  fine: Record<string, string>,
): Case[] {
  return [
    { alert, fires: true, at, series: trouble },
    { alert, fires: false, at, series: fine },
  ];
}

function gauge(alert: string, at: string, name: string, trouble: string, fine: string): Case[] {
  return pair(alert, at, { [name]: trouble }, { [name]: fine });
}

const latencies = (slow: string) => ({
  [scraped('sm_exchange_acknowledgement_duration_seconds_bucket', 'route="/messages",le="1"')]:
    '0+100x40',
  [scraped('sm_exchange_acknowledgement_duration_seconds_bucket', 'route="/messages",le="10"')]:
    slow,
  [scraped('sm_exchange_acknowledgement_duration_seconds_bucket', 'route="/messages",le="+Inf"')]:
    slow,
});

const attempts = (delivered: string, failed: string) => ({
  [scraped('sm_exchange_attempts_total', `${fromOh},outcome="delivered"`)]: delivered,
  [scraped('sm_exchange_attempts_total', `${fromOh},outcome="retry"`)]: failed,
});

const backlog = (pending: string) => ({
  [scraped('sm_exchange_backlog_messages', fromOh)]: pending,
  [scraped('sm_exchange_backlog_limit_messages')]: '1000x10',
});

const DEAD = scraped('sm_exchange_messages_dead_total', fromOh);
const DEAD_NOW = scraped('sm_exchange_dead_messages', fromOh);
const BREAKER = scraped('sm_exchange_breaker_state', `${fromOh},state="closed"`);
const NOWHERE = scraped('sm_exchange_polled', 'by="nowhere"');
const OLDEST = scraped('sm_exchange_oldest_message_age_seconds', fromOh);
const PAUSED = scraped('sm_exchange_destination_paused', 'direction="mhv-to-oh"');
const IN_DOUBT = scraped('sm_exchange_in_doubt_messages', 'direction="oh-to-mhv"');
const TAKEN = scraped('sm_exchange_feed_pushes_total', 'result="taken"');
const HISTORY = scraped('sm_exchange_history_sessions', 'state="dead"');
const FAILURES = scraped('sm_exchange_database_failures_total', 'code="SQLITE_FULL"');
const DISK = scraped('sm_exchange_disk_free_bytes');

const cases: Case[] = [
  ...gauge('ExchangeDown', '5m', scraped('up'), '1 0x10', '1x10'),
  { alert: 'ExchangeDown', fires: true, at: '5m', series: {} },
  ...gauge('ExchangeNotReady', '5m', scraped('sm_exchange_ready'), '1 0x10', '1 0 1x10'),
  ...gauge('NobodyPolls', '5m', NOWHERE, '0 1x10', '0 1 0x10'),
  ...gauge('OldestMessageWaits', '10m', OLDEST, '1700+60x20', '0+60x20'),
  ...gauge('DeadMessagesGrow', '30m', DEAD, '0x10 1x40', '3x60'),
  ...gauge('DeadMessagesGrow', '30m', DEAD_NOW, '0x10 1x40', '5x10 1x40'),
  ...gauge('BreakerOpen', '20m', BREAKER, '1 0x30', '1 0x10 1 0x10'),
  ...gauge('DestinationPaused', '250m', PAUSED, '0 1x300', '0 1x200 0x100'),
  ...gauge('InDoubtGrows', '40m', IN_DOUBT, '0+1x60', '20-1x20 0x40'),
  ...pair('BacklogNearItsBound', '10m', backlog('900x20'), backlog('700x20')),
  ...gauge('DiskNearlyFull', '20m', DISK, '1e9x30', '1e11x30'),
  ...gauge('DiskNearlyFull', '200m', DISK, '1e11-4e8x240', '1e11-1e6x240'),
  ...gauge('WalTooLong', '20m', scraped('sm_exchange_wal_size_bytes'), '2e8x30', '2e8x10 4e6x20'),
  ...gauge(
    'QuarantineGrows',
    '30m',
    scraped('sm_exchange_quarantined_documents'),
    '2x10 3x40',
    '3x60',
  ),
  ...gauge('FeedSilent', '300m', TAKEN, '5x400', '0+1x400'),
  ...pair('AcknowledgementSlow', '30m', latencies('0+110x40'), latencies('0+100.1x40')),
  ...pair('DeliveriesFail', '30m', attempts('0+5x40', '0+5x40'), attempts('0+95x40', '0+5x40')),
  ...gauge('HistoryFails', '15m', HISTORY, '0 2x20', '0x20'),
  ...gauge('DatabaseFails', '15m', FAILURES, '0x10 1x20', '1x30'),
];

test('there is a case for each alert, one in which it fires and one in which it does not', () => {
  for (const { alert } of alerts()) {
    const fires = new Set(cases.filter((one) => one.alert === alert).map((one) => one.fires));
    expect([alert, fires.size]).toEqual([alert, 2]);
  }
});

test.skipIf(!hasPromtool)(
  'promtool takes the rules',
  () => {
    const { ok, output } = promtool(['check', 'rules', ALERTS]);
    expect(output).toContain(`${alerts().length} rules found`);
    expect(ok).toBe(true);
  },
  TIMEOUT_MS,
);

test.skipIf(!hasPromtool)(
  'each alert fires when it should and not when it should not',
  () => {
    const { ok, output } = promtool(['test', 'rules'], {
      test: {
        rule_files: [ALERTS],
        evaluation_interval: '1m',
        tests: cases.map(({ alert, fires, at, series }) => ({
          interval: '1m',
          input_series: Object.entries(series).map(([name, values]) => ({ series: name, values })),
          promql_expr_test: [
            {
              expr: `count by (alertname) (ALERTS{alertname="${alert}",alertstate="firing"})`,
              eval_time: at,
              exp_samples: fires ? [{ labels: `{alertname="${alert}"}`, value: 1 }] : [],
            },
          ],
        })),
      },
    });
    expect({ ok, output }).toEqual({ ok: true, output: expect.stringContaining('SUCCESS') });
  },
  TIMEOUT_MS,
);

test('each alert has a severity, a summary and a page in the runbook, and each page an alert', () => {
  const headings = [...readFileSync(RUNBOOK, 'utf8').matchAll(/^## (\w+)$/gm)].map(
    ([, name]) => name,
  );
  expect(headings).toEqual(alerts().map(({ alert }) => alert));
  for (const { alert, labels, annotations } of alerts()) {
    expect(['page', 'ticket']).toContain(labels['severity'] ?? '');
    expect(annotations['summary']).toBeDefined();
    expect(annotations['runbook_url']).toBe(`RUNBOOK.md#${alert.toLowerCase()}`);
  }
});

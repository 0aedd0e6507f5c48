/**
 * What is counted and timed as it happens. Names follow Prometheus' conventions; every label is from a
 * closed list, and none names a patient or a message.
 */
import { Counter, collectDefaultMetrics, Histogram, Registry } from 'prom-client';

const DIRECTIONS = ['oh-to-mhv', 'mhv-to-oh'] as const;
const STAGES = ['inbox', 'outbox'] as const;

const ACKNOWLEDGED_S = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const ATTEMPT_S = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];
/** From a second to a week, as long as a message is tried. */
const WHOLE_WAY_S = [0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600, 21_600, 86_400, 604_800];

/** The likeliest ones; any other begins with its first failure. */
const DATABASE_CODES = [
  'SQLITE_BUSY',
  'SQLITE_CORRUPT',
  'SQLITE_FULL',
  'SQLITE_IOERR_FSYNC',
  'SQLITE_IOERR_WRITE',
  'SQLITE_READONLY',
];

/** The instruments of one exchange. */
export type Metrics = ReturnType<typeof createMetrics>;

/** Makes the instruments. Series whose labels are known beforehand begin at 0, so that `increase` sees the first. */
export function createMetrics() {
  const registry = new Registry();
  const registers = [registry];
  const metrics = {
    registry,
    ...messageMetrics(registers),
    ...attemptMetrics(registers),
    ...requestMetrics(registers),
    databaseFailures: new Counter({
      name: 'sm_exchange_database_failures_total',
      help: 'Failures of the database, by code of SQLite.',
      labelNames: ['code'] as const,
      registers,
    }),
    spans: new Counter({
      name: 'sm_exchange_spans_total',
      help: 'Spans sent to the collector, and given up because it did not take them.',
      labelNames: ['result'] as const,
      registers,
    }),
  };
  beginAtZero(metrics);
  return metrics;
}

function messageMetrics(registers: Registry[]) {
  return {
    accepted: new Counter({
      name: 'sm_exchange_messages_accepted_total',
      help: 'Messages that were put on disk.',
      labelNames: ['direction', 'source'] as const,
      registers,
    }),
    duplicates: new Counter({
      name: 'sm_exchange_messages_duplicate_total',
      help: 'Entries and sends that were on disk already.',
      labelNames: ['direction', 'source'] as const,
      registers,
    }),
    delivered: new Counter({
      name: 'sm_exchange_messages_delivered_total',
      help: 'Messages that reached their destination; found: it had the message already.',
      labelNames: ['direction', 'found'] as const,
      registers,
    }),
    dead: new Counter({
      name: 'sm_exchange_messages_dead_total',
      help: 'Messages that were given up after an attempt and wait for a person.',
      labelNames: ['direction', 'stage'] as const,
      registers,
    }),
    retried: new Counter({
      name: 'sm_exchange_messages_retried_total',
      help: 'Attempts after which the message was put back to be tried again.',
      labelNames: ['direction', 'stage', 'code'] as const,
      registers,
    }),
    inDoubt: new Counter({
      name: 'sm_exchange_messages_in_doubt_total',
      help: 'Deliveries without a word on whether they arrived.',
      labelNames: ['direction'] as const,
      registers,
    }),
  };
}

function attemptMetrics(registers: Registry[]) {
  return {
    attempts: new Counter({
      name: 'sm_exchange_attempts_total',
      help: 'Attempts by outcome.',
      labelNames: ['direction', 'stage', 'outcome'] as const,
      registers,
    }),
    failures: new Counter({
      name: 'sm_exchange_attempt_failures_total',
      help: 'Attempts that did not get through, by code of the reason.',
      labelNames: ['direction', 'stage', 'outcome', 'code'] as const,
      registers,
    }),
    translation: new Histogram({
      name: 'sm_exchange_translation_duration_seconds',
      help: 'How long an attempt to translate took, look-ups at Oracle Health included.',
      labelNames: ['direction', 'outcome'] as const,
      buckets: ATTEMPT_S,
      registers,
    }),
    delivery: new Histogram({
      name: 'sm_exchange_delivery_duration_seconds',
      help: 'How long an attempt to deliver took.',
      labelNames: ['direction', 'outcome'] as const,
      buckets: ATTEMPT_S,
      registers,
    }),
    wholeWay: new Histogram({
      name: 'sm_exchange_acceptance_to_delivery_seconds',
      help: 'How long a delivered message took since it was accepted.',
      labelNames: ['direction'] as const,
      buckets: WHOLE_WAY_S,
      registers,
    }),
  };
}

function requestMetrics(registers: Registry[]) {
  return {
    acknowledgement: new Histogram({
      name: 'sm_exchange_acknowledgement_duration_seconds',
      help: 'How long a push, a send or a session took to be acknowledged, its commit included.',
      labelNames: ['route'] as const,
      buckets: ACKNOWLEDGED_S,
      registers,
    }),
    requests: new Counter({
      name: 'sm_exchange_http_requests_total',
      help: 'Requests answered.',
      labelNames: ['method', 'route', 'status'] as const,
      registers,
    }),
    pushes: new Counter({
      name: 'sm_exchange_feed_pushes_total',
      help: 'Documents that were pushed: taken, refused (4xx) or failed (5xx).',
      labelNames: ['result'] as const,
      registers,
    }),
    upstream: new Histogram({
      name: 'sm_exchange_upstream_request_duration_seconds',
      help: 'How long calls to other systems took, by class of the answer.',
      labelNames: ['system', 'answer'] as const,
      buckets: ATTEMPT_S,
      registers,
    }),
  };
}

function beginAtZero(metrics: Omit<ReturnType<typeof createMetrics>, 'registry'>): void {
  for (const result of ['taken', 'refused', 'failed']) metrics.pushes.inc({ result }, 0);
  for (const code of DATABASE_CODES) metrics.databaseFailures.inc({ code }, 0);
  for (const result of ['sent', 'failed']) metrics.spans.inc({ result }, 0);
  for (const direction of DIRECTIONS) {
    for (const source of direction === 'mhv-to-oh' ? ['send'] : ['feed', 'history']) {
      metrics.accepted.inc({ direction, source }, 0);
      metrics.duplicates.inc({ direction, source }, 0);
    }
    for (const found of ['true', 'false']) metrics.delivered.inc({ direction, found }, 0);
    metrics.inDoubt.inc({ direction }, 0);
    for (const stage of STAGES) {
      metrics.dead.inc({ direction, stage }, 0);
      const good = stage === 'inbox' ? ['queued', 'duplicate'] : ['delivered', 'in-doubt'];
      for (const outcome of [...good, 'retry', 'rejected', 'postponed', 'lost']) {
        metrics.attempts.inc({ direction, stage, outcome }, 0);
      }
    }
  }
}

let ofProcess: Registry | undefined;

/** What `collectDefaultMetrics` gives on Bun and is true there; the rest is empty, or misnamed. */
const OF_PROCESS =
  /^(?:process_(?:cpu|start|resident|open|max)_.*|nodejs_eventloop_lag_(?:max|p\d\d)_seconds)$/;

/** Memory, time on the CPU, descriptors and the lag of the event loop: of the process, so made once. */
export function processMetrics(): Registry {
  if (ofProcess) return ofProcess;
  ofProcess = new Registry();
  collectDefaultMetrics({ register: ofProcess });
  for (const { name } of ofProcess.getMetricsAsArray()) {
    if (!OF_PROCESS.test(name)) ofProcess.removeSingleMetric(name);
  }
  return ofProcess;
}

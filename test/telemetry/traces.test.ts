import { afterEach, expect, test } from 'bun:test';
import { drained, openCity } from '../../scripts/faults/city.ts';
import { startExchange } from '../../scripts/faults/process.ts';
import { setup } from '../flows/setup.ts';
import { type CollectedSpan, startCollector } from './collector.ts';

const TRACE = '0af7651916cd43dd8448eb211c80319c';
const CALLER = 'b7ad6b7169203331';
const TRACEPARENT = `00-${TRACE}-${CALLER}-01`;
const TIMEOUT_MS = 60_000;
const cleanups: (() => unknown)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

function collector(options = {}) {
  const started = startCollector(options);
  cleanups.push(() => started.stop());
  return started;
}

/** The spans of a trace as lines, children indented under their parent in order of time. */
function drawn(spans: CollectedSpan[], parent: string, depth = 0): string[] {
  return spans
    .filter(({ parentSpanId }) => parentSpanId === parent)
    .toSorted((a, b) => a.startMs - b.startMs || a.tookMs - b.tookMs)
    .flatMap((span) => [
      `${'  '.repeat(depth)}${span.name}${span.status.code === 2 ? ' !' : ''}`,
      ...drawn(spans, span.spanId, depth + 1),
    ]);
}

async function until(holds: () => boolean): Promise<void> {
  const end = performance.now() + 20_000;
  while (!holds()) {
    if (performance.now() > end) throw new Error('It did not come to pass in 20 s.');
    await Bun.sleep(20);
  }
}

test.each(['stopped', 'killed'] as const)(
  "one trace leads from the webhook to MHV's answer, through both queues, when the process is %s between",
  async (end) => {
    const { origin, spans, requests } = collector();
    const city = await openCity({
      seed: 1,
      patients: 1,
      env: {
        LOG_LEVEL: 'info',
        RETRY_SCHEDULE: '3',
        OTEL_EXPORTER_OTLP_ENDPOINT: origin,
        OTEL_EXPORTER_OTLP_HEADERS: 'x-tenant=a%20b',
        OTEL_SERVICE_NAME: 'exchange-east',
      },
    });
    cleanups.push(() => city.close());
    const first = await startExchange(city);
    cleanups.push(() => first.kill());
    await city.fault('mhv', { path: '/exchange/message', status: 503 });
    await announce(city, first.url);
    // What a process that is killed has not sent yet is lost, and nothing else.
    await until(() => spans.some(({ name }) => name === 'deliver oh-to-mhv'));
    if (end === 'killed') await first.kill();
    else expect(await first.stop()).toBe(0);
    await city.clearFaults();

    const second = await startExchange(city);
    cleanups.push(() => second.kill());
    expect(await drained(city)).toBe(0);
    expect(await second.stop()).toBe(0);

    const trace = spans.filter(({ traceId }) => traceId === TRACE);
    const lines = drawn(trace, CALLER);
    const lookUps = lines.slice(3, lines.indexOf('    wait in outbox'));
    expect(lookUps.every((line) => /^ {4}(?:GET|POST) \//.test(line))).toBe(true);
    expect(lines).toEqual([
      'POST /oh/feed',
      '  wait in inbox',
      '  translate oh-to-mhv',
      ...lookUps,
      '    wait in outbox',
      '    deliver oh-to-mhv !',
      '      GET /exchange/message !',
      '    wait in outbox',
      '    deliver oh-to-mhv',
      '      GET /exchange/message !',
      '      POST /exchange/message',
    ]);
    expect(lines).toContain('    GET /patients/{id}/inbox/messages/{id}');
    expect(lines).toContain('    GET /Patient/{id}');
    expect(trace.find(({ name }) => name === 'POST /exchange/message')).toMatchObject({
      kind: 3,
      attributes: {
        'http.request.method': 'POST',
        'http.response.status_code': 200,
        'server.address': '127.0.0.1',
        'url.template': '/exchange/message',
      },
    });
    // Two processes, one trace; the wait lasted while none of them ran.
    const instances = new Set(trace.map(({ resource }) => resource['service.instance.id']));
    expect(instances.size).toBe(2);
    expect(trace.every(({ resource }) => resource['service.name'] === 'exchange-east')).toBe(true);
    const waits = trace.filter(({ name }) => name === 'wait in outbox');
    expect(waits.at(-1)?.tookMs).toBeGreaterThanOrEqual(2000);
    expect(requests[0]?.path).toBe('/v1/traces');
    expect(requests[0]?.headers.get('x-tenant')).toBe('a b');

    // The destination can go on from the very span that called it, and the log speaks of the same trace.
    const insert = trace.find(({ name }) => name === 'POST /exchange/message');
    const seen = await requestsOf(city.mocks.origins.mhv);
    const posted = seen.findLast(({ method }) => method === 'POST');
    expect(posted?.headers['traceparent']).toBe(`00-${TRACE}-${insert?.spanId}-01`);
    const log = (await Bun.file(city.logPath).text()).split('\n').filter((line) => line !== '');
    const attempts = log.map((line) => JSON.parse(line)).filter(({ event }) => event === 'attempt');
    expect(attempts.length).toBe(3);
    expect(new Set(attempts.map(({ traceId }) => traceId))).toEqual(new Set([TRACE]));
  },
  TIMEOUT_MS,
);

async function announce(city: Awaited<ReturnType<typeof openCity>>, url: string): Promise<void> {
  const [patient] = city.patients;
  const written = await post(`${city.mocks.origins.messaging}/_mock/inbox`, {
    patientId: patient?.ohPatientId,
    poolSenderId: '2000001',
    subject: 'Visit',
    body: 'Tuesday at ten?',
    announce: false,
  });
  const { ohMessageId } = (await written.json()) as { ohMessageId: string };
  const { OH_MESSAGING_BASE_URL: base, OH_AUTHORITY: authority } = city.mocks.env;
  const href = `${base}/${authority}/patients/${patient?.ohPatientId}/inbox/messages/${encodeURIComponent(ohMessageId)}`;
  const entry = `<entry xmlns="http://www.w3.org/2005/Atom"><id>urn:example:${ohMessageId}</id><title>x</title><updated>2025-10-08T14:15:40Z</updated><link rel="alternate" href="${href}"/></entry>`;
  const pushed = await fetch(`${url}/oh/feed`, {
    method: 'POST',
    body: entry,
    headers: { 'Content-Type': 'application/atom+xml', traceparent: TRACEPARENT },
  });
  expect(await pushed.json()).toEqual({ accepted: 1, duplicates: 0, rejected: 0 });
}

async function post(url: string, body: unknown): Promise<Response> {
  const headers = { 'Content-Type': 'application/json', traceparent: TRACEPARENT };
  return fetch(url, { method: 'POST', headers, body: JSON.stringify(body) });
}

interface Seen {
  method: string;
  path: string;
  headers: Record<string, string>;
}

async function requestsOf(origin: string): Promise<Seen[]> {
  return (await (await fetch(`${origin}/_mock/requests`)).json()) as Seen[];
}

test('a history is listed, and its messages delivered, in the trace of the session', async () => {
  const { origin, spans } = collector();
  const city = await setup({ OTEL_EXPORTER_OTLP_ENDPOINT: origin });
  const { icn } = city.patient(1);
  await post(`${city.exchange.url}/sessions`, { icn });
  await city.pass(0);
  await city.pass(1000);
  await city.exchange.stop();
  const trace = spans.filter(({ traceId }) => traceId === TRACE);
  const names = new Set(trace.map(({ name }) => name));
  expect(names).toContain('POST /sessions');
  expect(names).toContain('list history');
  expect(names).toContain('GET /patients/{id}/outbox/messages');
  const listings = trace.filter(({ name }) => name === 'list history').map((span) => span.spanId);
  const translations = trace.filter(({ name }) => name === 'translate oh-to-mhv');
  expect(translations.length).toBeGreaterThan(0);
  expect(translations.every((span) => listings.includes(span.parentSpanId ?? ''))).toBe(true);
  expect(new Set(spans.map(({ traceId }) => traceId))).toEqual(new Set([TRACE]));
});

test('without a collector nothing is recorded, and what a caller began still reaches the destination', async () => {
  const city = await setup();
  const { icn } = city.patient(1);
  const letter = { icn, subject: 'Visit', body: 'When?', receivingPoolId: '2000001' };
  await post(`${city.exchange.url}/messages`, letter);
  await city.send(letter);
  await city.pass(0);
  const sent = (await requestsOf(city.mocks.origins.messaging)).filter(
    ({ method, path }) => method === 'POST' && path.endsWith('/outbox/messages'),
  );
  expect(sent.map(({ headers }) => headers['traceparent'])).toEqual([TRACEPARENT, undefined]);
});

test.each([
  ['is not there', undefined],
  ['never answers', { isSilent: true }],
])(
  'a collector that %s delays no message and holds up no stop for long',
  async (_, options) => {
    const origin = options ? collector(options).origin : 'http://127.0.0.1:1';
    const city = await setup({ OTEL_EXPORTER_OTLP_ENDPOINT: origin });
    const { icn } = city.patient(1);
    const letter = { icn, subject: 'Visit', body: 'When?', receivingPoolId: '2000001' };
    const id = await city.send(letter);
    await city.pass(0);
    expect((await city.view(id)).status).toBe('SENT');
    const began = performance.now();
    await city.exchange.stop();
    expect(performance.now() - began).toBeLessThan(6000);
    if (!options) expect(city.log.join('')).toContain('"event":"traces","state":"failing"');
  },
  20_000,
);

test.each([
  ['always_off', '1', 0],
  ['traceidratio', '0', 0],
  ['parentbased_always_off', '1', 1],
  ['always_on', '1', 2],
])('OTEL_TRACES_SAMPLER=%s with %s samples what it says', async (sampler, ratio, sampled) => {
  const { origin, spans } = collector();
  const city = await setup({
    OTEL_EXPORTER_OTLP_ENDPOINT: origin,
    OTEL_TRACES_SAMPLER: sampler,
    OTEL_TRACES_SAMPLER_ARG: ratio,
  });
  await post(`${city.exchange.url}/messages`, {});
  await fetch(`${city.exchange.url}/messages`);
  await fetch(`${city.exchange.url}/metrics`);
  await city.exchange.stop();
  expect(spans.length).toBe(sampled);
});

test.each([
  '00-00000000000000000000000000000000-b7ad6b7169203331-01',
  'ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
  '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more',
  "'; DROP TABLE inbox; --",
])('a traceparent such as %s is not gone on from', async (traceparent) => {
  const { origin, spans } = collector();
  const city = await setup({ OTEL_EXPORTER_OTLP_ENDPOINT: origin });
  await fetch(`${city.exchange.url}/messages`, { headers: { traceparent } });
  await city.exchange.stop();
  expect(spans.map(({ name, traceId }) => [name, traceId === TRACE])).toEqual([
    ['GET /messages', false],
  ]);
});

/**
 * A marked patient goes through everything that can happen to a message, upstreams that tell it back
 * included; then the log, metrics, spans, refusals and the file itself are searched. That the search finds
 * what is there, it has to show as well.
 */
import { expect, spyOn, test } from 'bun:test';
import { readFileSync } from 'node:fs';
import { afterwards } from '../afterwards.ts';
import type { City } from '../flows/setup.ts';
import { startCollector } from './collector.ts';
import { drive, MARKED, metricsOf } from './driven.ts';
import { findMarks } from './marks.ts';

const DATA_KEYS = `k1:${btoa('1'.repeat(32))}`;
/** What no form of may be anywhere, in the file neither. */
const WRITTEN = ['Subjectmark', 'Bodymark', 'filemark', 'Contentmark', 'Namemark'];
const STATUSES = [400, 401, 403, 404, 409, 413, 422, 429, 500, 503];
const MINUTE_MS = 60_000;

type Upstream = 'messaging' | 'fhir' | 'media' | 'mhv' | 'auth';

/** Upstreams that answer with what they were asked, and with the patient's letter, when told to. */
function echoing(city: City) {
  const trouble: { upstream?: Upstream; status: number; patient: string[] } = {
    status: 500,
    patient: [],
  };
  const ask = globalThis.fetch;
  const origins = {
    ...city.mocks.origins,
    auth: new URL(city.mocks.env['OH_AUTH_TOKEN_URL'] ?? '').origin,
  };
  const spy = spyOn(globalThis, 'fetch').mockImplementation(((input, init) => {
    const url = input instanceof Request ? input.url : String(input);
    const { upstream, status, patient } = trouble;
    const isAsked = upstream !== undefined && url.startsWith(`${origins[upstream]}/`);
    if (!isAsked || url.includes('/_mock/')) return ask(input, init);
    const told = [url, ...patient, ...Object.values(MARKED)];
    const sent = typeof init?.body === 'string' ? init.body : '';
    const answer = {
      message: told.join(' '),
      developerMessage: told.join(' '),
      issue: [{ diagnostics: told.join(' ') }],
      error: 'invalid_request',
      error_description: told.join(' '),
      sent,
    };
    const headers = {
      'Content-Type': 'application/json',
      'X-Error': encodeURIComponent(told.join(' ')),
      Location: `/patients/${encodeURIComponent(told.join(' '))}`,
      'WWW-Authenticate': `Bearer error="${encodeURIComponent(MARKED.subject)}"`,
    };
    return Promise.resolve(new Response(JSON.stringify(answer), { status, headers }));
  }) as typeof fetch);
  afterwards(() => spy.mockRestore());
  return trouble;
}

/** Each upstream in turn refuses in each way, and tells back what it knows of the patient. */
async function refuseInEveryWay(city: City): Promise<void> {
  const { icn, ohPatientId } = city.patient(1);
  const trouble = echoing(city);
  trouble.patient = [icn, ohPatientId];
  const file = {
    name: MARKED.fileName,
    mimeType: 'application/pdf',
    contentBase64: MARKED.content,
  };
  for (const upstream of ['auth', 'fhir', 'messaging', 'media', 'mhv'] as const) {
    for (const [number, status] of STATUSES.entries()) {
      const other = city.patient(2 + (number % 4));
      delete trouble.upstream;
      const letter = { subject: MARKED.subject, body: MARKED.body };
      await city.send({
        ...letter,
        icn: other.icn,
        receivingPoolId: '2000001',
        attachments: [file],
      });
      await city.clinicianWrites({ ...letter, patientId: other.ohPatientId });
      Object.assign(trouble, { upstream, status });
      await city.pass(10 * MINUTE_MS);
    }
  }
  delete trouble.upstream;
  await city.pass(MINUTE_MS);
}

/** What a person does, and what callers get wrong; returns every refusal as it was told. */
async function useEveryDoor(city: City): Promise<string> {
  const { url } = city.exchange;
  const told: string[] = [];
  const call = async (path: string, init: RequestInit) => {
    const response = await fetch(url + path, init);
    const text = await response.text();
    if (response.status >= 400) told.push(`${response.status} ${text}`);
    return { status: response.status, text };
  };
  const json = (body: unknown) => ({
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
  const { icn } = city.patient(1);
  const letter = { icn, subject: MARKED.subject, body: MARKED.body, receivingPoolId: '2000001' };
  await call('/messages', json({ ...letter, icn: MARKED.body }));
  await call('/messages', json({ ...letter, subject: MARKED.subject.repeat(20) }));
  await call('/messages', json({ ...letter, receivingPoolId: MARKED.subject }));
  await call('/messages', json(`${JSON.stringify(letter)} ${MARKED.body}`));
  await call(`/messages?icn=${encodeURIComponent(MARKED.subject)}`, {});
  await call(`/messages/${encodeURIComponent(MARKED.subject)}`, {});
  await call('/sessions', json({ icn: MARKED.subject }));
  const keyed = { ...json(letter), headers: { ...json('').headers, 'Idempotency-Key': 'once' } };
  await call('/messages', keyed);
  await call('/messages', { ...keyed, body: JSON.stringify({ ...letter, body: 'Another.' }) });
  const atom = (body: string) => ({
    method: 'POST',
    headers: { 'Content-Type': 'application/atom+xml' },
    body,
  });
  const text = `<title>${MARKED.subject.replaceAll('"', '&quot;')}</title><summary>${MARKED.body}</summary>`;
  const feed = (inside: string) => `<feed xmlns="http://www.w3.org/2005/Atom">${inside}`;
  await call('/oh/feed', atom(feed(`<entry>${text}</feed>`)));
  await call('/oh/feed', atom(`${feed(`<entry>${text}</entry>`)}</feed>`));
  await call('/oh/feed', atom(`<!DOCTYPE x [<!ENTITY a "${MARKED.fileName}">]><x>${text}</x>`));
  const { documents } = await city.exchange.store.operator.listQuarantined({ limit: 10 });
  expect(documents.length).toBeGreaterThan(2);
  for (const { id } of documents) {
    await call(`/quarantine/${id}`, {});
    expect((await call(`/quarantine/${id}/body`, {})).status).toBe(200);
    await call(`/quarantine/${id}/replay`, json({ actor: 'ann' }));
    await call(`/quarantine/${id}/replay?actor=ann`, atom(feed(`${text}<entry>`)));
    await call(`/console/quarantine/${id}`, {});
  }
  const { messages } = await city.exchange.store.list({}, { limit: 100 });
  for (const { id, status } of messages) {
    if (status === 'FAILED' || status === 'INVALID') {
      await city.exchange.store.operator.dismiss(id, 'ann', MARKED.body);
    }
    await call(`/messages/${id}/retry`, json({ actor: 'ann' }));
    expect(await city.exchange.store.console.contentsOf(id, 'ann')).toHaveProperty('received');
    await call(`/console/messages/${id}`, {});
  }
  await call('/replay', json({ filter: { receivingPoolId: '2000001' }, dryRun: false }));
  await city.pass(MINUTE_MS);
  return told.join('\n');
}

/** A bug that quotes what it trips over, in each stage and behind a route. */
async function tripOver(city: City): Promise<void> {
  const { icn, ohPatientId } = city.patient(5);
  const { store } = city.exchange;
  const bug = () => Promise.reject(new TypeError(`${MARKED.body}\n    at ${MARKED.subject}`));
  const spies = [
    spyOn(store.directory, 'groupOf').mockImplementation(bug),
    spyOn(store, 'linkOf').mockImplementation(bug),
    spyOn(store, 'uploadsOf').mockImplementation(bug),
    spyOn(store, 'list').mockImplementation(bug),
    spyOn(store, 'nextDueAt').mockImplementation(bug),
  ];
  const letter = { subject: MARKED.subject, body: MARKED.body };
  await city.send({ ...letter, icn, receivingPoolId: '2000001' });
  await city.clinicianWrites({ ...letter, patientId: ohPatientId });
  await city.pass(0).catch(() => undefined);
  const answer = await fetch(`${city.exchange.url}/messages`);
  expect(answer.status).toBe(500);
  city.exchange.engine.start();
  while (!city.log.some((line) => line.includes('"event":"poller"'))) await Bun.sleep(5);
  for (const spy of spies) spy.mockRestore();
}

/** Everything that is told of an exchange, and its file; `ids` of the patient may be in the file alone. */
async function everythingAbout(env: Record<string, string>, logging = {}) {
  const collector = startCollector();
  afterwards(() => collector.stop());
  const settings = { OTEL_EXPORTER_OTLP_ENDPOINT: collector.origin, LOG_LEVEL: 'trace', ...env };
  const city = await drive({ BREAKER_FAILURES: '1000', MAX_ATTEMPTS: '6', ...settings }, logging);
  const doctor = city.mocks.world.population.personnel.get('2100001');
  if (doctor) doctor.family = 'Namemark';
  const { ohPatientId: patientId } = city.patient(6);
  const letter = { subject: MARKED.subject, body: MARKED.body };
  await fetch(`${city.mocks.origins.mhv}/_mock/faults`, { method: 'DELETE' });
  await city.exchange.store.resume('mhv-to-oh', 'ann');
  await city.clinicianWrites({ ...letter, patientId, personnelSenderId: '2100001' });
  await city.pass(0);
  await refuseInEveryWay(city);
  const refusals = await useEveryDoor(city);
  await tripOver(city);
  // Without the values: a sum of seconds may have any digits.
  const metrics = (await metricsOf(city)).replaceAll(/ \S+$/gm, '');
  await city.restart();
  await city.pass(MINUTE_MS);
  const path = pathOf(city);
  const file = Buffer.concat(['', '-wal', '-shm'].map((suffix) => readFileSync(path + suffix)));
  const people = city.mocks.world.population.ordinary.slice(0, 6);
  const ids = people.flatMap(({ icn, ohPatientId, mhvCorrelationId }) => [
    icn,
    ohPatientId,
    mhvCorrelationId,
  ]);
  await city.exchange.stop();
  const told = { metrics, log: city.log.join(''), spans: collector.bodies.join('') };
  return { city, told, refusals, ids, file: Buffer.concat([file, readFileSync(path)]) };
}

function pathOf(city: City): string {
  const [row] = city.ask<{ file: string }>('SELECT file FROM pragma_database_list');
  return row?.file ?? '';
}

test('nothing that people wrote, and no patient, is told anywhere, and in the file it is sealed', async () => {
  const { city, told, refusals, ids, file } = await everythingAbout({ DATA_KEYS });
  const seen = (await city.atMhv()).map((message) => JSON.stringify(message)).join('');
  expect(seen).toContain('Namemark');
  const codes = new Set(told.log.matchAll(/"code":"(\w+):\d+"/g).map(([, system]) => system));
  expect(codes).toEqual(new Set(['auth', 'fhir', 'media', 'mhv', 'oh']));
  expect(told.log).toContain('"event":"bug"');
  const statuses = new Set(refusals.split('\n').map((line) => line.split(' ')[0]));
  expect(statuses).toEqual(new Set(['400', '404', '422']));
  expect(told.metrics).toContain('sm_exchange_attempt_failures_total{');
  expect(findMarks([...WRITTEN, ...ids], told)).toEqual([]);
  // A caller is told nothing that somebody else wrote, and nothing back.
  expect(findMarks(WRITTEN, { refusals, file })).toEqual([]);
}, 120_000);

test('the search finds what a faulty logger or tracer tells, and what lies in an unsealed file', async () => {
  const { told, file, ids } = await everythingAbout(
    { DATA_KEYS: '', OTEL_SERVICE_NAME: 'Namemark' },
    {
      formatters: {
        log: (line: Record<string, unknown>) =>
          line['event'] === 'bug' ? { ...line, tripped: btoa(`over ${MARKED.body}`) } : line,
      },
    },
  );
  const found = findMarks([...WRITTEN, ...ids], { ...told, file });
  for (const mark of WRITTEN) expect(found.join('\n')).toContain(`${mark} in the file, `);
  expect(found).toContain('Namemark in the spans, plain');
  expect(found).toContainEqual(expect.stringMatching(/^Bodymark in the log, base64 at \d$/));
}, 120_000);

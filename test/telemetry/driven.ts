/** An exchange to which everything has happened that the dashboard and the alerts look at. */
import type { LoggerOptions } from 'pino';
import { type City, POOL, setup } from '../flows/setup.ts';

/** A patient who can be told from all others, to be looked for where no patient may be. */
export const MARKED = {
  subject: 'Subjectmark é of "ZZTEST"',
  body: 'Bodymark é, see me\non "Monday".',
  fileName: 'filemark.pdf',
  /** A file in base64. */
  content: btoa('%PDF-1.4 Contentmark of ZZTEST'),
};

const HOUR_MS = 3_600_000;

export async function metricsOf(city: City): Promise<string> {
  const response = await fetch(`${city.exchange.url}/metrics`);
  if (response.status !== 200) throw new Error(`/metrics answered ${response.status}`);
  return response.text();
}

/** Both directions, a history, failures of each kind, an open breaker, a pause, a broken document. */
export async function drive(
  env: Record<string, string> = {},
  logging: LoggerOptions = {},
): Promise<City> {
  const city = await setup({ BREAKER_FAILURES: '2', MAX_ATTEMPTS: '4', ...env }, logging);
  const { icn, ohPatientId: patientId } = city.patient(1);
  const file = {
    name: MARKED.fileName,
    mimeType: 'application/pdf',
    contentBase64: MARKED.content,
  };
  const letter = { icn, subject: MARKED.subject, body: MARKED.body, receivingPoolId: POOL };
  await city.clinicianWrites({ patientId, subject: MARKED.subject, body: MARKED.body });
  await city.send({ ...letter, attachments: [file] });
  await city.pass(0);
  await post(`${city.exchange.url}/sessions`, { icn });
  await city.pass(0);
  await city.pass(1000);
  // Refused for good; trouble until the breaker opens; a send that nobody answered for.
  await city.send({ ...letter, receivingPoolId: '2000003' });
  await city.fault('mhv', { path: '/exchange/message', status: 503 });
  await city.clinicianWrites({ patientId, subject: 'Second', body: MARKED.body });
  for (let attempt = 0; attempt < 2; attempt += 1) await city.pass(HOUR_MS / 60);
  await city.fault('messaging', { path: '/outbox/messages', status: 503, times: 1 });
  await city.send(letter);
  await city.pass(0);
  await push(city, '<feed><entry></feed>');
  await city.exchange.store.pause('mhv-to-oh', 'ann');
  await city.send(letter);
  await city.pass(0);
  return city;
}

async function post(url: string, body: unknown): Promise<void> {
  await fetch(url, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(body),
  });
}

async function push({ exchange }: City, body: string): Promise<void> {
  const headers = { 'Content-Type': 'application/atom+xml' };
  await fetch(`${exchange.url}/oh/feed`, { method: 'POST', headers, body });
}

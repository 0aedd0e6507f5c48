/** Writers on both sides: each patient's clinician and the patient, one message after the other. */
import { type City, POOL } from './city.ts';
import type { Way, Written } from './ledger.ts';

export interface LoadOptions {
  city: City;
  chance: () => number;
  /** Longest pause of a writer between two requests. */
  maxPauseMs: number;
}

export interface Load {
  /** Messages begun so far; numbers the next. */
  begun: number;
  /** 2xx answers so far, repeated ones too. */
  answers: number;
  ledger: Written[];
  /** What the exchange answered that it must not, in words. */
  complaints: string[];
  /** Writes to the exchange at `url` until `signal` ends it or `quota` messages each way are acknowledged. */
  run(url: string, bounds: { signal: AbortSignal; quota: number }): Promise<void>;
}

/** A request that may be made again, exactly as it was. */
interface Asking {
  written: Written;
  path: '/oh/feed' | '/messages';
  headers: Record<string, string>;
  body: string;
  /** The exchange's answer to it, once there was one. */
  id?: string;
}

interface Writer {
  way: Way;
  patient: City['patients'][number];
  /** Asked for and not acknowledged: asked for again in the next run. */
  open: Asking | undefined;
}

/** Callers that hear nothing ask again this often; the rest is given up and may or may not arrive. */
const SHARE_ASKED_AGAIN = 0.7;
/** Callers that were answered and ask again all the same. */
const SHARE_REPEATED = 0.1;
const SHARE_WITH_KEY = 0.5;
/** Writers who are refused so often give up. */
const MAX_COMPLAINTS = 20;

/** Makes the writers, two for each patient; nothing is written yet. */
export function createLoad(options: LoadOptions): Load {
  const writers = options.city.patients.flatMap((patient): Writer[] => [
    { way: 'to MHV', patient, open: undefined },
    { way: 'to OH', patient, open: undefined },
  ]);
  const load: Load = {
    begun: 0,
    answers: 0,
    ledger: [],
    complaints: [],
    async run(url, { signal, quota }) {
      const left: Record<Way, number> = { 'to MHV': quota, 'to OH': quota };
      await Promise.all(
        writers.map((writer) => write(options, load, writer, { url, signal, left })),
      );
    },
  };
  return load;
}

interface Run {
  url: string;
  signal: AbortSignal;
  left: Record<Way, number>;
}

async function write(options: LoadOptions, load: Load, writer: Writer, run: Run): Promise<void> {
  const { chance, maxPauseMs } = options;
  while (!run.signal.aborted) {
    if (maxPauseMs > 0) await pause(chance() * maxPauseMs, run.signal);
    if (run.signal.aborted || run.left[writer.way] <= 0) return;
    if (load.complaints.length >= MAX_COMPLAINTS) return;
    run.left[writer.way] -= 1;
    const asking = writer.open ?? (await begin(options, load, writer));
    writer.open = undefined;
    const isAcknowledged = await request(load, asking, run);
    const isKeyed = asking.path === '/oh/feed' || 'Idempotency-Key' in asking.headers;
    if (!isAcknowledged) {
      run.left[writer.way] += 1;
      if (isKeyed && chance() < SHARE_ASKED_AGAIN) writer.open = asking;
    } else if (isKeyed && chance() < SHARE_REPEATED) {
      await request(load, asking, run);
    }
  }
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await new Promise<void>((resolve) => {
    const end = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal.addEventListener('abort', end);
  });
}

async function begin(options: LoadOptions, load: Load, writer: Writer): Promise<Asking> {
  load.begun += 1;
  const number = load.begun;
  const subject = `Message ${number}`;
  const body = `Invented words of invented message ${number}.`;
  const { patient } = writer;
  const asking: Asking =
    writer.way === 'to MHV'
      ? await announced(options.city, patient.ohPatientId, { subject, body })
      : posted(options, patient.icn, { subject, body, number });
  load.ledger.push(asking.written);
  return asking;
}

/** A clinician writes in OH, and its feed is to tell the exchange. */
async function announced(
  { mocks, tell }: City,
  patientId: string,
  letter: { subject: string; body: string },
): Promise<Asking> {
  const written = { patientId, poolSenderId: POOL, ...letter, announce: false };
  const { ohMessageId } = await tell<{ ohMessageId: string }>('messaging', '/_mock/inbox', written);
  const base = `${mocks.env['OH_MESSAGING_BASE_URL']}/${mocks.env['OH_AUTHORITY']}`;
  const href = `${base}/patients/${patientId}/inbox/messages/${encodeURIComponent(ohMessageId)}`;
  return {
    written: { way: 'to MHV', key: ohMessageId, patient: patientId, askedAt: 0 },
    path: '/oh/feed',
    headers: { 'Content-Type': 'application/atom+xml' },
    body: `<entry xmlns="http://www.w3.org/2005/Atom"><id>urn:example:oh:message:${ohMessageId}</id><title>${letter.subject}</title><updated>2025-10-08T14:15:40Z</updated><link href="${href}"/></entry>`,
  };
}

function posted(
  { chance }: LoadOptions,
  icn: string,
  { number, ...letter }: { subject: string; body: string; number: number },
): Asking {
  const key = chance() < SHARE_WITH_KEY ? { 'Idempotency-Key': `key-${number}` } : {};
  return {
    written: { way: 'to OH', key: letter.subject, patient: icn, askedAt: 0 },
    path: '/messages',
    headers: { 'Content-Type': 'application/json', ...key },
    body: JSON.stringify({ icn, receivingPoolId: POOL, mhvMessageId: number, ...letter }),
  };
}

/** Asks once; true when the exchange said 2xx. No answer at all is what a kill looks like. */
async function request(load: Load, asking: Asking, run: Run): Promise<boolean> {
  const { written, path, headers, body } = asking;
  written.askedAt ||= performance.now();
  let status: number;
  let answer: { id?: string };
  try {
    const response = await fetch(run.url + path, { method: 'POST', headers, body });
    answer = (await response.json()) as { id?: string };
    ({ status } = response);
  } catch {
    // The process is gone: without this pause a writer would ask nobody, over and over.
    await pause(5, run.signal);
    return false;
  }
  if (status !== 202) {
    load.complaints.push(`POST ${path} was answered ${status}`);
    return false;
  }
  if (asking.id !== undefined && answer.id !== asking.id) {
    load.complaints.push('a repeated request was answered with another id');
  }
  if (answer.id !== undefined) asking.id = answer.id;
  load.answers += 1;
  written.acknowledgedAt ??= performance.now();
  return true;
}

/** A whole exchange over real HTTP against the mocks, with a clock and chance that the test sets. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import pino, { type LoggerOptions } from 'pino';
import { parseConfig } from '../../src/config.ts';
import { createExchange, type Exchange } from '../../src/exchange.ts';
import { createMhvSessions } from '../../src/mhv/session.ts';
import { type Mocks, startMocks } from '../../src/mocks/mocks.ts';
import type { MessageView } from '../../src/store/store.ts';
import { afterwards } from '../afterwards.ts';

const START = Date.UTC(2025, 9, 8, 14, 0, 0);
export const POOL = '2000001';
/** A team of the MHV mock that every patient may write to. */
const TRIAGE_TEAM = '153463';
export const CLOSED_POOL = '2000003';

export interface City {
  exchange: Exchange;
  mocks: Mocks;
  clock: { now: number };
  /** Asks the file itself. */
  ask: <T>(sql: string) => T[];
  /** Lines of the exchange's log. */
  log: string[];
  /** The n-th ordinary patient. */
  patient: (n: number) => { icn: string; ohPatientId: string; mhvCorrelationId: string };
  /** A clinician writes in OH, and the feed pushes it before this returns. */
  clinicianWrites: (letter: Record<string, unknown>) => Promise<string>;
  /** POST /messages; returns the exchange's id. */
  send: (message: Record<string, unknown>) => Promise<string>;
  /** A patient writes a message with a file in MHV. */
  patientWritesAtMhv: (
    mhvCorrelationId: string,
    file: { name: string; mimeType: string; bytes: Uint8Array<ArrayBuffer> },
  ) => Promise<{ id: string; attachmentIds: string[] }>;
  view: (id: string) => Promise<MessageView>;
  /** The one message of the exchange that carries this OH message. */
  viewOf: (ohMessageId: string) => Promise<MessageView>;
  atMhv: () => Promise<Record<string, unknown>[]>;
  atOh: () => Promise<Record<string, unknown>[]>;
  fault: (mock: keyof Mocks['origins'], fault: Record<string, unknown>) => Promise<void>;
  /** Moves the clock and works on everything that is due then. */
  pass: (ms: number) => Promise<void>;
  /** Stops the exchange and starts another on the same file. */
  restart: () => Promise<void>;
}

/** `logging` is what a test changes of the logger. */
export async function setup(
  env: Record<string, string> = {},
  logging: LoggerOptions = {},
): Promise<City> {
  const clock = { now: START };
  const folder = mkdtempSync(join(tmpdir(), 'sm-exchange-flow-'));
  afterwards(() => rmSync(folder, { recursive: true, force: true }));
  const mocks = await startMocks({ now: () => clock.now });
  afterwards(() => mocks.stop());
  const log: string[] = [];
  const config = parseConfig({
    ...mocks.env,
    AUTH: 'none',
    PORT: '0',
    DATABASE_PATH: join(folder, 'exchange.db'),
    DELIVERY_TIMEOUT_MS: '2000',
    LEASE_MS: '10000',
    ...env,
  });
  const start = () =>
    createExchange(config, {
      now: () => clock.now,
      random: () => 0.5,
      log: pino(
        { level: config.LOG_LEVEL, ...logging },
        { write: (line: string) => void log.push(line) },
      ),
    });
  const city = {
    exchange: await start(),
    mocks,
    clock,
    log,
    ask<T>(sql: string) {
      const db = new Database(config.DATABASE_PATH, { readonly: true });
      try {
        return db.prepare(sql).all() as T[];
      } finally {
        db.close();
      }
    },
  };
  afterwards(() => city.exchange.stop());

  async function post(url: string, body: unknown): Promise<Record<string, unknown>> {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify(body),
    });
    const answer = await response.text();
    if (!response.ok) throw new Error(`${url} answered ${response.status} ${answer}`);
    return answer === '' ? {} : (JSON.parse(answer) as Record<string, unknown>);
  }

  async function get(url: string): Promise<Record<string, unknown>[]> {
    return (await (await fetch(url)).json()) as Record<string, unknown>[];
  }

  const patients = await get(`${mocks.origins.fhir}/_mock/patients`);
  return Object.assign(city, {
    patient(n: number) {
      const found = patients[n - 1];
      const of = (field: string) => String(found?.[field]);
      return {
        icn: of('icn'),
        ohPatientId: of('ohPatientId'),
        mhvCorrelationId: of('mhvCorrelationId'),
      };
    },
    async clinicianWrites(letter: Record<string, unknown>) {
      const inbox = `${mocks.origins.messaging}/_mock/inbox`;
      const written = await post(inbox, { poolSenderId: POOL, ...letter, announce: false });
      const ohMessageId = String(written['ohMessageId']);
      const url = `${city.exchange.url}/oh/feed`;
      await post(`${mocks.origins.feed}/_mock/push`, { url, entries: [ohMessageId] });
      return ohMessageId;
    },
    async send(message: Record<string, unknown>) {
      return String((await post(`${city.exchange.url}/messages`, message))['id']);
    },
    async patientWritesAtMhv(
      mhvCorrelationId: string,
      file: { name: string; mimeType: string; bytes: Uint8Array<ArrayBuffer> },
    ) {
      const sessionOf = createMhvSessions({
        baseUrl: config.MHV_BASE_URL,
        appToken: config.MHV_APP_TOKEN,
        apiKey: config.MHV_API_KEY ?? '',
        timeoutMs: 2000,
        now: () => clock.now,
      });
      const stored = await sessionOf(mhvCorrelationId).create(
        {
          subject: 'Readings',
          category: 'OTHER',
          recipientId: TRIAGE_TEAM,
          body: 'See the file.',
          files: { uploads: [file] },
        },
        { signal: AbortSignal.timeout(5000), correlationId: 'test' },
      );
      return { id: stored.id, attachmentIds: stored.attachments.map(({ id }) => id) };
    },
    async view(id: string) {
      const view = await city.exchange.store.find(id);
      if (!view) throw new Error('no such message');
      return view;
    },
    async viewOf(ohMessageId: string) {
      const { messages } = await city.exchange.store.list({ ohMessageId }, { limit: 10 });
      const view = messages.at(-1) && (await city.exchange.store.find(messages.at(-1)?.id ?? ''));
      if (!view) throw new Error('no such message');
      return view;
    },
    atMhv: () => get(`${mocks.origins.mhv}/_mock/messages`),
    atOh: () => get(`${mocks.origins.messaging}/_mock/messages`),
    async fault(mock: keyof Mocks['origins'], fault: Record<string, unknown>) {
      await post(`${mocks.origins[mock]}/_mock/faults`, fault);
    },
    async pass(ms: number) {
      clock.now += ms;
      await city.exchange.engine.drain();
    },
    async restart() {
      await city.exchange.stop();
      city.exchange = await start();
    },
  });
}

/** How long the lists of the API and the pages of the console take, as somebody who looks waits for them. */
import type { Instant } from '../../../src/message.ts';
import type { Store } from '../../../src/store/store.ts';
import { appOn } from '../app.ts';
import { median } from '../rounds.ts';

export interface Looks {
  /** Milliseconds by what was looked at: the median of a few looks, each with nothing remembered. */
  ms: Record<string, number>;
  /** Of the first look each, the longest: its statements are compiled, its pages not in memory. */
  slowestFirstMs: number;
}

/** What the file has to look at. */
export interface Sights {
  icn: string;
  ohMessageId: string;
  mhvMessageId: string;
  /** Id of a message about the middle of the file, and its cursors. */
  id: string;
  cursor: number;
}

const RUNS = 5;
/** Longer than anything is remembered that a page shows. */
const FORGOTTEN_MS = 60_000;
const DAY_MS = 24 * 60 * 60 * 1000;
const STATUSES = ['IN_PROGRESS', 'SENT', 'FAILED', 'INVALID'];

type Query = Record<string, string>;
type Look = (origin: string) => Promise<Response>;

/** Serves the store on loopback and looks at everything; moves the clock on between looks. */
export async function timeLooks(
  store: Store,
  clock: { now: Instant },
  sights: Sights,
): Promise<Looks> {
  const app = appOn(store, () => clock.now);
  app.listen({ hostname: '127.0.0.1', port: 0 });
  const origin = app.server?.url.origin ?? '';
  const csrf = await csrfOf(origin);
  const looks: Record<string, Look> = {
    ...apiLooks(clock.now, sights),
    ...consoleLooks(clock.now, sights, csrf),
  };
  const result: Looks = { ms: {}, slowestFirstMs: 0 };
  for (const [name, look] of Object.entries(looks)) {
    const runs: number[] = [];
    for (let run = 0; run < RUNS; run += 1) {
      clock.now += FORGOTTEN_MS;
      const began = performance.now();
      const answer = await look(origin);
      await answer.arrayBuffer();
      runs.push(performance.now() - began);
      if (answer.status !== 200) throw new Error(`${name} answers ${answer.status}.`);
    }
    result.ms[name] = median(runs);
    result.slowestFirstMs = Math.max(result.slowestFirstMs, runs[0] ?? 0);
  }
  await app.server?.stop(true);
  return result;
}

function apiLooks(now: Instant, sights: Sights): Record<string, Look> {
  const { icn, ohMessageId, mhvMessageId, cursor } = sights;
  const named: Record<string, Query> = {
    icn: { icn },
    ohMessageId: { ohMessageId },
    mhvMessageId: { mhvMessageId },
  };
  return {
    ...pagesOf('/messages', withStatus({ ...stretches(now), ...named }, STATUSES), String(cursor)),
    ...paths('/destinations', '/directory', '/quarantine', '/metrics', '/health/ready'),
    '/messages/{id}': (origin) => fetch(`${origin}/messages/${sights.id}`),
  };
}

function consoleLooks(now: Instant, sights: Sights, csrf: string): Record<string, Look> {
  const { icn, ohMessageId, mhvMessageId, id } = sights;
  const messages = '/console/messages';
  const searches = withStatus(stretches(now), ['GIVEN_UP', ...STATUSES]);
  const named = Object.entries({ icn, ohMessageId, mhvMessageId, id }).map(
    ([by, value]): [string, Look] => [
      `POST ${messages} ${by}`,
      (origin) => post(`${origin}${messages}`, { named: value, csrf }),
    ],
  );
  return {
    ...paths('/console', '/console/destinations', '/console/directory', '/console/quarantine'),
    ...paths('/console/system', '/console/replay', '/console/histories'),
    ...pagesOf(
      '/console/histories',
      { pending: { state: 'pending' }, dead: { state: 'dead' } },
      '9000',
    ),
    ...pagesOf(messages, searches, id),
    ...Object.fromEntries(named),
    [`${messages}/{id}`]: (origin) => fetch(`${origin}${messages}/${id}`),
  };
}

/** What is neither the id of a message nor of a patient. */
function stretches(now: Instant): Record<string, Query> {
  const at = (days: number) => new Date(now - days * DAY_MS).toISOString();
  return {
    all: {},
    direction: { direction: 'oh-to-mhv' },
    otherDirection: { direction: 'mhv-to-oh' },
    errorCode: { errorCode: 'mhv:119' },
    commonErrorCode: { errorCode: 'directory:unmapped-pool' },
    unknownErrorCode: { errorCode: 'mhv:999' },
    recent: { since: at(1) },
    old: { until: at(300) },
    stretch: { since: at(400), until: at(399) },
    oldOneWay: { until: at(300), direction: 'oh-to-mhv' },
  };
}

/** Each alone, and with each status. */
function withStatus(queries: Record<string, Query>, statuses: string[]): Record<string, Query> {
  const combined = statuses.flatMap((status) =>
    Object.entries(queries).map(([name, query]): [string, Query] => [
      `${name} ${status}`,
      { ...query, status },
    ]),
  );
  return { ...queries, ...Object.fromEntries(combined) };
}

/** The first page of each, and the one behind `cursor`. */
function pagesOf(
  path: string,
  queries: Record<string, Query>,
  cursor: string,
): Record<string, Look> {
  const looks = Object.entries(queries).flatMap(([name, query]): [string, Look][] => [
    [`${path} ${name}`, get(path, query)],
    [`${path} ${name} deep`, get(path, { ...query, cursor })],
  ]);
  return Object.fromEntries(looks);
}

function get(path: string, query: Query): Look {
  const search = new URLSearchParams(query);
  return (origin) => fetch(`${origin}${path}?${search}`);
}

function paths(...names: string[]): Record<string, Look> {
  return Object.fromEntries(names.map((name) => [name, get(name, {})]));
}

function post(url: string, form: Query): Promise<Response> {
  return fetch(url, { method: 'POST', body: new URLSearchParams(form) });
}

async function csrfOf(origin: string): Promise<string> {
  const page = await (await fetch(`${origin}/console/messages`)).text();
  return /name="csrf" value="([\w-]+)"/.exec(page)?.[1] ?? '';
}

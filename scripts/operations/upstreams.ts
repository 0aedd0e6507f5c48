/** Tries every upstream at once, and says in words what it found. */

import { createClients } from '../../src/clients.ts';
import type { Config } from '../../src/config.ts';
import { isPrivate } from '../../src/environment-values.ts';
import type { Undelivered } from '../../src/message.ts';
import {
  type CallContext,
  call,
  peerAt,
  UpstreamError,
  type UpstreamResponse,
} from '../../src/upstream.ts';
import { counted, type Finding, lasting } from './finding.ts';
import { type Line, lineTo } from './line.ts';
import { type Question, questionsOf } from './questions.ts';

export interface UpstreamFinding extends Finding {
  url: string;
  reachable: boolean;
  /** Absent when it never came to that. */
  authorized?: boolean;
  /** Whether the answer was the one that is documented. */
  documented?: boolean;
  /** Code of what went wrong with the question. */
  code?: string;
  tookMs: number;
  /** How far its clock (the `Date` of RFC 9110 §6.6.1) is ahead of ours; right to a second or so. */
  clockAheadMs?: number;
  /** End of its certificate, in milliseconds since the epoch. */
  certificateUntil?: number;
}

/** For each call and each step of a connection; a question is two calls, perhaps with a token before. */
const MAX_TIMEOUT_MS = 10_000;
/** A `Date` has no fractions, and an answer takes its time. */
const CLOCK_LOOK_MS = 30_000;
/** Signed tokens live that long: beyond, an authorization server refuses ours. */
const CLOCK_BAD_MS = 240_000;
const CERTIFICATE_LOOK_MS = 30 * 86_400_000;

/**
 * Asks each upstream for something harmless: nothing is written and no patient is named. Rejects when the
 * clients can't be made of the configuration, as with a private key that can't be read.
 */
export async function examineUpstreams(config: Config): Promise<UpstreamFinding[]> {
  const timeoutMs = Math.min(config.DELIVERY_TIMEOUT_MS, MAX_TIMEOUT_MS);
  const clients = createClients({ ...config, DELIVERY_TIMEOUT_MS: timeoutMs }, Date.now);
  const questions = questionsOf(config, clients);
  return Promise.all(questions.map((question) => examine(question, timeoutMs)));
}

/** What was learned of one upstream. */
interface Facts {
  question: Question;
  looked: Looked;
  line: Line;
  /** A sentence of what it did, or why not. */
  asked: string | Undelivered;
  tookMs: number;
}

type Looked = { response: UpstreamResponse; clockAheadMs?: number } | { outcome: Undelivered };

async function examine(question: Question, timeoutMs: number): Promise<UpstreamFinding> {
  const signal = AbortSignal.timeout(timeoutMs * 4);
  const context = { signal, correlationId: Bun.randomUUIDv7() };
  const startedAt = performance.now();
  const asking = tried(question.ask(context)).then((asked) => ({
    asked,
    tookMs: Math.round(performance.now() - startedAt),
  }));
  const [looked, line, { asked, tookMs }] = await Promise.all([
    look(question, timeoutMs, context),
    lineTo(question.url, timeoutMs, question.tls),
    asking,
  ]);
  return findingOf({ question, looked, line, asked, tookMs });
}

async function tried<T>(work: Promise<T>): Promise<T | Undelivered> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof UpstreamError) return error.outcome;
    throw error;
  }
}

async function look(
  { name: system, tls, look: { url, headers = {} } }: Question,
  timeoutMs: number,
  context: CallContext,
): Promise<Looked> {
  const sentAt = Date.now();
  const peer = peerAt(url, tls);
  const request = { system, peer, method: 'GET', url, headers, timeoutMs, effect: 'read' } as const;
  const answer = await tried(call({ ...request, context }));
  if ('kind' in answer) return { outcome: answer };
  const date = Date.parse(answer.headers.get('date') ?? '');
  // In the middle of the second that it names, and of the time that the call took.
  const clockAheadMs = Math.round(date + 500 - (sentAt + Date.now()) / 2);
  return { response: answer, ...(Number.isNaN(date) ? {} : { clockAheadMs }) };
}

function findingOf(facts: Facts): UpstreamFinding {
  const { question, looked, line, asked, tookMs } = facts;
  const clockAheadMs = 'clockAheadMs' in looked ? looked.clockAheadMs : undefined;
  const certificateUntil = line.ends === 'server' ? line.certificateUntil : undefined;
  const did = typeof asked === 'string' ? asked : asked.reason;
  const { origin, pathname } = new URL(question.url);
  return {
    name: question.name,
    url: `${origin}${pathname}`,
    ...(verdictOn(facts) ?? wellWith(question, { did, tookMs, clockAheadMs, certificateUntil })),
    tookMs,
    ...(typeof asked === 'string' ? {} : { code: asked.code }),
    ...(clockAheadMs === undefined ? {} : { clockAheadMs }),
    ...(certificateUntil === undefined ? {} : { certificateUntil }),
  };
}

type Verdict = Pick<
  UpstreamFinding,
  'level' | 'found' | 'next' | 'reachable' | 'authorized' | 'documented'
>;

/** What is wrong, the first thing first; undefined when nothing is. */
function verdictOn({ question, looked, line, asked }: Facts): Verdict | undefined {
  const { variable, credentials } = question;
  const isUnreached = 'outcome' in looked && typeof asked !== 'string';
  if (isUnreached) {
    return { level: 'bad', reachable: false, ...unreached(line, looked.outcome, variable) };
  }
  const isExpected = 'response' in looked ? question.isExpected(looked.response) : undefined;
  if (isExpected === false && 'response' in looked) {
    const { status } = looked.response;
    const found = `answers ${status}, but not as such a server does: the address may be wrong`;
    return {
      level: 'bad',
      reachable: true,
      documented: false,
      found,
      next: `check the path in ${variable}`,
    };
  }
  if (typeof asked === 'string') return undefined;
  const { code, reason } = asked;
  if (code.startsWith('auth:') && variable !== 'OH_AUTH_TOKEN_URL') {
    const found = 'is reachable, but there is no token to ask it with';
    return { level: 'bad', reachable: true, found, next: 'see OH authorization' };
  }
  const isRefused = isRefusal(asked);
  return {
    level: 'bad',
    reachable: true,
    authorized: !isRefused,
    ...(isRefused ? {} : { documented: false }),
    found: isRefused ? `does not let us in: ${reason}` : `did not answer as documented: ${reason}`,
    next: isRefused ? `check ${credentials}` : `check the path in ${variable}, then ask its people`,
  };
}

/** 401, 403, an error of the token endpoint, and MHV's codes for a wrong application token. */
function isRefusal({ code, httpStatus = 0 }: Undelivered): boolean {
  return (
    [401, 403].includes(httpStatus) || /^(mhv:(101|102|132)|auth:4\d\d|.*:unauthorized)$/.test(code)
  );
}

const steps = {
  name: {
    found: 'its name is not known here',
    next: "check the host in {variable}, and this machine's resolver",
  },
  connection: {
    found: 'nobody takes the connection',
    next: 'check host and port in {variable}, and that a firewall lets this machine out',
  },
  tls: {
    found: 'TLS does not come about',
    next: 'check the certificate; {side}_TLS_CA_FILE names a file with a CA of your own',
  },
};

function unreached(line: Line, outcome: Undelivered, variable: string) {
  const [side = ''] = variable.split('_', 1);
  if (line.ends === 'server' && outcome.code.endsWith(':tls')) {
    const found = 'breaks TLS off once it has seen what certificate we show, or that we show none';
    return { found, next: `check ${side}_TLS_CERT_FILE, and who signed it` };
  }
  if (line.ends === 'server') {
    const found = `takes the connection, but gives no answer: ${outcome.reason}`;
    return { found, next: `check ${variable}, then ask its people` };
  }
  const { found, next } = steps[line.step];
  return {
    found: `is not reachable: ${found} (${line.code})`,
    next: next.replace('{variable}', variable).replace('{side}', side),
  };
}

function wellWith(
  { url, variable }: Question,
  {
    did,
    tookMs,
    clockAheadMs,
    certificateUntil,
  }: {
    did: string;
    tookMs: number;
    clockAheadMs: number | undefined;
    certificateUntil: number | undefined;
  },
): Verdict {
  const parts = [`${did}, in ${tookMs} ms`];
  const nexts: string[] = [];
  let level: Finding['level'] = 'ok';
  if (!isPrivate(url)) {
    parts.push('all of it in the clear');
    nexts.push(`make ${variable} an https URL`);
    level = 'look';
  }
  const off = Math.abs(clockAheadMs ?? 0);
  if (off > CLOCK_LOOK_MS) {
    const way = Number(clockAheadMs) > 0 ? 'ahead of' : 'behind';
    parts.push(`its clock is ${lasting(off)} ${way} ours`);
    nexts.push('check this machine: timedatectl');
    level = off > CLOCK_BAD_MS ? 'bad' : 'look';
  }
  const leftMs = certificateUntil === undefined ? undefined : certificateUntil - Date.now();
  if (leftMs !== undefined) {
    parts.push(`certificate for ${counted(Math.floor(leftMs / 86_400_000), 'more day')}`);
  }
  if (leftMs !== undefined && leftMs < CERTIFICATE_LOOK_MS) {
    nexts.push('have its people renew the certificate');
    if (level === 'ok') level = 'look';
  }
  return {
    level,
    reachable: true,
    authorized: true,
    documented: true,
    found: parts.join('; '),
    ...(nexts.length === 0 ? {} : { next: nexts.join('; ') }),
  };
}

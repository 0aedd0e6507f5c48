/**
 * Faults on demand. A fault fits a request when its `path` is part of the request's path and query
 * as sent (so a prefix fits too), and its `method`, if given, is the request's.
 */
import { type Static, Type } from '@sinclair/typebox';
import { type Answer, controlBody, type MockRequest } from './answer.ts';
import { mhvError } from './mhv-errors.ts';

const MAX_FAULTS = 1000;

const faultSchema = Type.Object(
  {
    path: Type.String(),
    method: Type.Optional(Type.String()),
    /** Answer this instead of doing the work. */
    status: Type.Optional(Type.Integer({ minimum: 200, maximum: 599 })),
    /** Answer late; without `status` the work is done first. */
    delayMs: Type.Optional(Type.Integer({ minimum: 0, maximum: 600_000 })),
    /** How many requests it hits; without it every one, until reset. */
    times: Type.Optional(Type.Integer({ minimum: 1 })),
    /** Do the work, then cut the connection without an answer. */
    dropAfter: Type.Optional(Type.Boolean()),
    /** Chance that a fitting request is hit, by the mocks' seeded chance. */
    rate: Type.Optional(Type.Number({ minimum: 0, maximum: 1 })),
    /** `Retry-After` of the answer: seconds or an HTTP date. */
    retryAfter: Type.Optional(Type.Union([Type.Integer({ minimum: 0 }), Type.String()])),
    /** An error of MHV's table as body. */
    errorCode: Type.Optional(Type.Integer()),
    format: Type.Optional(
      Type.Union([
        Type.Literal('json'),
        Type.Literal('xml'),
        Type.Literal('html'),
        Type.Literal('empty'),
      ]),
    ),
  },
  { additionalProperties: false },
);

/** What `POST /_mock/faults` takes. */
export const faultBody = controlBody(faultSchema);

export type Fault = Static<typeof faultSchema> & { hits: number };

/** What the faults that hit one request add up to. */
export interface Trouble {
  delayMs: number;
  dropAfter: boolean;
  /** The answer in place of the mock's own. */
  answer?: Answer;
  hit: boolean;
}

/** Adds a fault; the oldest goes when there are too many. */
export function addFault(faults: Fault[], fault: Omit<Fault, 'hits'>): Fault {
  const added = { ...fault, hits: 0 };
  faults.push(added);
  if (faults.length > MAX_FAULTS) faults.shift();
  return added;
}

/** Takes what is due for a request off the faults: `times` counts down, `rate` is drawn. */
export function takeTrouble(faults: Fault[], request: MockRequest, chance: () => number): Trouble {
  const trouble: Trouble = { delayMs: 0, dropAfter: false, hit: false };
  for (const fault of faults) {
    if (!fits(fault, request)) continue;
    if (trouble.answer !== undefined && answersItself(fault)) continue;
    if (fault.rate !== undefined && chance() >= fault.rate) continue;
    fault.hits++;
    trouble.hit = true;
    trouble.delayMs += fault.delayMs ?? 0;
    if (fault.dropAfter === true) trouble.dropAfter = true;
    else if (answersItself(fault)) trouble.answer = faultAnswer(fault);
  }
  return trouble;
}

function fits(fault: Fault, request: MockRequest): boolean {
  if (fault.times !== undefined && fault.hits >= fault.times) return false;
  if (fault.method !== undefined && fault.method.toUpperCase() !== request.method) return false;
  return request.target.includes(fault.path);
}

/** A fault that says nothing but where (and how often) is a 503. */
function answersItself(fault: Fault): boolean {
  if (fault.status !== undefined || fault.errorCode !== undefined) return true;
  return fault.dropAfter !== true && fault.delayMs === undefined;
}

function faultAnswer(fault: Fault): Answer {
  const answer = faultContent(fault);
  if (fault.retryAfter === undefined) return answer;
  return { ...answer, headers: { ...answer.headers, 'retry-after': String(fault.retryAfter) } };
}

function faultContent(fault: Fault): Answer {
  const { errorCode } = fault;
  const format = fault.format ?? (errorCode === undefined ? 'empty' : 'json');
  if (errorCode !== undefined && (format === 'json' || format === 'xml')) {
    return mhvError(errorCode, { format, ...(fault.status ? { status: fault.status } : {}) });
  }
  const status = fault.status ?? 503;
  if (format === 'empty') return { status };
  const [contentType, body] = contents[format];
  return { status, headers: { 'content-type': contentType }, body };
}

const contents = {
  html: ['text/html', '<html><body><h1>Service Unavailable</h1></body></html>'],
  json: ['application/json', '{"message":"Fault on demand"}'],
  xml: ['application/xml', '<Error><message>Fault on demand</message></Error>'],
} as const;

/** What the API's description says of refusals and header fields: routes name only what is their own. */
import { STATUS_CODES } from 'node:http';
import { Type } from '@sinclair/typebox';
import type { DocumentDecoration } from 'elysia';
import { type ErrorCode, ExchangeError, statusByCode } from '../errors.ts';
import { PROBLEM_MEDIA_TYPE, problemOf, titles } from './problem.ts';

const CODES = 'x-refusals';

/** The description of a route, with what it is refused for besides what every route of its kind is. */
export function refusing(codes: ErrorCode[], detail: DocumentDecoration): DocumentDecoration {
  return { ...detail, [CODES]: codes } as DocumentDecoration;
}

/** An operation of the document, as far as it is completed here. */
export interface Operation {
  security?: object[];
  requestBody?: object;
  parameters?: { in: string }[];
  responses?: Record<string, Answer>;
  [CODES]?: ErrorCode[];
}

interface Answer {
  description?: string | undefined;
  headers?: object;
  content?: object;
}

/** Adds every refusal by its status, and the header fields that answers have in common. */
export function completed({ [CODES]: own = [], ...operation }: Operation): Operation {
  const codes = [...new Set([...shared(operation), ...own])];
  const statuses = [...new Set(codes.map((code) => statusByCode[code]))].toSorted(
    (one, other) => one - other,
  );
  const refusals = statuses.map((status): [string, Answer] => [
    String(status),
    refusal(
      codes.filter((code) => statusByCode[code] === status),
      isOfApi(operation),
    ),
  ]);
  const successes = Object.entries(operation.responses ?? {}).map(
    ([status, answer]): [string, Answer] => [status, success(answer, status, isOfApi(operation))],
  );
  return { ...operation, responses: Object.fromEntries([...successes, ...refusals]) };
}

/** What any route of a kind may be refused for. */
function shared(operation: Operation): ErrorCode[] {
  const { requestBody, parameters = [] } = operation;
  const isChecked = requestBody !== undefined || parameters.some((one) => one.in === 'query');
  return [
    ...(requestBody ? (['malformed', 'too-large'] as const) : []),
    ...(isOfApi(operation) ? (['unauthorized', 'forbidden', 'too-many-requests'] as const) : []),
    ...(isChecked ? (['invalid'] as const) : []),
    'internal',
    'unavailable',
  ];
}

/** Whether it takes a token of the API; such callers are counted. */
function isOfApi({ security = [] }: Operation): boolean {
  return security.some((scheme) => 'bearer' in scheme);
}

function success({ content, ...answer }: Answer, status: string, limited: boolean): Answer {
  return {
    ...answer,
    description: answer.description?.startsWith('Response for')
      ? `${STATUS_CODES[status]}`
      : answer.description,
    headers: { ...answer.headers, ...REQUEST_ID, ...(limited ? LIMITS : {}) },
    // The generator writes a schema where a media type belongs.
    ...(content === undefined || status === '204' ? {} : { content }),
  };
}

function refusal(codes: ErrorCode[], limited: boolean): Answer {
  const [first] = codes;
  const isCounted = limited && codes.some((code) => !uncounted.includes(code));
  return {
    description: codes.map((code) => titles[code]).join(' '),
    headers: {
      ...REQUEST_ID,
      ...(first ? headersBy[first] : {}),
      ...(isCounted ? LIMITS : {}),
    },
    content: {
      [PROBLEM_MEDIA_TYPE]: {
        schema: { $ref: '#/components/schemas/Problem' },
        examples: Object.fromEntries(codes.map((code) => [code, { value: example(code) }])),
      },
    },
  };
}

function field(name: string) {
  return { $ref: `#/components/headers/${name}` };
}

const REQUEST_ID = { 'X-Request-Id': field('X-Request-Id') };
const LIMITS = { RateLimit: field('RateLimit'), 'RateLimit-Policy': field('RateLimit-Policy') };
const RETRY_AFTER = { 'Retry-After': field('Retry-After') };
const CHALLENGE = { 'WWW-Authenticate': field('WWW-Authenticate') };

const headersBy: Partial<Record<ErrorCode, object>> = {
  unauthorized: CHALLENGE,
  forbidden: CHALLENGE,
  'too-many-requests': RETRY_AFTER,
  unavailable: RETRY_AFTER,
};

/** Refused, always or most often, before anybody knows, or asks, who calls. */
const uncounted: ErrorCode[] = ['unauthorized', 'too-large'];

const details: Record<ErrorCode, string> = {
  malformed: 'The body is not valid JSON.',
  unauthorized: 'The token is unknown, has ended or was revoked.',
  forbidden: 'It takes the scope operate.',
  'not-found': 'No message has this id.',
  'method-not-allowed': 'PATCH is none of GET, POST.',
  conflict: 'The message is in hand at this moment.',
  'too-large': 'A pushed document may have 5242880 bytes.',
  'unsupported-media-type': 'Expected application/atom+xml (or application/xml, text/xml).',
  invalid: 'body/icn: must be an ICN: ten digits, V, six digits',
  'idempotency-key-reused': 'This Idempotency-Key was used with another request.',
  'too-many-requests': 'A caller may make 6000 requests a minute.',
  internal: 'Internal error.',
  unavailable: 'The backlog is full.',
};

function example(code: ErrorCode) {
  const faults = [{ pointer: '/icn', detail: 'must be an ICN: ten digits, V, six digits' }];
  const options = code === 'invalid' ? { faults } : {};
  const error = new ExchangeError(code, details[code], options);
  return JSON.parse(
    JSON.stringify(problemOf(error, '01a2055c-e698-74c2-b1d2-52e04040871f')),
  ) as object;
}

const codes = Object.keys(statusByCode) as ErrorCode[];

/** `components` that the answers refer to. */
export const components = {
  schemas: {
    Problem: Type.Object(
      {
        type: Type.String({
          enum: codes.map((code) => `urn:sm-exchange:problem:${code}`),
          description: 'What a program tells refusals apart by',
        }),
        title: Type.String({ description: 'The same for each type' }),
        status: Type.Integer(),
        detail: Type.String({ description: 'What is wrong and where; never patient data' }),
        instance: Type.String({
          description: 'The request, by the id that the log has and X-Request-Id',
        }),
        errors: Type.Optional(
          Type.Array(Type.Object({ pointer: Type.String(), detail: Type.String() }), {
            description: 'Every field that is wrong, by JSON pointer (RFC 6901)',
          }),
        ),
        line: Type.Optional(Type.Integer({ description: 'Of the document, from 1' })),
        column: Type.Optional(Type.Integer({ description: 'In that line, from 1' })),
        element: Type.Optional(Type.String({ examples: ['feed/entry[2]/updated'] })),
      },
      { description: 'RFC 9457', additionalProperties: false },
    ),
  },
  headers: {
    'X-Request-Id': {
      description:
        "The request's id in the log: the caller's own when it has 1 to 128 characters of A-Za-z0-9_.:+/=-, else a new one",
      schema: { type: 'string', maxLength: 128 },
      required: true,
    },
    'Retry-After': {
      description: 'Seconds until it is worth another try (RFC 9110 §10.2.3)',
      schema: { type: 'integer', minimum: 1 },
    },
    'WWW-Authenticate': {
      description: 'What is wrong with the credentials (RFC 6750 §3)',
      schema: { type: 'string' },
      required: true,
    },
    'RateLimit-Policy': {
      description:
        'q requests of a caller in w seconds (draft-ietf-httpapi-ratelimit-headers-10); absent without a limit',
      schema: { type: 'string', examples: ['"client";q=6000;w=60'] },
    },
    RateLimit: {
      description: 'r of them are left, for t seconds',
      schema: { type: 'string', examples: ['"client";r=5999;t=60'] },
    },
  },
  securitySchemes: {
    bearer: {
      type: 'http',
      scheme: 'bearer',
      description: 'A token of the exchange, or a JWT of the configured issuer',
    },
    feedToken: { type: 'http', scheme: 'bearer', description: 'One of FEED_TOKENS' },
    feedPassword: { type: 'http', scheme: 'basic', description: 'One of FEED_PASSWORDS' },
    hubSignature: {
      type: 'apiKey',
      in: 'header',
      name: 'X-Hub-Signature',
      description: 'WebSub §7.1: method=HMAC of the body in hex, with FEED_SECRET',
    },
    webhookSignature: {
      type: 'apiKey',
      in: 'header',
      name: 'webhook-signature',
      description: 'Standard Webhooks 1.0, with webhook-id and webhook-timestamp',
    },
  },
};

/**
 * The one error type that callers of the exchange see, and the one table from code to HTTP status.
 * What goes wrong between the exchange and its destinations is not an error but an `Outcome`.
 */

/** HTTP status of the answer that each code becomes. */
export const statusByCode = {
  malformed: 400,
  unauthorized: 401,
  forbidden: 403,
  'not-found': 404,
  'method-not-allowed': 405,
  conflict: 409,
  'too-large': 413,
  'unsupported-media-type': 415,
  invalid: 422,
  'idempotency-key-reused': 422,
  'too-many-requests': 429,
  internal: 500,
  unavailable: 503,
} as const;

export type ErrorCode = keyof typeof statusByCode;

/** One thing wrong with one place of the input: a JSON pointer (RFC 6901), or an XML element. */
export interface Fault {
  pointer: string;
  detail: string;
}

/** One thing wrong with a pushed document, for whoever looks at it in quarantine. */
export interface DocumentFault {
  detail: string;
  /** Path of element names from the root, such as `feed/entry[2]/updated`. */
  element?: string;
  /** From 1. */
  line?: number;
  /** From 1. */
  column?: number;
}

interface ErrorOptions {
  /** Line of the document, from 1. */
  line?: number;
  /** Column in that line, from 1. */
  column?: number;
  /** Path of element names from the root, such as `feed/entry[2]/updated`. */
  element?: string;
  /** Every field that is wrong, when there can be several. */
  faults?: Fault[];
  /** For `unavailable` and `too-many-requests`: when to come back. */
  retryAfterSeconds?: number;
  /** For `method-not-allowed`: the methods that the resource has. */
  allow?: string[];
  /** For `unauthorized` and `forbidden`: the value of `WWW-Authenticate`; `Bearer` unless told. */
  challenge?: string;
}

/** Thrown for bad input and refused requests. `message` is safe to show: no patient data. */
export class ExchangeError extends Error {
  readonly code: ErrorCode;
  readonly line: number | undefined;
  readonly column: number | undefined;
  readonly element: string | undefined;
  readonly faults: Fault[] | undefined;
  readonly retryAfterSeconds: number | undefined;
  readonly challenge: string | undefined;
  readonly allow: string[] | undefined;

  constructor(code: ErrorCode, message: string, options: ErrorOptions = {}) {
    super(message);
    this.name = 'ExchangeError';
    this.code = code;
    this.line = options.line;
    this.column = options.column;
    this.element = options.element;
    this.faults = options.faults;
    this.retryAfterSeconds = options.retryAfterSeconds;
    this.challenge = options.challenge;
    this.allow = options.allow;
  }

  /** HTTP status of the answer this error becomes. */
  get httpStatus(): number {
    return statusByCode[this.code];
  }
}

/** The error as it is kept beside the document that caused it. */
export function faultOf({ message, line, column, element }: ExchangeError): DocumentFault {
  return {
    detail: message,
    ...(element === undefined ? {} : { element }),
    ...(line === undefined ? {} : { line }),
    ...(column === undefined ? {} : { column }),
  };
}

/** What a log may say of an error that nobody expected. */
export interface Bug {
  error: string;
  /** Of the exchange, the system or SQLite. */
  code?: string;
  /** Where it was thrown. */
  stack?: string[];
}

/** Never its message: that may quote the data it tripped over. */
export function bugOf(error: unknown): Bug {
  if (!(error instanceof Error)) return { error: 'unknown' };
  const { name, message, stack = '' } = error;
  const code: unknown = Reflect.get(error, 'code');
  const at = stack.indexOf(message);
  const frames = (at < 0 ? stack : stack.slice(at + message.length))
    .split('\n')
    .filter((line) => /^\s+at .*(?::\d+:\d+|native|unknown)\)?$/.test(line));
  return {
    error: name,
    ...(typeof code === 'string' && /^[\w-]{1,64}$/.test(code) ? { code } : {}),
    ...(frames.length > 0 ? { stack: frames } : {}),
  };
}

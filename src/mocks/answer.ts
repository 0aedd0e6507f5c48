/** Requests and answers as every mock sees them, and the ways to say yes and no. */
import type { Static, TSchema } from '@sinclair/typebox';
import { type TypeCheck, TypeCompiler } from '@sinclair/typebox/compiler';

/** A request read whole. Header names are lower case. */
export interface MockRequest {
  method: string;
  /** Path as sent, percent-encoding untouched. */
  path: string;
  /** Path and query as sent. */
  target: string;
  query: URLSearchParams;
  headers: Record<string, string | string[] | undefined>;
  body: Buffer;
  /** A named segment of the route's path, percent-decoded once. */
  segment: (name: string) => string;
}

/** What a mock answers. */
export interface Answer {
  status: number;
  headers?: Record<string, string>;
  body?: string | Uint8Array;
}

/** Thrown anywhere in a mock to answer at once. */
export class Refusal extends Error {
  readonly answer: Answer;

  constructor(answer: Answer) {
    super(`Refused with ${answer.status}`);
    this.name = 'Refusal';
    this.answer = answer;
  }
}

/** One value of a header, or undefined. */
export function header(request: MockRequest, name: string): string | undefined {
  const value = request.headers[name];
  return Array.isArray(value) ? value.join(', ') : value;
}

/** A JSON answer. */
export function json(
  status: number,
  value: unknown,
  headers: Record<string, string> = {},
  contentType = 'application/json',
): Answer {
  const body = JSON.stringify(value);
  return { status, headers: { 'content-type': contentType, ...headers }, body };
}

/** A plain-text answer. */
export function plain(status: number, text: string): Answer {
  return { status, headers: { 'content-type': 'text/plain;charset=utf-8' }, body: text };
}

/** An answer without a body. */
export function empty(status: number, headers: Record<string, string> = {}): Answer {
  return { status, headers };
}

/** The body as JSON, or undefined when it is none. */
export function parseJson(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text);
    return value;
  } catch {
    return undefined;
  }
}

/** Compiles a schema into a check of bodies that people send to a control door. */
export function controlBody<T extends TSchema>(schema: T): TypeCheck<T> {
  return TypeCompiler.Compile(schema);
}

/** The body of a request to a control door; throws a 400 that names every wrong field. */
export function readControl<T extends TSchema>(
  check: TypeCheck<T>,
  request: MockRequest,
): Static<T> {
  const text = request.body.toString('utf8');
  const value = text.trim() === '' ? {} : parseJson(text);
  if (check.Check(value)) return value;
  const faults = [...check.Errors(value)].map((fault) => `${fault.path || '/'}: ${fault.message}`);
  throw new Refusal(json(400, { error: 'The body does not fit.', faults }));
}

/** An instant as OH writes it: UTC, whole seconds. */
export function utcSecond(instant: number): string {
  return `${new Date(instant).toISOString().slice(0, 19)}Z`;
}

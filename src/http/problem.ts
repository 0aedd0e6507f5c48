/** Errors as RFC 9457 problem documents. The only place where an error becomes an answer. */
import { Elysia, type ValidationError } from 'elysia';
import type { Logger } from 'pino';
import { bugOf, type ErrorCode, ExchangeError, type Fault } from '../errors.ts';
import { failureOf } from '../store/failures.ts';
import { isOfConsole } from './bounds.ts';
import { errorPage } from './console/error-page.tsx';

/** Of every refusal (RFC 9457). */
export const PROBLEM_MEDIA_TYPE = 'application/problem+json';

/** What each code says whatever the occasion. */
export const titles: Record<ErrorCode, string> = {
  malformed: 'The document is malformed.',
  unauthorized: 'Credentials are missing or wrong.',
  forbidden: 'The caller may not do this.',
  'not-found': 'There is no such thing here.',
  'method-not-allowed': 'The resource does not have this method.',
  conflict: 'It is not in a state for that.',
  'too-large': 'The request is too large.',
  'unsupported-media-type': 'The media type is not supported.',
  invalid: 'The request is invalid.',
  'idempotency-key-reused': 'The Idempotency-Key was used before.',
  'too-many-requests': 'There were too many of these.',
  internal: 'Internal error.',
  unavailable: 'The exchange is not available just now.',
};

/** A method and a path with parameters, such as `/messages/:id`. */
export interface Route {
  method: string;
  path: string;
}

export interface ProblemsOptions {
  log: Logger;
  /** All routes of the app, asked when a request fits none. */
  routes: () => Route[];
}

/** Turns whatever a handler throws into a problem document. Must be used before any route. */
export function problems({ log, routes }: ProblemsOptions) {
  const handler = new Elysia({ name: 'problems' });
  return handler.onError({ as: 'global' }, ({ code, error, request, set }) => {
    const requestId = set.headers['x-request-id'] ?? '';
    const answer = isForPeople(request)
      ? errorPage
      : (refusal: ExchangeError) => problemResponse(refusal, requestId);
    const known =
      code === 'NOT_FOUND' ? withoutRoute(request, routes()) : toExchangeError(code, error);
    set.status = known?.httpStatus ?? 500;
    if (known) return answer(known);
    const failure = failureOf(error);
    if (failure) {
      log.error({ event: 'database', code: failure.sqliteCode });
      set.status = failure.unavailable.httpStatus;
      return answer(failure.unavailable);
    }
    log.error({ event: 'bug', ...bugOf(error) });
    return answer(new ExchangeError('internal', 'Internal error.'));
  });
}

/** The answer when this file itself has failed. */
export function lastAnswer(headers: Record<string, string>): Response {
  const answer = problemResponse(new ExchangeError('internal', 'Internal error.'), 'unknown');
  for (const [name, value] of Object.entries(headers)) answer.headers.set(name, value);
  return answer;
}

/** A browser at the console, as against a program. */
function isForPeople(request: Request): boolean {
  return isOfConsole(request) && (request.headers.get('accept') ?? '').includes('text/html');
}

/** A path that other methods have, or none (RFC 9110 §15.5.6). */
function withoutRoute({ method, url }: Request, routes: Route[]): ExchangeError {
  const { pathname } = new URL(url);
  const allow = routes.filter((route) => fits(route.path, pathname)).map((route) => route.method);
  if (allow.length === 0) return new ExchangeError('not-found', 'No such route.');
  const methods = [...new Set(allow)].toSorted();
  const detail = `${method.slice(0, 10)} is none of ${methods.join(', ')}.`;
  return new ExchangeError('method-not-allowed', detail, { allow: methods });
}

function fits(pattern: string, pathname: string): boolean {
  const wanted = pattern.split('/');
  const given = pathname.split('/');
  return (
    wanted.length === given.length &&
    wanted.every((part, n) => (part.startsWith(':') ? given[n] !== '' : part === given[n]))
  );
}

/** What a problem document says of one error; `instance` names the request, as the log does. */
export function problemOf(error: ExchangeError, requestId: string) {
  const { code, message, httpStatus, line, column, element, faults } = error;
  return {
    type: `urn:sm-exchange:problem:${code}`,
    title: titles[code],
    status: httpStatus,
    detail: message,
    instance: `urn:sm-exchange:request:${requestId}`,
    line,
    column,
    element,
    errors: faults,
  };
}

/** The answer for one error: status, headers and `application/problem+json` body. */
function problemResponse(error: ExchangeError, requestId: string): Response {
  const { code, httpStatus, retryAfterSeconds, challenge, allow } = error;
  const headers = new Headers({ 'Content-Type': PROBLEM_MEDIA_TYPE });
  if (allow) headers.set('Allow', allow.join(', '));
  if (retryAfterSeconds !== undefined) headers.set('Retry-After', String(retryAfterSeconds));
  if (code === 'unauthorized') headers.set('WWW-Authenticate', challenge ?? 'Bearer');
  if (code === 'forbidden' && challenge) headers.set('WWW-Authenticate', challenge);
  return new Response(JSON.stringify(problemOf(error, requestId)), { status: httpStatus, headers });
}

function toExchangeError(code: unknown, error: unknown): ExchangeError | undefined {
  if (error instanceof ExchangeError) return error;
  // Elysia wraps what is thrown before the body is read.
  if (code === 'PARSE' && error instanceof Error && error.cause instanceof ExchangeError) {
    return error.cause;
  }
  if (code === 'PARSE') return new ExchangeError('malformed', 'The body is not valid JSON.');
  if (code === 'VALIDATION') return fromValidation(error as ValidationError);
  return undefined;
}

/** Names every field that is wrong. Values are left out: they are patient data. */
function fromValidation(error: ValidationError): ExchangeError {
  const faults = new Map<string, Fault>();
  for (const fault of error.all) {
    if (!('path' in fault)) continue;
    const { path, schema, message } = fault;
    const pointer = path === '' ? '/' : path;
    const described = (schema as { error?: unknown }).error;
    const detail = typeof described === 'string' ? described : message;
    if (!faults.has(pointer)) faults.set(pointer, { pointer, detail });
  }
  const wrong = [...faults.values()];
  const where = wrong.map(({ pointer, detail }) => `${error.type}${pointer}: ${detail}`).join('; ');
  return new ExchangeError('invalid', where || 'The request is invalid.', { faults: wrong });
}

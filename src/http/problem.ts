/** Errors as RFC 9457 problem documents. The only place where an error becomes an answer. */
import { Elysia, type ValidationError } from 'elysia';
import type { Logger } from 'pino';
import { ExchangeError, type Fault } from '../errors.ts';
import { failureOf } from '../store/failures.ts';
import { errorPage } from './console/error-page.tsx';

const MEDIA_TYPE = 'application/problem+json';

const titles: Record<ExchangeError['code'], string> = {
  malformed: 'The document is malformed.',
  unauthorized: 'Credentials are missing or wrong.',
  forbidden: 'The caller may not do this.',
  'not-found': 'There is no such thing here.',
  conflict: 'It is not in a state for that.',
  'too-large': 'The request is too large.',
  'unsupported-media-type': 'The media type is not supported.',
  invalid: 'The request is invalid.',
  'idempotency-key-reused': 'The Idempotency-Key was used before.',
  'too-many-requests': 'There were too many of these.',
  internal: 'Internal error.',
  unavailable: 'The exchange is not available just now.',
};

/** Turns whatever a handler throws into a problem document. Must be used before any route. */
export function problems(log: Logger) {
  const handler = new Elysia({ name: 'problems' });
  return handler.onError({ as: 'global' }, ({ code, error, request, set }) => {
    const answer = isForPeople(request) ? errorPage : problemResponse;
    const known = toExchangeError(code, error);
    set.status = known?.httpStatus ?? 500;
    if (known) return answer(known);
    const failure = failureOf(error);
    if (failure) {
      log.error({ event: 'database', code: failure.sqliteCode });
      set.status = failure.unavailable.httpStatus;
      return answer(failure.unavailable);
    }
    const name = error instanceof Error ? error.name : String(code);
    const stack = error instanceof Error ? error.stack?.split('\n').slice(1) : undefined;
    log.error({ event: 'bug', error: name, stack });
    return answer(new ExchangeError('internal', 'Internal error.'));
  });
}

/** A browser at the console, as against a program. */
function isForPeople({ url, headers }: Request): boolean {
  const isConsole = /^\/console(?:\/|$)/.test(new URL(url).pathname);
  return isConsole && (headers.get('accept') ?? '').includes('text/html');
}

/** The answer for one error: status, headers and `application/problem+json` body. */
function problemResponse(error: ExchangeError): Response {
  const { code, message, httpStatus, line, column, element, faults } = error;
  const { retryAfterSeconds, challenge } = error;
  const body = {
    type: `urn:sm-exchange:problem:${code}`,
    title: titles[code],
    status: httpStatus,
    detail: message,
    line,
    column,
    element,
    errors: faults,
  };
  const headers = new Headers({ 'Content-Type': MEDIA_TYPE });
  if (retryAfterSeconds !== undefined) headers.set('Retry-After', String(retryAfterSeconds));
  if (code === 'unauthorized') headers.set('WWW-Authenticate', challenge ?? 'Bearer');
  if (code === 'forbidden' && challenge) headers.set('WWW-Authenticate', challenge);
  return new Response(JSON.stringify(body), { status: httpStatus, headers });
}

function toExchangeError(code: unknown, error: unknown): ExchangeError | undefined {
  if (error instanceof ExchangeError) return error;
  if (code === 'NOT_FOUND') return new ExchangeError('not-found', 'No such route.');
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

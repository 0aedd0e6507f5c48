/** One line for each request, and an id by which caller and log speak of the same one. */
import { Elysia } from 'elysia';
import type { Logger } from 'pino';
import type { RequestTelemetry } from '../telemetry/requests.ts';

/** Asked every few seconds for ever: logged only when somebody looks closely. */
const PROBES = new Set(['/health/live', '/health/ready', '/metrics']);

/**
 * Sends `X-Request-Id` with every answer, problem documents included, and logs route, status and time.
 * The path itself is not logged: it may hold an ICN. Must be used before any route.
 */
export function requestLog({ requests, log }: { requests: RequestTelemetry; log: Logger }) {
  return new Elysia({ name: 'request-log' })
    .onRequest(({ request, set }) => {
      set.headers['x-request-id'] = requests.begin(request);
    })
    .onAfterHandle({ as: 'global' }, ({ request }) => {
      requests.ready(request);
    })
    .onError({ as: 'global' }, ({ request }) => {
      requests.ready(request);
    })
    .onAfterResponse({ as: 'global' }, ({ request, route, set }) => {
      // Elysia's type says that there is always a route; for a path that fits none there is none.
      const pattern = route as string | undefined;
      const status = Number(set.status ?? 200);
      const answered = { status, ...(pattern ? { route: pattern } : {}) };
      const line = requests.end(request, answered);
      const level = pattern !== undefined && PROBES.has(pattern) ? 'debug' : 'info';
      log[level]({ event: 'request', method: request.method, ...answered, ...line });
    });
}

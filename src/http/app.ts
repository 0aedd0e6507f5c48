/** The exchange's HTTP interface, put together. */
import { Elysia } from 'elysia';
import type { Logger } from 'pino';
import type { Extraction } from '../atom/extract.ts';
import type { Store } from '../store/store.ts';
import type { Telemetry } from '../telemetry/telemetry.ts';
import type { ApiDoor } from './access.ts';
import { audit } from './audit.ts';
import type { FeedAuth } from './auth.ts';
import { checkBounds, FEED_MAX_BYTES, SERVER_MAX_BYTES } from './bounds.ts';
import { type ConsoleDoor, operatorConsole } from './console/console.ts';
import { type Destinations, destinations } from './destinations.ts';
import { directory } from './directory.ts';
import { feed } from './feed.ts';
import { health } from './health.ts';
import { keys } from './keys.ts';
import { messages } from './messages.ts';
import { metrics } from './metrics.ts';
import { description } from './openapi.tsx';
import { operator } from './operator.ts';
import { quarantine } from './operator-quarantine.ts';
import { lastAnswer, problems, type Route } from './problem.ts';
import { requestLog } from './request-log.ts';
import { securityHeaders } from './security-headers.ts';
import { sessions } from './sessions.ts';

export interface AppOptions {
  store: Store;
  destinations: Destinations;
  /** True from when the process was asked to end; never, unless told. */
  isStopping?: () => boolean;
  /** Who may push. */
  auth: FeedAuth;
  /** The console's door; no console without it. */
  console?: ConsoleDoor;
  /** Who calls the API. */
  door: ApiDoor;
  extraction: Extraction;
  /** The only topic whose subscription is confirmed; any, when absent. */
  feedTopic?: string;
  /** JSON Web Key set (RFC 7517) with the public halves of the keys we sign with. */
  keySet?: { keys: object[] };
  log: Logger;
  telemetry: Pick<Telemetry, 'requests' | 'expose'>;
  /** Whether callers come by TLS to us. */
  isTls?: boolean;
}

/** All routes. Request log and error handler come first: Elysia applies them only to what follows. */
export function createApp({ telemetry, ...rest }: AppOptions) {
  const options = { ...rest, requests: telemetry.requests };
  const routes: Route[] = [];
  const headers = securityHeaders(options.isTls ?? false);
  const app = new Elysia({
    // Elysia would drop fields it does not know; a caller who misspells one should hear of it.
    normalize: false,
    serve: {
      maxRequestBodySize: SERVER_MAX_BYTES,
      idleTimeout: 60,
      // In development Bun answers an error that nobody caught with a page that shows the source.
      development: false,
      error: () => lastAnswer(headers),
    },
  })
    .use(requestLog(options))
    .headers(headers)
    .onRequest(({ request }) => checkBounds(request))
    .use(problems({ log: options.log, routes: () => routes }))
    .use(description())
    .use(health(options))
    .use(metrics({ ...options, telemetry }))
    .use(feed({ ...options, maxBytes: FEED_MAX_BYTES }))
    .use(keys(options))
    .use(messages(options))
    .use(destinations(options))
    .use(directory(options))
    .use(operator(options))
    .use(quarantine({ ...options, maxBytes: FEED_MAX_BYTES }))
    .use(sessions({ ...options, authority: options.extraction.authority }))
    .use(audit(options))
    .use(
      options.console
        ? operatorConsole({
            ...options,
            ...options.console,
            now: options.auth.now,
            maxBytes: FEED_MAX_BYTES,
          })
        : new Elysia(),
    );
  routes.push(...app.routes);
  return app;
}

/** The API's description and a page that shows it, without a script from anywhere else. */
import { toOpenAPISchema } from '@elysiajs/openapi';
import type { Elysia } from 'elysia';
import { render } from 'preact-render-to-string';
import stylesPath from 'swagger-ui-dist/swagger-ui.css' with { type: 'file' };
import bundlePath from 'swagger-ui-dist/swagger-ui-bundle.js' with { type: 'file' };
import ownStyles from './openapi.css' with { type: 'text' };
import { completed, components, type Operation } from './refusals.ts';

const BUNDLE = Bun.file(bundlePath);
const STYLES = Bun.file(stylesPath);
/** Its own colours for a dark room stand under a class of the root element. */
const START = `const dark = matchMedia('(prefers-color-scheme: dark)');
const follow = () => document.documentElement.classList.toggle('dark-mode', dark.matches);
dark.addEventListener('change', follow);
follow();
SwaggerUIBundle({ url: '/openapi/json', dom_id: '#swagger-ui', validatorUrl: null });`;

/** `GET /openapi`, `/openapi/json`, and what the page needs. */
export function description() {
  let json: string | undefined;
  return (app: Elysia) =>
    app
      .get(
        '/openapi/json',
        () => file((json ??= JSON.stringify(documentOf(app), withoutMessages)), 'application/json'),
        HIDDEN,
      )
      .get(
        '/openapi',
        () => file(`<!doctype html>${render(<DescriptionPage />)}`, 'text/html'),
        HIDDEN,
      )
      .get('/openapi/assets/start.js', () => file(START, 'text/javascript'), HIDDEN)
      .get('/openapi/assets/swagger-ui-bundle.js', () => file(BUNDLE, 'text/javascript'), HIDDEN)
      .get('/openapi/assets/swagger-ui.css', () => file(STYLES, 'text/css'), HIDDEN)
      .get('/openapi/assets/page.css', () => file(ownStyles, 'text/css'), HIDDEN);
}

/** Of every route of the app (OpenAPI 3.1). */
function documentOf(app: Elysia) {
  // It takes a path with a dot for a file and leaves it out.
  const { paths } = toOpenAPISchema(app, { staticFile: false });
  const whole = Object.entries(paths).map(([path, item = {}]) => [
    path,
    Object.fromEntries(
      Object.entries(item).map(([method, operation]) => [
        method,
        completed(operation as Operation),
      ]),
    ),
  ]);
  return {
    openapi: '3.1.1',
    info: {
      title: 'SM Exchange',
      version: '0.1.0',
      description: 'Carries secure messages both ways between My HealtheVet and Oracle Health.',
    },
    servers: [{ url: '/' }],
    paths: Object.fromEntries(whole) as Record<string, Record<string, Operation>>,
    components,
  };
}

/** `error` of a schema is what a refusal says, and no keyword of JSON Schema. */
function withoutMessages(key: string, value: unknown) {
  return key === 'error' && typeof value === 'string' ? undefined : value;
}

const HIDDEN = { detail: { hide: true } };

function DescriptionPage() {
  return (
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>SM Exchange API</title>
        <link rel="icon" href="data:," />
        <link rel="stylesheet" href="/openapi/assets/swagger-ui.css" />
        <link rel="stylesheet" href="/openapi/assets/page.css" />
      </head>
      <body>
        <div id="swagger-ui" />
        <script src="/openapi/assets/swagger-ui-bundle.js" />
        <script src="/openapi/assets/start.js" />
      </body>
    </html>
  );
}

function file(body: string | Bun.BunFile, mediaType: string): Response {
  return new Response(body, { headers: { 'Content-Type': `${mediaType}; charset=utf-8` } });
}

/** The API's description and a page that shows it, without a script from anywhere else. */
import { openapi } from '@elysiajs/openapi';
import { Elysia } from 'elysia';
import { render } from 'preact-render-to-string';
import stylesPath from 'swagger-ui-dist/swagger-ui.css' with { type: 'file' };
import bundlePath from 'swagger-ui-dist/swagger-ui-bundle.js' with { type: 'file' };

const BUNDLE = Bun.file(bundlePath);
const STYLES = Bun.file(stylesPath);
const START = `SwaggerUIBundle({ url: '/openapi/json', dom_id: '#swagger-ui', validatorUrl: null });`;

/** `GET /openapi`, `/openapi/json`, and what the page needs. */
export function description() {
  return new Elysia({ name: 'description' })
    .use(
      openapi({
        path: '/openapi',
        provider: null,
        // It takes a path with a dot for a file and leaves it out.
        exclude: { staticFile: false },
        documentation: {
          info: {
            title: 'SM Exchange',
            version: '0.1.0',
            description:
              'Carries secure messages both ways between My HealtheVet and Oracle Health.',
          },
          components: { securitySchemes: { bearer: { type: 'http', scheme: 'bearer' } } },
        },
      }),
    )
    .get(
      '/openapi',
      () => file(`<!doctype html>${render(<DescriptionPage />)}`, 'text/html'),
      HIDDEN,
    )
    .get('/openapi/assets/start.js', () => file(START, 'text/javascript'), HIDDEN)
    .get('/openapi/assets/swagger-ui-bundle.js', () => file(BUNDLE, 'text/javascript'), HIDDEN)
    .get('/openapi/assets/swagger-ui.css', () => file(STYLES, 'text/css'), HIDDEN);
}

const HIDDEN = { detail: { hide: true } };

function DescriptionPage() {
  return (
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <title>SM Exchange API</title>
        <link rel="stylesheet" href="/openapi/assets/swagger-ui.css" />
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

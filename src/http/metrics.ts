/** What Prometheus scrapes. */
import { Elysia } from 'elysia';
import type { Telemetry } from '../telemetry/telemetry.ts';
import { type AuthOptions, checkApiCaller } from './auth.ts';

export interface MetricsOptions {
  telemetry: Pick<Telemetry, 'expose'>;
  auth: AuthOptions;
}

/** `GET /metrics`, for callers who may use the API. */
export function metrics({ telemetry, auth }: MetricsOptions) {
  return new Elysia({ name: 'metrics' })
    .onBeforeHandle(({ request }) => checkApiCaller(auth, request.headers))
    .get(
      '/metrics',
      async () => {
        const { contentType, text } = await telemetry.expose();
        return new Response(text, { headers: { 'Content-Type': contentType } });
      },
      {
        detail: {
          summary: 'Metrics for Prometheus',
          description:
            'Text exposition format. Names and labels are in scripts/operations; none names a patient.',
          tags: ['Health'],
          responses: {
            200: {
              description: 'Every metric at this moment',
              content: { 'text/plain': { schema: { type: 'string' } } },
            },
          },
        },
      },
    );
}

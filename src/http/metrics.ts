/** What Prometheus scrapes. */
import { Elysia } from 'elysia';
import type { Telemetry } from '../telemetry/telemetry.ts';
import { type ApiDoor, access } from './access.ts';

export interface MetricsOptions {
  telemetry: Pick<Telemetry, 'expose'>;
  door: ApiDoor;
}

/** `GET /metrics`, for callers who may read. */
export function metrics({ telemetry, door }: MetricsOptions) {
  return new Elysia({ name: 'metrics' }).use(access(door)).get(
    '/metrics',
    async () => {
      const { contentType, text } = await telemetry.expose();
      return new Response(text, { headers: { 'Content-Type': contentType } });
    },
    {
      scope: 'read',
      detail: {
        operationId: 'getMetrics',
        summary: 'Metrics for Prometheus',
        description:
          'Text exposition format. Names and labels are in scripts/operations; none names a patient.',
        tags: ['Health'],
        responses: {
          200: {
            description: 'Every metric at this moment',
            content: {
              'text/plain': {
                schema: { type: 'string' },
                example: 'sm_exchange_backlog_messages{direction="oh-to-mhv",stage="inbox"} 0',
              },
            },
          },
        },
      },
    },
  );
}

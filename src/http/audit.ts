/** The audit over HTTP, for whoever keeps it somewhere else. */
import { Elysia, t } from 'elysia';
import { actorOf } from '../principal.ts';
import { exportLines } from '../store/audit-export.ts';
import type { Store } from '../store/store.ts';
import { type ApiDoor, access } from './access.ts';
import * as examples from './examples.ts';
import { dateTime } from './message-schemas.ts';

export interface AuditOptions {
  store: Store;
  door: ApiDoor;
}

/** `GET /audit`. */
export function audit({ store, door }: AuditOptions) {
  return new Elysia({ name: 'audit' }).use(access(door)).get(
    '/audit',
    async ({ query, principal }) => {
      const { since, until } = query;
      const stretch = {
        ...(since === undefined ? {} : { since: Date.parse(since) }),
        ...(until === undefined ? {} : { until: Date.parse(until) }),
      };
      // Written before the first line goes: who asked is part of what they get.
      const object = { kind: 'audit', id: 'rows' };
      await store.audit.record({ actor: actorOf(principal), action: 'audit.export', object });
      return new Response(streamOf(exportLines(store.audit, stretch)), {
        headers: { 'Content-Type': 'application/x-ndjson' },
      });
    },
    {
      scope: 'admin',
      query: t.Object(
        { since: t.Optional(dateTime), until: t.Optional(dateTime) },
        { additionalProperties: false },
      ),
      detail: {
        operationId: 'exportAudit',
        summary: 'Who saw or did what',
        description:
          'JSON lines, oldest first. Each row has the hash of the one before; `bun run audit verify` checks the chain.',
        tags: ['Audit'],
        responses: {
          200: {
            description: 'A line for each row',
            content: {
              'application/x-ndjson': { schema: { type: 'string' }, example: examples.auditLine },
            },
          },
        },
      },
    },
  );
}

/** A page is read when the caller has taken the one before. */
function streamOf(chunks: AsyncGenerator<Uint8Array>): ReadableStream<Uint8Array> {
  return new ReadableStream({
    async pull(controller) {
      const { done, value } = await chunks.next();
      if (done) controller.close();
      else controller.enqueue(value);
    },
  });
}

/** For whoever restarts the process or sends it traffic. */
import { Elysia, t } from 'elysia';
import { ExchangeError } from '../errors.ts';
import type { Store } from '../store/store.ts';

const ok = t.Object({ status: t.Literal('ok') });
const OK = { status: 'ok' as const };

/** `GET /health/live`: the process answers. `GET /health/ready`: the database can be written too. */
export function health({ store }: { store: Store }) {
  return new Elysia({ name: 'health' })
    .get('/health/live', () => OK, {
      response: { 200: ok },
      detail: { summary: 'Is the process alive?', tags: ['Health'] },
    })
    .get(
      '/health/ready',
      async () => {
        try {
          await store.check();
        } catch (error) {
          if (error instanceof ExchangeError) throw error;
          const detail = 'The database cannot be written.';
          throw new ExchangeError('unavailable', detail, { retryAfterSeconds: 5 });
        }
        return OK;
      },
      {
        response: { 200: ok },
        detail: { summary: 'Can it take messages?', tags: ['Health'] },
      },
    );
}

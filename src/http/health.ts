/** For whoever restarts the process or sends it traffic. */
import { Elysia, t } from 'elysia';
import { ExchangeError } from '../errors.ts';
import type { Store } from '../store/store.ts';

const ok = t.Object({ status: t.Literal('ok') }, { examples: [{ status: 'ok' }] });
const ready = t.Object(
  {
    status: t.Literal('ok'),
    polledBy: t.Union([t.Literal('here'), t.Literal('elsewhere'), t.Literal('nowhere')], {
      description: 'Which process delivers what this one takes: itself, another, or none just now',
    }),
  },
  { examples: [{ status: 'ok', polledBy: 'here' }] },
);
const OK = { status: 'ok' as const };

export interface HealthOptions {
  store: Store;
  /** True from when the process was asked to end: then it is alive, and not ready. */
  isStopping?: () => boolean;
}

/**
 * `GET /health/live`: the process answers. `GET /health/ready`: it can take messages, so the database can
 * be written and has room. That holds while another process polls the file, and that one delivers them.
 */
export function health({ store, isStopping }: HealthOptions) {
  return new Elysia({ name: 'health' })
    .get('/health/live', () => OK, {
      response: { 200: ok },
      detail: { operationId: 'isAlive', summary: 'Is the process alive?', tags: ['Health'] },
    })
    .get(
      '/health/ready',
      async () => {
        if (isStopping?.()) throw new ExchangeError('unavailable', 'The process is ending.');
        try {
          await store.check();
          return { ...OK, polledBy: await store.upkeep.polledBy() };
        } catch (error) {
          if (error instanceof ExchangeError) throw error;
          const detail = 'The database cannot be written.';
          throw new ExchangeError('unavailable', detail, { retryAfterSeconds: 5 });
        }
      },
      {
        response: { 200: ready },
        detail: { operationId: 'isReady', summary: 'Can it take messages?', tags: ['Health'] },
      },
    );
}

/** pg-boss on a local PostgreSQL, its worker in batches and without pauses while batches are full. */
import { rival } from '../rivals.ts';
import { durabilityOf } from './postgres.ts';
import { measure, payload, wish } from './side.ts';

interface PgBossModule {
  PgBoss: new (options: {
    connectionString: string;
    supervise: false;
    schedule: false;
  }) => {
    on(event: 'error', listener: (error: Error) => void): void;
    start(): Promise<unknown>;
    stop(options: { graceful: false }): Promise<void>;
    createQueue(name: string): Promise<void>;
    insert(name: string, jobs: { data: unknown }[]): Promise<unknown>;
    work(
      name: string,
      options: { batchSize: number; burstWhenBatchFull: true; pollingIntervalSeconds: number },
      handler: (jobs: unknown[]) => Promise<void>,
    ): Promise<unknown>;
  };
}

const PER_CALL = 500;
const BATCH = 64;

const { where, jobs } = wish();
const { PgBoss } = await rival<PgBossModule>('pg-boss', '12.38.0');
const boss = new PgBoss({ connectionString: where, supervise: false, schedule: false });
boss.on('error', (error) => console.error(error.message));
await boss.start();
await boss.createQueue('job');

const side = await measure({
  jobs,
  async add() {
    for (let made = 0; made < jobs; made += PER_CALL) {
      const count = Math.min(PER_CALL, jobs - made);
      await boss.insert(
        'job',
        Array.from({ length: count }, (_, n) => ({ data: payload(made + n) })),
      );
    }
  },
  async drain() {
    let done = 0;
    const { promise, resolve } = Promise.withResolvers<void>();
    const options = {
      batchSize: BATCH,
      burstWhenBatchFull: true,
      pollingIntervalSeconds: 0.5,
    } as const;
    await boss.work('job', options, async (batch) => {
      done += batch.length;
      if (done === jobs) resolve();
    });
    await promise;
  },
  durability: () => durabilityOf(where),
  does: `fetches ${BATCH}, runs a no-op, completes ${BATCH}; without its server's processor time`,
});
await boss.stop({ graceful: false });
console.log(JSON.stringify(side));
process.exit(0);

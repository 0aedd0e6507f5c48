/** graphile-worker on a local PostgreSQL, until its queue is empty. */
import { rival } from '../rivals.ts';
import { durabilityOf } from './postgres.ts';
import { measure, payload, wish } from './side.ts';

interface GraphileWorker {
  Logger: new (factory: () => () => void) => unknown;
  makeWorkerUtils(options: { connectionString: string; logger: unknown }): Promise<{
    migrate(): Promise<void>;
    addJobs(jobs: { identifier: string; payload: unknown }[]): Promise<unknown>;
    release(): Promise<void>;
  }>;
  runOnce(options: {
    connectionString: string;
    logger: unknown;
    concurrency: number;
    maxPoolSize: number;
    noHandleSignals: true;
    taskList: Record<string, () => Promise<void>>;
  }): Promise<void>;
}

const PER_CALL = 500;
const CONCURRENCY = 24;

const { where, jobs } = wish();
const worker = await rival<GraphileWorker>('graphile-worker', '0.18.0');
const logger = new worker.Logger(() => () => undefined);
const utils = await worker.makeWorkerUtils({ connectionString: where, logger });
await utils.migrate();

const side = await measure({
  jobs,
  async add() {
    for (let made = 0; made < jobs; made += PER_CALL) {
      const count = Math.min(PER_CALL, jobs - made);
      await utils.addJobs(
        Array.from({ length: count }, (_, n) => ({
          identifier: 'job',
          payload: payload(made + n),
        })),
      );
    }
  },
  async drain() {
    let done = 0;
    const job = async () => {
      done += 1;
    };
    await worker.runOnce({
      connectionString: where,
      logger,
      concurrency: CONCURRENCY,
      maxPoolSize: CONCURRENCY,
      noHandleSignals: true,
      taskList: { job },
    });
    if (done !== jobs) throw new Error('graphile-worker did not run every job once.');
  },
  durability: () => durabilityOf(where),
  does: "locks it, runs a no-op, deletes it; without its server's processor time",
});
await utils.release();
console.log(JSON.stringify(side));
process.exit(0);

/** plainjob on bun:sqlite, its NORMAL turned to FULL. */
import { Database } from 'bun:sqlite';
import { rival } from '../rivals.ts';
import { measure, payload, wish } from './side.ts';

interface Plainjob {
  bun(database: Database): unknown;
  defineQueue(options: { connection: unknown; logger: Logger }): {
    addMany(type: string, data: unknown[]): unknown;
    countJobs(of: { status: number }): number;
    close(): void;
  };
  defineWorker(
    type: string,
    work: () => Promise<void>,
    options: { queue: unknown; logger: Logger; onCompleted: () => void },
  ): { start(): Promise<void>; stop(): Promise<void> };
}
type Logger = Record<'error' | 'warn' | 'info' | 'debug', () => void>;

const DONE = 2;
const PER_CALL = 500;

const { where, jobs } = wish();
const plainjob = await rival<Plainjob>('plainjob', '0.0.14');
const nothing = () => undefined;
const logger = { error: nothing, warn: nothing, info: nothing, debug: nothing };
const database = new Database(where, { strict: true });
const queue = plainjob.defineQueue({ connection: plainjob.bun(database), logger });
database.run('PRAGMA synchronous = FULL');

const side = await measure({
  jobs,
  async add() {
    for (let made = 0; made < jobs; made += PER_CALL) {
      const count = Math.min(PER_CALL, jobs - made);
      queue.addMany(
        'job',
        Array.from({ length: count }, (_, n) => payload(made + n)),
      );
    }
  },
  async drain() {
    let completed = 0;
    const { promise, resolve } = Promise.withResolvers<void>();
    const onCompleted = () => {
      completed += 1;
      if (completed === jobs) resolve();
    };
    const worker = plainjob.defineWorker('job', async () => {}, { queue, logger, onCompleted });
    void worker.start();
    await promise;
    await worker.stop();
    if (queue.countJobs({ status: DONE }) !== jobs) throw new Error('plainjob is not done.');
  },
  durability: () => `${read('journal_mode')} ${read('synchronous')}`,
  does: 'marks it as processing, runs a no-op, marks it as done; one at a time',
});
queue.close();
console.log(JSON.stringify(side));
process.exit(0);

function read(pragma: string): string {
  const row = database.query(`PRAGMA ${pragma}`).get() as Record<string, unknown>;
  return `${pragma}=${String(row[pragma])}`;
}

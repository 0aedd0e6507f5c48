/** bunqueue, embedded, with its durable setting: every job is written before `add` returns. */
import { Database } from 'bun:sqlite';
import { rival } from '../rivals.ts';
import { measure, payload, wish } from './side.ts';

interface Bunqueue {
  Queue: new (
    name: string,
    options: { embedded: true; dataPath: string },
  ) => {
    addBulk(jobs: { name: string; data: unknown; opts: { durable: true } }[]): Promise<unknown>;
    close(): unknown;
  };
  Worker: new (
    name: string,
    work: () => Promise<unknown>,
    options: { embedded: true; dataPath: string; concurrency: number },
  ) => { on(event: 'completed', listener: () => void): void; close(): Promise<unknown> };
}

const CONCURRENCY = 64;
const PER_CALL = 500;

const { where, jobs } = wish();
const { Queue, Worker } = await rival<Bunqueue>('bunqueue', '2.9.5', 'bunqueue/client');
const options = { embedded: true, dataPath: where } as const;
const theirs = await openedWhile(() => new Queue('job', options));
const queue = theirs.result;

const side = await measure({
  jobs,
  async add() {
    for (let made = 0; made < jobs; made += PER_CALL) {
      const count = Math.min(PER_CALL, jobs - made);
      await queue.addBulk(
        Array.from({ length: count }, (_, n) => ({
          name: 'job',
          data: payload(made + n),
          opts: { durable: true } as const,
        })),
      );
    }
  },
  async drain() {
    let completed = 0;
    const { promise, resolve } = Promise.withResolvers<void>();
    const worker = new Worker('job', async () => ({}), { ...options, concurrency: CONCURRENCY });
    worker.on('completed', () => {
      completed += 1;
      if (completed === jobs) resolve();
    });
    await promise;
    await worker.close();
  },
  durability: () => `${read('journal_mode')} ${read('synchronous')}`,
  does: 'hands it from memory to a no-op, writes its completion',
});
queue.close();
console.log(JSON.stringify(side));
process.exit(0);

function read(pragma: string): string {
  const row = theirs.database.query(`PRAGMA ${pragma}`).get() as Record<string, unknown>;
  return `${pragma}=${String(row[pragma])}`;
}

/** `synchronous` belongs to a connection, and bunqueue does not show its own. */
async function openedWhile<T>(make: () => T): Promise<{ result: T; database: Database }> {
  const run = Reflect.get<Database, 'run'>(Database.prototype, 'run');
  const seen = Promise.withResolvers<Database>();
  Database.prototype.run = function (this: Database, ...args: Parameters<typeof run>) {
    seen.resolve(this);
    return run.apply(this, args);
  };
  const result = make();
  const database = await seen.promise;
  Database.prototype.run = run;
  return { result, database };
}

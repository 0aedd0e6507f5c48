/** The surroundings of the migration trial: mocks that are seeded, an exchange that can be killed. */
import { randomBytes } from 'node:crypto';
import { openSync } from 'node:fs';
import { join } from 'node:path';
import { start } from '../demo/processes.ts';
import { get, type Patient, post, type Town, townOf } from '../demo/town.ts';

export interface Trial {
  town: Town;
  folder: string;
  env: Record<string, string>;
  patients: Patient[];
  exchange: { pid: number; kill: () => Promise<void> };
  stop: () => Promise<void>;
}

/** Ordinary patients come first in the mock's list. */
export async function startTown(
  folder: string,
  size: { patients: number; messagesPerPatient: number },
): Promise<Trial> {
  const mocks = await start('mocks', 'scripts/mocks.ts', folder, { MOCKS_PORT: '0' });
  const port = await freePort();
  const env = {
    ...mocks.ready,
    AUTH: 'none',
    PORT: String(port),
    DATABASE_PATH: join(folder, 'exchange.db'),
    DATA_KEYS: `trial:${randomBytes(32).toString('base64')}`,
    // What was in hand at a kill waits for the end of its lease.
    DELIVERY_TIMEOUT_MS: '2000',
    LEASE_MS: '5000',
  };
  const town = townOf(mocks.ready, `http://127.0.0.1:${port}`);
  await post(`${town.mhv}/_mock/seed`, size);
  await post(`${town.feed}/_mock/subscribe`, { url: `${town.exchange}/oh/feed` });
  const patients = (await get<Patient[]>(`${town.fhir}/_mock/patients`)).slice(0, size.patients);
  const exchange = await startExchange({ folder, env });
  const trial: Trial = {
    town,
    folder,
    env,
    patients,
    exchange,
    async stop() {
      await trial.exchange.kill();
      await mocks.stop();
    },
  };
  return trial;
}

/** Resolves when it listens. */
export async function startExchange({ folder, env }: Pick<Trial, 'folder' | 'env'>) {
  const log = openSync(join(folder, 'exchange.log'), 'a');
  const script = join(import.meta.dir, '..', '..', 'src/main.ts');
  const child = Bun.spawn([process.execPath, script], {
    env: { ...process.env, ...env, LOG_LEVEL: 'warn' },
    stdio: ['ignore', 'pipe', log],
  });
  const reader = child.stdout.getReader();
  await reader.read();
  return {
    pid: child.pid,
    async kill() {
      child.kill('SIGKILL');
      await child.exited;
    },
  };
}

/** The same port after each kill, for that is where the feed pushes to. */
async function freePort(): Promise<number> {
  const server = Bun.serve({ port: 0, hostname: '127.0.0.1', fetch: () => new Response() });
  const { port } = server;
  await server.stop(true);
  if (port === undefined) throw new Error('No free port.');
  return port;
}

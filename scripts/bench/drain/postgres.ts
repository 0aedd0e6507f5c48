/** A PostgreSQL of the benchmark's own in a temporary folder, as its packages configure it. */
import { chownSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';

export interface Postgres {
  url: string;
  stop(): Promise<void>;
}

const DEBIAN = '/usr/lib/postgresql';
const READY_TIMEOUT_MS = 20_000;

/** Starts one, or says by undefined that none is installed. */
export async function startPostgres(): Promise<Postgres | undefined> {
  const bin = binaries();
  if (bin === undefined) return undefined;
  const folder = mkdtempSync(join(tmpdir(), 'sm-exchange-bench-pg-'));
  const asWho = owner(folder);
  const data = join(folder, 'data');
  const initdb = [join(bin, 'initdb'), '-D', data, '-A', 'trust', '-U', 'bench'];
  const made = Bun.spawnSync([...asWho, ...initdb], { stdio: ['ignore', 'ignore', 'pipe'] });
  if (made.exitCode !== 0) {
    rmSync(folder, { recursive: true, force: true });
    throw new Error(`initdb failed: ${made.stderr.toString()}`);
  }
  const port = freePort();
  const server = Bun.spawn(
    [...asWho, join(bin, 'postgres'), '-D', data, '-p', String(port), '-k', folder],
    { stdio: ['ignore', 'ignore', 'ignore'] },
  );
  const stop = async () => {
    // Fast shutdown: PostgreSQL's SIGINT ends its sessions.
    server.kill('SIGINT');
    await server.exited;
    rmSync(folder, { recursive: true, force: true });
  };
  if (!(await isReady(bin, port))) {
    await stop();
    throw new Error('PostgreSQL did not get ready.');
  }
  return { url: `postgres://bench@127.0.0.1:${port}/postgres`, stop };
}

/** What the server says of the durability of a commit. */
export async function durabilityOf(url: string): Promise<string> {
  const sql = new Bun.SQL(url);
  const settings = await Promise.all(
    ['fsync', 'synchronous_commit'].map(async (name) => {
      const [row] = (await sql.unsafe(`SHOW ${name}`)) as Record<string, string>[];
      return `${name}=${row?.[name]}`;
    }),
  );
  await sql.close();
  return settings.join(' ');
}

function binaries(): string | undefined {
  const versions = existsSync(DEBIAN) ? readdirSync(DEBIAN).map(Number) : [];
  const newest = versions.toSorted((a, b) => b - a)[0];
  const bin = join(DEBIAN, String(newest), 'bin');
  return existsSync(join(bin, 'initdb')) ? bin : undefined;
}

/** PostgreSQL refuses to run as root, so then it runs as the user whom its package made. */
function owner(folder: string): string[] {
  if (userInfo().uid !== 0) return [];
  const ids = Bun.spawnSync(['id', '-u', 'postgres']).stdout.toString().trim();
  chownSync(folder, Number(ids), -1);
  return ['setpriv', '--reuid=postgres', '--regid=postgres', '--init-groups'];
}

function freePort(): number {
  const server = Bun.serve({ port: 0, hostname: '127.0.0.1', fetch: () => new Response() });
  const { port } = server;
  void server.stop(true);
  return port ?? 0;
}

async function isReady(bin: string, port: number): Promise<boolean> {
  const until = performance.now() + READY_TIMEOUT_MS;
  const ask = [join(bin, 'pg_isready'), '-q', '-h', '127.0.0.1', '-p', String(port)];
  while (performance.now() < until) {
    if (Bun.spawnSync(ask).exitCode === 0) return true;
    await Bun.sleep(100);
  }
  return false;
}

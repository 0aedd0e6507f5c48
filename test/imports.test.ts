/** The arrows between rooms: what a file may import of ours is decided by the folder it lies in. */
import { expect, test } from 'bun:test';
import { dirname, join, normalize } from 'node:path';
import { Glob } from 'bun';

const ROOT = normalize(join(import.meta.dir, '..'));

/** What each room may import besides itself. Root files of src/ go by their own name. */
const allowed: Record<string, string[]> = {
  message: [],
  errors: [],
  upstream: ['message'],
  json: ['upstream'],
  cache: ['message'],
  principal: [],
  'secret-files': [],
  'tls-files': [],
  'environment-values': ['principal'],
  environment: ['environment-values'],
  config: ['environment', 'secret-files', 'tls-files'],
  access: ['message', 'errors', 'principal', 'upstream', 'store'],
  atom: ['message', 'errors'],
  translate: ['message'],
  oh: ['message', 'errors', 'upstream', 'json', 'cache'],
  mhv: ['message', 'errors', 'upstream', 'json', 'cache'],
  store: ['message', 'errors', 'principal'],
  telemetry: ['message', 'upstream', 'store'],
  queue: ['message', 'errors', 'upstream', 'store', 'telemetry'],
  flows: ['message', 'errors', 'upstream', 'store', 'queue', 'translate', 'oh', 'mhv', 'atom'],
  http: ['message', 'errors', 'principal', 'access', 'store', 'queue', 'atom', 'telemetry'],
  mocks: [],
  clients: ['message', 'config', 'mhv', 'oh', 'tls-files'],
  doors: ['message', 'config', 'access', 'http', 'store'],
  exchange: [
    'message',
    'clients',
    'config',
    'doors',
    'atom',
    'flows',
    'http',
    'mhv',
    'oh',
    'queue',
    'store',
    'telemetry',
    'listener',
    'sealing',
  ],
  sealing: ['config', 'errors', 'store'],
  listener: ['config', 'errors', 'http', 'tls-files'],
  main: ['errors', 'config', 'exchange', 'store'],
};

/** Libraries that only one room may know. */
const owners: Record<string, string[]> = {
  'fast-xml-parser': ['atom', 'mhv', 'mocks'],
  'better-sqlite3': ['store'],
  'drizzle-orm': ['store'],
  elysia: ['http', 'mocks'],
  preact: ['http'],
  'preact-render-to-string': ['http'],
  ofetch: ['upstream'],
  htmlparser2: ['translate'],
  'prom-client': ['telemetry'],
  '@opentelemetry': ['telemetry'],
};

interface Import {
  file: string;
  room: string;
  target: string;
}

async function importsOf(folder: string): Promise<Import[]> {
  const transpilers = {
    ts: new Bun.Transpiler({ loader: 'ts' }),
    tsx: new Bun.Transpiler({ loader: 'tsx' }),
  };
  const found: Import[] = [];
  for await (const file of new Glob('**/*.{ts,tsx}').scan({ cwd: join(ROOT, folder) })) {
    const source = await Bun.file(join(ROOT, folder, file)).text();
    const room = roomOf(file);
    // The transpiler drops type-only imports, which are arrows too.
    const typeImports = source.matchAll(/^(?:import|export)\s[^;]*?from\s+'([^']+)'/gm);
    const targets = [...typeImports].map((match) => match[1] ?? '');
    targets.push(
      ...transpilers[file.endsWith('x') ? 'tsx' : 'ts'].scanImports(source).map(({ path }) => path),
    );
    for (const path of new Set(targets)) {
      const isOurs = path.startsWith('.');
      const target = isOurs ? roomOf(normalize(join(dirname(file), path))) : path;
      found.push({ file, room, target: isOurs ? `ours:${target}` : target });
    }
  }
  return found;
}

/** The folder of a path under src/, or the name of a root file; `outside` above src/. */
function roomOf(path: string): string {
  if (path.startsWith('..')) return 'outside';
  return path.includes('/') ? (path.split('/')[0] ?? '') : path.replace(/\.tsx?$/, '');
}

test('every room imports only the rooms it may', async () => {
  const wrong = (await importsOf('src'))
    .filter(({ target }) => target.startsWith('ours:'))
    .filter(({ room, target }) => {
      const imported = target.slice('ours:'.length);
      return imported !== room && !allowed[room]?.includes(imported);
    })
    .map(({ file, target }) => `${file} imports ${target}`);
  expect(wrong).toEqual([]);
});

test('a library that is a detail of one room is met nowhere else', async () => {
  const wrong = (await importsOf('src'))
    .filter(({ room, target }) => {
      const library = Object.keys(owners).find(
        (name) => target === name || target.startsWith(`${name}/`),
      );
      return library !== undefined && !owners[library]?.includes(room);
    })
    .map(({ file, target }) => `${file} imports ${target}`);
  expect(wrong).toEqual([]);
});

test('the rules cover every room there is', async () => {
  const rooms = new Set((await importsOf('src')).map(({ room }) => room));
  expect([...rooms].filter((room) => !(room in allowed))).toEqual([]);
});

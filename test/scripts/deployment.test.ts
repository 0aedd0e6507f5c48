/** The unit, the manifests and the Dockerfile say what the code does. */
import { expect, test } from 'bun:test';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { parseConfig } from '../../src/config.ts';
import { STOP_MARGIN_MS } from '../../src/exchange.ts';
import { afterwards } from '../afterwards.ts';
import { readyLine, run, town } from './setup.ts';

const ROOT = join(import.meta.dir, '../..');
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8');
const UNIT = read('scripts/operations/exchange.service');

type Node = Record<string, unknown>;

function at(node: unknown, ...path: (string | number)[]): unknown {
  return path.reduce<unknown>((found, key) => (found as Node | undefined)?.[key], node);
}

const manifests = parseAllDocuments(read('scripts/operations/kubernetes.yaml')).map((document) => {
  expect(document.errors).toEqual([]);
  return document.toJS() as Node;
});

function manifest(kind: string): Node {
  const found = manifests.find((one) => one['kind'] === kind);
  if (!found) throw new Error(`There is no ${kind}.`);
  return found;
}

const pod = at(manifest('StatefulSet'), 'spec', 'template', 'spec') as Node;
const container = at(pod, 'containers', 0) as Node;

/** The environment that a file of a secret stands for. */
function withSecrets(env: Record<string, string>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(env).map(([name, value]) => {
      if (!name.endsWith('_FILE')) return [name, value];
      const secret = name === 'DATA_KEYS_FILE' ? `a:${btoa('k'.repeat(32))}` : 'a secret';
      return [name.replace(/_FILE$/, ''), secret];
    }),
  );
}

function settings(name: string): string[] {
  return [...UNIT.matchAll(new RegExp(`^${name}=(.*)$`, 'gm'))].map(([, value = '']) => value);
}

const unitEnvironment = Object.fromEntries(
  settings('Environment').map((pair) => pair.split('=', 2) as [string, string]),
);

/** What a stop may take by the code, with the variables at their defaults or as the manifest sets them. */
function stopMs(env: Record<string, string>): number {
  const base = at(manifest('ConfigMap'), 'data') as Record<string, string>;
  const open = { AUTH: 'none', OH_AUTH_METHOD: 'none', MHV_APP_TOKEN: 'a' };
  const settled = Object.entries({ ...base, ...env }).filter(([name]) => !name.endsWith('_FILE'));
  const config = parseConfig({ ...Object.fromEntries(settled), ...open });
  return config.STOP_TIMEOUT_MS + STOP_MARGIN_MS;
}

test('the pod is given as long to end as the code takes, and the unit too', () => {
  const preStopS = Number(at(container, 'lifecycle', 'preStop', 'sleep', 'seconds'));
  const graceMs = Number(pod['terminationGracePeriodSeconds']) * 1000;
  expect(graceMs).toBeGreaterThanOrEqual(preStopS * 1000 + stopMs({}));
  const [stopS] = settings('TimeoutStopSec');
  expect(Number(stopS) * 1000).toBeGreaterThanOrEqual(stopMs(unitEnvironment));
  expect(settings('KillSignal')).toEqual(['SIGTERM']);
  // What the process says of a bad environment must not be tried again.
  expect(settings('RestartPreventExitStatus')).toEqual(['78']);
});

test('the environment of pod and unit is one that the exchange takes, secrets and all', () => {
  const data = at(manifest('ConfigMap'), 'data') as Record<string, string>;
  const own = (container['env'] as { name: string; value: string }[]).map(
    ({ name, value }) => [name, value] as const,
  );
  const env = { ...data, ...Object.fromEntries(own) };
  expect(() => parseConfig(withSecrets(env))).not.toThrow();
  expect(unknownIn(env)).toEqual([]);
  // The unit's file of addresses is the operator's; these are the same.
  expect(() => parseConfig(withSecrets({ ...data, ...unitEnvironment }))).not.toThrow();
  expect(unknownIn(unitEnvironment)).toEqual([]);
});

/** Names that the README's table does not have; that the table is the code's, another test sees to. */
function unknownIn(env: Record<string, string>): string[] {
  const readme = read('README.md');
  return Object.keys(env).filter((name) => !readme.includes(`\`${name.replace(/_FILE$/, '')}\``));
}

test('each secret that is named is one that is there', () => {
  const secret = Object.keys(at(manifest('Secret'), 'stringData') as Node);
  const mounted = (container['volumeMounts'] as { name: string; mountPath: string }[]).find(
    ({ name }) => name === 'secrets',
  )?.mountPath;
  const named = (container['env'] as { name: string; value: string }[])
    .filter(({ name }) => name.endsWith('_FILE'))
    .map(({ value }) => value);
  expect(named.toSorted()).toEqual(secret.map((key) => `${mounted}/${key}`).toSorted());
  const credentials = settings('LoadCredential').map((pair) => `%d/${pair.split(':')[0]}`);
  const asked = Object.entries(unitEnvironment).filter(([name]) => name.endsWith('_FILE'));
  expect(asked.map(([, value]) => value).toSorted()).toEqual(credentials.toSorted());
});

test('every probe asks a path that a running exchange answers, on the port it listens at', async () => {
  const data = at(manifest('ConfigMap'), 'data') as Record<string, string>;
  const port = at(container, 'ports', 0) as { name: string; containerPort: number };
  expect(String(port.containerPort)).toBe(data['PORT'] ?? '');
  expect(at(manifest('Service'), 'spec', 'ports', 0, 'targetPort')).toBe(port.name);
  const { env } = await town();
  const { url } = await readyLine(run('src/main.ts', env));
  for (const probe of ['startupProbe', 'readinessProbe', 'livenessProbe']) {
    expect(at(container, probe, 'httpGet', 'port')).toBe(port.name);
    const answer = await fetch(`${url}${String(at(container, probe, 'httpGet', 'path'))}`);
    expect(answer.status).toBe(200);
  }
  // What is full or ending is alive: a restart would not help.
  expect(at(container, 'livenessProbe', 'httpGet', 'path')).toBe('/health/live');
  expect(at(container, 'readinessProbe', 'httpGet', 'path')).toBe('/health/ready');
}, 30_000);

test('there is one pod with one volume, which no second pod can mount', () => {
  expect(at(manifest('StatefulSet'), 'spec', 'replicas')).toBe(1);
  const claim = at(manifest('StatefulSet'), 'spec', 'volumeClaimTemplates', 0);
  expect(at(claim, 'spec', 'accessModes')).toEqual(['ReadWriteOncePod']);
  const mounts = container['volumeMounts'] as { name: string; mountPath: string }[];
  const data = at(manifest('ConfigMap'), 'data') as Record<string, string>;
  const mounted = mounts.find(({ name }) => name === at(claim, 'metadata', 'name'));
  expect(data['DATABASE_PATH']).toStartWith(`${mounted?.mountPath}/`);
});

// Where it is missing the test is skipped by name; CI installs it and skips none.
const canAnalyze = process.env['CI'] === 'true' || Bun.which('systemd-analyze') !== null;

test.skipIf(!canAnalyze)('systemd finds no fault with the unit, and little exposed', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'sm-exchange-unit-'));
  afterwards(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, 'exchange.service');
  // The binary is not installed here.
  await Bun.write(file, UNIT.replace(/^ExecStart=.*$/m, `ExecStart=${process.execPath}`));
  const verified = Bun.spawnSync(['systemd-analyze', 'verify', file]);
  expect(verified.stdout.toString() + verified.stderr.toString()).toBe('');
  expect(verified.exitCode).toBe(0);
  const threshold = '--threshold=20';
  const secure = Bun.spawnSync(['systemd-analyze', 'security', '--offline=yes', threshold, file]);
  expect(secure.exitCode).toBe(0);
});

test('the Dockerfile copies what is there, and starts what the README starts', () => {
  const dockerfile = read('Dockerfile');
  const copied = [...dockerfile.matchAll(/^COPY (?!--from)(.*)$/gm)].flatMap(([, words = '']) =>
    words.split(' ').slice(0, -1),
  );
  expect(copied.length).toBeGreaterThan(4);
  expect(copied.filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
  const { bun } = (JSON.parse(read('package.json')) as { engines: { bun: string } }).engines;
  const bases = [...dockerfile.matchAll(/^FROM (\S+)/gm)].map(([, base]) => base);
  expect(new Set(bases)).toEqual(new Set([`oven/bun:${bun}-slim`]));
  expect(dockerfile).toContain('CMD ["bun", "src/main.ts"]');
  expect(dockerfile).toContain('/health/live');
});

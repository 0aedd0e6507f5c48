/**
 * Packages that are only measured against. They are no dependencies of this project: each is
 * installed when a benchmark first asks for it, at the version said here, beside Bun's own caches.
 */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const ROOT = join(import.meta.dir, '..', '..');
const FOLDER = join(ROOT, 'node_modules', '.cache', 'bench-rivals');

/**
 * Imports a rival, from the npm registry the first time, or one `part` of it such as `name/client`.
 * Throws when it can't be installed.
 */
export async function rival<Module>(
  name: string,
  version: string,
  part: string = name,
): Promise<Module> {
  const folder = join(FOLDER, `${name.replaceAll('/', '+')}@${version}`);
  const installed = join(folder, 'node_modules', name);
  if (!existsSync(installed)) {
    mkdirSync(folder, { recursive: true });
    const manifest = { name: 'bench-rival', private: true, dependencies: { [name]: version } };
    writeFileSync(join(folder, 'package.json'), JSON.stringify(manifest));
    const { exitCode, stderr } = Bun.spawnSync([process.execPath, 'install', '--ignore-scripts'], {
      cwd: folder,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    if (exitCode !== 0)
      throw new Error(`${name}@${version} was not installed: ${stderr.toString()}`);
  }
  return (await import(Bun.resolveSync(part, folder))) as Module;
}

/**
 * `bun run build [--target bun-linux-arm64] [--outfile FILE]`: one executable with Bun, the exchange,
 * its migrations and SQLite in it; dist/exchange for this machine unless told. A build for another
 * machine downloads Bun for it.
 */
import { rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { BunPlugin } from 'bun';

const ROOT = join(import.meta.dir, '..');
const { values } = parseArgs({
  options: {
    target: { type: 'string', default: `bun-${process.platform}-${process.arch}` },
    outfile: { type: 'string', default: join(ROOT, 'dist', 'exchange') },
  },
});

const [, os, arch, libc] = /^bun-(linux|darwin)-(x64|arm64)(?:-(musl))?$/.exec(values.target) ?? [];
if (os === undefined) {
  console.error(
    '--target must be such as bun-linux-x64, bun-linux-arm64-musl or bun-darwin-arm64.',
  );
  process.exit(64);
}

/** better-sqlite3 looks for its addon on disk when it runs; an entry of its own names each at build. */
const addon: BunPlugin = {
  name: 'better-sqlite3 for one platform',
  setup(build) {
    build.onResolve({ filter: /^better-sqlite3$/ }, () => ({
      path: Bun.resolveSync(`better-sqlite3/${os}${libc ?? ''}-${arch}`, ROOT),
    }));
  },
};

const { outfile } = values;
const built = await Bun.build({
  entrypoints: [join(ROOT, 'scripts', 'exchange.ts')],
  compile: {
    target: values.target as Bun.Build.CompileTarget,
    outfile,
    // The environment is what the process is given, and no file of the folder it starts in.
    autoloadDotenv: false,
    autoloadBunfig: false,
  },
  sourcemap: 'inline',
  plugins: [addon],
  throw: false,
});
for (const log of built.logs) console.error(log.message);
// The executable has it inside, and needs none beside it.
rmSync(`${outfile}.map`, { force: true });
if (built.success) console.log(JSON.stringify({ file: outfile, bytes: statSync(outfile).size }));
else process.exitCode = 1;

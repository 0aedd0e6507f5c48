/**
 * `bun run bench [--only NAME[,NAME]] [--json] [--out FILE]`: measures each thing next to a named
 * rival in the same run, in turn, and prints a table. With `--json` the last line is one JSON object
 * with every figure and the circumstances; `--out` writes that object to a file.
 */
import { writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { benchAck } from './ack.ts';
import { benchParse } from './parse.ts';

/** What a benchmark measured, by the name of the figure; the unit is last in the name. */
type Bench = () => Promise<Record<string, number>>;

const benches: Record<string, Bench> = {
  ack: benchAck,
  parse: benchParse,
};

const USAGE = 64;

const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    json: { type: 'boolean', default: false },
    out: { type: 'string' },
  },
});
const names = values.only === undefined ? Object.keys(benches) : values.only.split(',');
const unknown = names.find((name) => !Object.hasOwn(benches, name));
if (unknown !== undefined) {
  console.error(`There is no benchmark ${unknown}; there are ${Object.keys(benches).join(', ')}.`);
  process.exit(USAGE);
}
const figures: Record<string, number> = {};
for (const name of names) {
  console.error(`Measuring ${name} ...`);
  Object.assign(figures, await benches[name]?.());
}
const results = { ...circumstances(), ...figures };
const line = JSON.stringify(results);
if (values.out !== undefined) writeFileSync(values.out, `${line}\n`);
if (values.json) console.log(line);
else console.table(results);

/** What the figures depend on besides the code. */
function circumstances() {
  return {
    cores: cpus().length,
    cpu: cpus()[0]?.model ?? 'unknown',
    bun: Bun.version,
    pragmas: 'journal_mode=WAL synchronous=FULL',
    commit: git('rev-parse', '--short', 'HEAD') || 'unknown',
    changed: git('status', '--porcelain') === '' ? 'no' : 'yes',
  };
}

function git(...args: string[]): string {
  try {
    return Bun.spawnSync(['git', ...args])
      .stdout.toString()
      .trim();
  } catch {
    // Not from a checkout, or without git.
    return '';
  }
}

/**
 * `bun run bench [--only NAME[,NAME]] [--json] [--out FILE] [--minutes N]`: measures each thing next to a named
 * rival in the same run, in turn, and prints a table. With `--json` the last line is one JSON object
 * with every figure and the circumstances; `--out` writes that object to a file. `--minutes` is how long
 * `soak` takes.
 */
import { writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { benchAck } from './ack.ts';
import { benchDrain } from './drain.ts';
import { benchParse } from './parse.ts';
import { benchSize } from './size.ts';
import { benchSoak } from './soak.ts';
import { benchWhole } from './whole.ts';

/** What a benchmark measured, by the name of the figure; the unit is last in the name. */
type Bench = () => Promise<Record<string, number | string>>;

const benches: Record<string, Bench> = {
  ack: benchAck,
  drain: benchDrain,
  whole: benchWhole,
  size: benchSize,
  soak: () => benchSoak(minutes),
  parse: benchParse,
};

const USAGE = 64;

const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    json: { type: 'boolean', default: false },
    out: { type: 'string' },
    minutes: { type: 'string', default: '10' },
  },
});
const minutes = Number(values.minutes);
if (!(minutes > 0 && minutes <= 24 * 60)) {
  console.error('--minutes is above 0, and a day at most.');
  process.exit(USAGE);
}
const names = values.only === undefined ? Object.keys(benches) : values.only.split(',');
const unknown = names.find((name) => !Object.hasOwn(benches, name));
if (unknown !== undefined) {
  console.error(`There is no benchmark ${unknown}; there are ${Object.keys(benches).join(', ')}.`);
  process.exit(USAGE);
}
const figures: Record<string, number | string> = {};
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

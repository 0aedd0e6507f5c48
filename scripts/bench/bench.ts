/**
 * `bun run bench [--only NAME] [--json]`: measures against a named rival in the same run and prints a
 * table, or with `--json` one JSON object on the last line.
 */
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { benchAck } from './ack.ts';

const benches: Record<string, () => Promise<Record<string, number>>> = { ack: benchAck };

const { values } = parseArgs({
  options: { only: { type: 'string' }, json: { type: 'boolean', default: false } },
});
const names = values.only === undefined ? Object.keys(benches) : [values.only];
const results: Record<string, number> = {};
for (const name of names) {
  const bench = benches[name];
  if (!bench) {
    console.error(`There is no benchmark ${name}; there are ${Object.keys(benches).join(', ')}.`);
    process.exit(64);
  }
  Object.assign(results, await bench());
}
const commit = Bun.spawnSync(['git', 'rev-parse', '--short', 'HEAD']).stdout.toString().trim();
const circumstances = {
  cores: cpus().length,
  bun: Bun.version,
  pragmas: 'journal_mode=WAL synchronous=FULL',
  commit,
};
if (values.json) console.log(JSON.stringify({ ...circumstances, ...results }));
else console.table({ ...circumstances, ...results });

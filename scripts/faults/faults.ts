/**
 * `bun run faults [--only NAME] [--rounds N] [--messages N] [--seed N]`: breaks the exchange in every way
 * the README promises it survives, prints a table, and ends with status 0 only when all held.
 */
import { parseArgs } from 'node:util';
import { clock } from './clock.ts';
import { disk } from './disk.ts';
import { durability } from './durability.ts';
import { kill } from './kill.ts';
import { model } from './model.ts';
import type { Options, Scenario } from './scenario.ts';
import { storm } from './storm.ts';

const scenarios: Record<string, Scenario> = { kill, storm, durability, disk, clock, model };

const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    rounds: { type: 'string', default: '500' },
    messages: { type: 'string', default: '5000' },
    seed: { type: 'string', default: String(Math.floor(Math.random() * 1e6)) },
  },
});
const options: Options = {
  rounds: Number(values.rounds),
  messages: Number(values.messages),
  seed: Number(values.seed),
};
const names = values.only === undefined ? Object.keys(scenarios) : [values.only];
const isUsable =
  names.every((name) => name in scenarios) &&
  Object.values(options).every((number) => Number.isSafeInteger(number) && number > 0);
if (!isUsable) {
  console.error(
    `Scenarios are ${Object.keys(scenarios).join(', ')}; numbers are whole and above 0.`,
  );
  process.exit(64);
}

console.log(`seed ${options.seed}`);
let broken = 0;
for (const name of names) {
  const report = await scenarios[name]?.(options);
  if (!report) continue;
  const { skipped, complaints, figures } = report;
  if (complaints.length > 0) broken += 1;
  console.log(
    `\n${name}: ${skipped ? `skipped, ${skipped}` : complaints.length > 0 ? 'BROKEN' : 'held'}`,
  );
  for (const [title, figure] of Object.entries(figures)) {
    console.log(`  ${title.padEnd(24)} ${String(figure).padStart(10)}`);
  }
  for (const complaint of complaints) console.log(`  NOT WELL: ${complaint}`);
}
process.exit(broken === 0 ? 0 : 1);

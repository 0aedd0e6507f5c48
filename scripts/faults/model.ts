/** The commands of test/faults/model.test.ts in orders of this run's own, many more than in every test run. */
import { join } from 'node:path';
import type { Options, Report } from './scenario.ts';

const ROOT = join(import.meta.dir, '..', '..');
/** Sequences of commands for each round of `--rounds`. */
const RUNS_PER_ROUND = 4;
const TIMEOUT_MS = 20 * 60 * 1000;

/** Every sequence must leave the store as the model of the promise has it. */
export async function model({ rounds, seed }: Pick<Options, 'rounds' | 'seed'>): Promise<Report> {
  const runs = rounds * RUNS_PER_ROUND;
  const child = Bun.spawn(
    [process.execPath, 'test', `--timeout=${TIMEOUT_MS}`, 'test/faults/model.test.ts'],
    {
      cwd: ROOT,
      env: { ...process.env, MODEL_RUNS: String(runs), MODEL_SEED: String(seed) },
      stdio: ['ignore', 'ignore', 'pipe'],
      timeout: TIMEOUT_MS,
      killSignal: 'SIGKILL',
    },
  );
  const printed = await new Response(child.stderr).text();
  const isHeld = (await child.exited) === 0;
  return {
    figures: { sequences: runs },
    // What fast-check prints of a counterexample: the shortest sequence that it found, and its seed.
    complaints: isHeld ? [] : [printed.slice(0, 4000)],
  };
}

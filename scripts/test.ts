/**
 * `bun run test`: install, format, lint, types, dead code, every test; `--checks` leaves the tests
 * out. Runs every step even after one failed, and ends with `N passed, N failed` alone on a line.
 * Nothing is installed when this starts, so it uses only what Bun brings.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const CHECKS = ['format:check', 'lint', 'types', 'dead-code'];
/** Ends a test that hangs; no measure of speed, so that a busy machine fails none. */
const TEST_TIMEOUT_MS = 60_000;

interface Counts {
  passed: number;
  failed: number;
  skipped: number;
}

function run(title: string, args: string[]): boolean {
  console.log(`\n== ${title}`);
  const { exitCode } = Bun.spawnSync([process.execPath, ...args], {
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  if (exitCode !== 0) console.log(`== ${title} failed with status ${exitCode}`);
  return exitCode === 0;
}

function runTests(): Counts {
  const folder = mkdtempSync(join(tmpdir(), 'sm-exchange-test-'));
  const report = join(folder, 'junit.xml');
  try {
    const reporter = ['--reporter=junit', `--reporter-outfile=${report}`];
    const ok = run('tests', ['test', `--timeout=${TEST_TIMEOUT_MS}`, ...reporter]);
    const counts = countsOf(report);
    // A file that can't be loaded fails the run without failing a test.
    return ok || counts.failed > 0 ? counts : { ...counts, failed: 1 };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function countsOf(report: string): Counts {
  let root: string;
  try {
    root = /<testsuites[^>]*>/.exec(readFileSync(report, 'utf8'))?.[0] ?? '';
  } catch {
    return { passed: 0, failed: 1, skipped: 0 };
  }
  const attribute = (name: string) =>
    Number(new RegExp(`\\b${name}="(\\d+)"`).exec(root)?.[1] ?? 0);
  const failed = attribute('failures') + attribute('errors');
  const skipped = attribute('skipped');
  return { passed: attribute('tests') - failed - skipped, failed, skipped };
}

const total: Counts = { passed: 0, failed: 0, skipped: 0 };
for (const [title, args] of [
  ['install', ['install', '--frozen-lockfile']],
  ...CHECKS.map((name) => [name, ['run', name]] as const),
] as const) {
  if (run(title, [...args])) total.passed += 1;
  else total.failed += 1;
}
if (!process.argv.includes('--checks')) {
  const tests = runTests();
  total.passed += tests.passed;
  total.failed += tests.failed;
  total.skipped += tests.skipped;
}
const skipped = total.skipped > 0 ? `, ${total.skipped} skipped` : '';
console.log(`\n${total.passed} passed, ${total.failed} failed${skipped}`);
process.exitCode = total.failed === 0 ? 0 : 1;

/** The files that Prometheus and Grafana are given, and promtool to check them. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse, stringify } from 'yaml';

const FOLDER = join(import.meta.dir, '..', '..', 'scripts', 'operations');
export const ALERTS = join(FOLDER, 'alerts.yaml');
export const RUNBOOK = join(FOLDER, 'RUNBOOK.md');

// Where it is missing the tests are skipped by name; CI installs it and skips none.
export const hasPromtool = process.env['CI'] === 'true' || Bun.which('promtool') !== null;

export interface Alert {
  alert: string;
  expr: string;
  for?: string;
  labels: Record<string, string>;
  annotations: Record<string, string>;
}

export function alerts(): Alert[] {
  const { groups } = parse(readFileSync(ALERTS, 'utf8')) as { groups: { rules: Alert[] }[] };
  return groups.flatMap(({ rules }) => rules);
}

interface Panel {
  title: string;
  targets?: { expr: string }[];
}

/** Every query of the dashboard, its variables as Grafana fills them in. */
export function dashboardQueries(): { title: string; expr: string }[] {
  const text = readFileSync(join(FOLDER, 'dashboard.json'), 'utf8');
  const { panels } = JSON.parse(text) as { panels: Panel[] };
  return panels.flatMap(({ title, targets = [] }) =>
    targets.map(({ expr }) => ({
      title,
      expr: expr.replaceAll('$__rate_interval', '5m').replaceAll('$instance', '.*'),
    })),
  );
}

/** Runs promtool; `test` is written to a file of its own and named last. */
export function promtool(
  args: string[],
  { stdin, test }: { stdin?: string; test?: unknown } = {},
): { ok: boolean; output: string } {
  const folder = mkdtempSync(join(tmpdir(), 'sm-exchange-promtool-'));
  try {
    const file = join(folder, 'test.yaml');
    if (test !== undefined) writeFileSync(file, stringify(test));
    const { exitCode, stdout, stderr } = Bun.spawnSync(
      ['promtool', ...args, ...(test === undefined ? [] : [file])],
      { stdin: stdin === undefined ? 'ignore' : Buffer.from(stdin) },
    );
    return { ok: exitCode === 0, output: `${stdout.toString()}${stderr.toString()}` };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * The audit, on the SQLite file at DATABASE_PATH, also while an exchange runs on it:
 *
 *   bun run audit verify [--head SEQ:HASH]                     1 and a line when a row is not what it was
 *   bun run audit export [--since INSTANT] [--until INSTANT]   JSON lines on standard output
 *   bun run audit prune --before INSTANT                       what is older than six years
 *
 * `verify` prints the head of the chain. Noted where nobody who can write the file can write, and given as
 * --head later, it also shows an audit that was written anew from the start. Instants are RFC 3339, or a
 * day. Ends with a status of sysexits.h.
 */
import { parseArgs } from 'node:util';
import type { AuditHead, AuditStore } from '../src/store/audit.ts';
import { exportLines } from '../src/store/audit-export.ts';
import { terminalActor, withStore } from './operators/store.ts';

const USAGE =
  'Say verify [--head SEQ:HASH], export [--since INSTANT] [--until INSTANT], or prune --before INSTANT.';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    head: { type: 'string' },
    since: { type: 'string' },
    until: { type: 'string' },
    before: { type: 'string' },
  },
});
const [command, ...more] = positionals;
process.exitCode = await withStore(({ audit }) => run(audit));

async function run(audit: AuditStore): Promise<number> {
  if (more.length > 0) return misused(USAGE);
  if (command === 'verify') return verify(audit);
  if (command === 'export') return exportRows(audit);
  if (command === 'prune') return prune(audit);
  return misused(USAGE);
}

async function verify(audit: AuditStore): Promise<number> {
  const noted = values.head === undefined ? undefined : headOf(values.head);
  if (values.head !== undefined && !noted) return misused('--head must be SEQ:HASH as printed.');
  const verdict = await audit.verify(noted);
  if (verdict.ok) {
    const { rows, head, anchor } = verdict;
    console.log(`${rows} rows after row ${anchor.seq}, head ${head.seq}:${head.hash}`);
    return 0;
  }
  console.log(`row ${verdict.seq}: ${verdict.fault}`);
  return 1;
}

async function exportRows(audit: AuditStore): Promise<number> {
  const since = instantOf(values.since);
  const until = instantOf(values.until);
  if (Number.isNaN(since) || Number.isNaN(until))
    return misused('Instants are RFC 3339, or a day.');
  const object = { kind: 'audit', id: 'rows' };
  await audit.record({ actor: terminalActor(), action: 'audit.export', object });
  const stretch = {
    ...(since === undefined ? {} : { since }),
    ...(until === undefined ? {} : { until }),
  };
  for await (const lines of exportLines(audit, stretch)) process.stdout.write(lines);
  return 0;
}

async function prune(audit: AuditStore): Promise<number> {
  const before = instantOf(values.before);
  if (before === undefined || Number.isNaN(before)) return misused('Say prune --before INSTANT.');
  console.log(`${await audit.prune(before, terminalActor())} rows pruned`);
  return 0;
}

function headOf(text: string): AuditHead | undefined {
  const [, seq, hash] = /^(\d{1,15}):([0-9a-f]{64})$/.exec(text) ?? [];
  return seq === undefined || hash === undefined ? undefined : { seq: Number(seq), hash };
}

function instantOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  return /^\d{4}-\d\d-\d\d/.test(text) ? Date.parse(text) : Number.NaN;
}

function misused(why: string): number {
  console.error(why);
  return 64;
}

/** The reconciliation: what OH has, what MHV has, and what is missing and why. */
import type { Reconciled } from '../../src/store/store.ts';

export interface Finding extends Omit<Reconciled, 'status'> {
  /** Where it came from, without saying who: `patient 3`, `archive`. */
  where: string;
  icn?: string;
  status: Reconciled['status'] | 'ERROR' | 'MISSING' | 'UNVERIFIED';
}

const MAX_SHOWN = 20;

export function missingOf(findings: Finding[]): Finding[] {
  return findings.filter(({ status }) => status !== 'SENT');
}

/** A table of counts, and the first of what is missing by the exchange's own ids. */
export function print(findings: Finding[]): void {
  const missing = missingOf(findings);
  const listed = findings.filter(({ ohMessageId }) => ohMessageId !== '').length;
  const rows: [string, number][] = [
    ['OH has', listed],
    ['MHV has', findings.length - missing.length],
    ['missing', missing.length],
  ];
  const reasons = Map.groupBy(missing, ({ status, why }) => `  ${status} ${why ?? ''}`.trimEnd());
  for (const [reason, of] of reasons) rows.push([reason, of.length]);
  console.log('');
  for (const [name, messages] of rows) console.log(`${String(messages).padStart(9)}  ${name}`);
  for (const { where, id, status, why } of missing.slice(0, MAX_SHOWN)) {
    console.log(`${where}${id ? ` message ${id}` : ''}: ${status} ${why ?? ''}`);
  }
  if (missing.length > MAX_SHOWN) console.log(`and ${missing.length - MAX_SHOWN} more`);
}

const COLUMNS = [
  'where',
  'icn',
  'oh_message_id',
  'exchange_id',
  'mhv_message_id',
  'status',
  'why',
] as const;

/** One line (RFC 4180) for each message. Holds ICNs: it is for the person who asked for it by name. */
export async function writeCsv(path: string, findings: Finding[]): Promise<void> {
  const lines = findings.map((one) =>
    [one.where, one.icn, one.ohMessageId, one.id, one.mhvMessageId, one.status, one.why]
      .map(cell)
      .join(','),
  );
  await Bun.write(path, [COLUMNS.join(','), ...lines, ''].join('\r\n'), { mode: 0o600 });
}

function cell(value: string | undefined): string {
  const text = value ?? '';
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

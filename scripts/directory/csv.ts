/** The directory as a CSV file (RFC 4180, UTF-8) that a person can edit. */
import { CsvError, parse } from 'csv-parse/sync';
import { stringify } from 'csv-stringify/sync';
import type { NewTriageGroup, TriageGroup } from '../../src/store/directory.ts';
import { directoryFaults } from '../../src/store/directory-rules.ts';

/** Column of each field, in the order of the file. */
const COLUMNS = {
  ohPoolId: 'oh_pool_id',
  name: 'name',
  stationNumber: 'station_number',
  mhvTriageTeamId: 'mhv_triage_team_id',
  preferred: 'preferred',
} as const;

const REQUIRED: string[] = [COLUMNS.ohPoolId, COLUMNS.name, COLUMNS.stationNumber];
const MAX_BYTES = 5 * 1024 * 1024;
const MAX_LINES = 20_000;

/** What is wrong with a file, one sentence for each place. */
export class BadCsv extends Error {
  readonly faults: string[];

  constructor(faults: string[]) {
    super(faults.join('\n'));
    this.name = 'BadCsv';
    this.faults = faults;
  }
}

/** Reads a file whole. Throws BadCsv with every bad line, by its number and column. */
export function readCsv(bytes: Uint8Array): NewTriageGroup[] {
  const [header, ...lines] = recordsOf(textOf(bytes));
  if (!header) throw new BadCsv(['line 1: the header is missing']);
  refuseHeader(header.record);
  if (lines.length > MAX_LINES) throw new BadCsv([`There are more than ${MAX_LINES} lines.`]);
  const faults: { line: number; sentence: string }[] = [];
  const complain = (line: number, column: string, detail: string) =>
    void faults.push({ line, sentence: `line ${line}, column ${column}: ${detail}` });
  const groups = lines.map(({ line, record }) => {
    const cell = (column: string) => record[header.record.indexOf(column)] ?? '';
    if (record.length !== header.record.length) {
      complain(line, `${record.length}`, `must be the last of ${header.record.length}`);
    }
    const preferred = cell(COLUMNS.preferred);
    if (preferred !== '' && !isFlag(preferred)) {
      complain(line, COLUMNS.preferred, 'must be true, false or empty');
    }
    const team = cell(COLUMNS.mhvTriageTeamId);
    return {
      ohPoolId: cell(COLUMNS.ohPoolId),
      name: cell(COLUMNS.name),
      stationNumber: cell(COLUMNS.stationNumber),
      ...(team === '' ? {} : { mhvTriageTeamId: team }),
      ...(isFlag(preferred) ? { preferred: preferred.toLowerCase() === 'true' } : {}),
    };
  });
  for (const { row, field, detail } of directoryFaults(groups)) {
    complain(lines[row]?.line ?? 0, COLUMNS[field], detail);
  }
  if (faults.length > 0) {
    throw new BadCsv(faults.toSorted((a, b) => a.line - b.line).map(({ sentence }) => sentence));
  }
  return groups;
}

/** The same file again: what is read from it is what was written. */
export function writeCsv(groups: TriageGroup[]): string {
  const rows = groups.map((group) => [
    group.ohPoolId,
    group.name,
    group.stationNumber,
    group.mhvTriageTeamId ?? '',
    String(group.preferred),
  ]);
  return stringify([Object.values(COLUMNS), ...rows]);
}

function isFlag(cell: string): boolean {
  return /^(true|false)$/i.test(cell);
}

function textOf(bytes: Uint8Array): string {
  if (bytes.byteLength > MAX_BYTES)
    throw new BadCsv([`The file is larger than ${MAX_BYTES} bytes.`]);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new BadCsv(['The file is not UTF-8; save it as "CSV UTF-8".']);
  }
}

function recordsOf(text: string): { line: number; record: string[] }[] {
  try {
    const records: unknown = parse(text, {
      info: true,
      relax_column_count: true,
      skip_empty_lines: true,
    });
    return (records as { info: { lines: number }; record: string[] }[]).map(({ info, record }) => ({
      line: info.lines,
      record,
    }));
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    const line = 'lines' in error ? `line ${String(error['lines'])}: ` : '';
    throw new BadCsv([`${line}the quotes are not right (${error.code})`]);
  }
}

function refuseHeader(header: string[]): void {
  const known: string[] = Object.values(COLUMNS);
  const faults = [
    ...REQUIRED.filter((column) => !header.includes(column)).map(
      (column) => `${column} is missing`,
    ),
    ...header.filter((column) => !known.includes(column)).map((column) => `${column} is unknown`),
    ...header
      .filter((column, index) => header.indexOf(column) !== index)
      .map((column) => `${column} is there twice`),
  ];
  if (faults.length > 0) throw new BadCsv(faults.map((fault) => `line 1, column ${fault}`));
}

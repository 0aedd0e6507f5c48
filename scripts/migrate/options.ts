/** The command line of migrate-history. */
import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { parseArgs } from 'node:util';

const ICN = /^[0-9]{10}V[0-9]{6}$/;
const DEFAULT_CONCURRENCY = 16;
const MAX_CONCURRENCY = 1000;
const MAX_RATE = 10_000;
const DEFAULT_WAIT_S = 600;
const MAX_WAIT_S = 30 * 86_400;
const DATE = /^\d{4}-\d\d-\d\d$/;
const INSTANT = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)$/;

export interface Options {
  /** ICNs, each once. */
  patients?: string[];
  /** Folder or URL. */
  archive?: string;
  /** Milliseconds since the epoch; only messages, or entries, of this stretch. */
  since?: number;
  until?: number;
  dryRun: boolean;
  /** Patients, or entries of an archive, a second; 0 for no bound. */
  rate: number;
  /** Patients under way at once. */
  concurrency: number;
  /** How long to wait for an exchange that polls the file. */
  waitMs: number;
  report?: string;
  verifyAtMhv: boolean;
}

/** Something a person must say otherwise; `status` is that of sysexits.h. */
export class UsageError extends Error {
  readonly status: number;

  constructor(message: string, status = 64) {
    super(message);
    this.status = status;
  }
}

const EX_DATAERR = 65;
const EX_NOINPUT = 66;
const EX_CANTCREAT = 73;

/** Reads the arguments, and the patients they name. Throws UsageError. */
export async function readOptions(args: string[]): Promise<Options> {
  const values = parse(args);
  const { patients, archive, report } = values;
  if ((patients === undefined) === (archive === undefined)) {
    throw new UsageError('Say either --patients FILE (or -) or --archive FOLDER (or URL).');
  }
  const since = instantOf('--since', values.since);
  const until = instantOf('--until', values.until);
  if (since !== undefined && until !== undefined && since >= until) {
    throw new UsageError('--since must be before --until.');
  }
  const bounds = {
    rate: numberOf('--rate', values.rate, { unless: 0, max: MAX_RATE }),
    concurrency: numberOf('--concurrency', values.concurrency, {
      unless: DEFAULT_CONCURRENCY,
      min: 1,
      max: MAX_CONCURRENCY,
      isWhole: true,
    }),
    waitMs: numberOf('--wait', values.wait, { unless: DEFAULT_WAIT_S, max: MAX_WAIT_S }) * 1000,
  };
  if (report !== undefined) await refuseUnwritable(report);
  if (archive !== undefined) await refuseUnreadable(archive);
  return {
    ...(patients === undefined ? {} : { patients: await readIcns(patients) }),
    ...(archive === undefined ? {} : { archive }),
    ...(since === undefined ? {} : { since }),
    ...(until === undefined ? {} : { until }),
    ...(report === undefined ? {} : { report }),
    dryRun: values['dry-run'] ?? false,
    verifyAtMhv: values['verify-at-mhv'] ?? false,
    ...bounds,
  };
}

function parse(args: string[]) {
  try {
    const string = { type: 'string' } as const;
    const boolean = { type: 'boolean' } as const;
    const { values } = parseArgs({
      args,
      options: {
        patients: string,
        archive: string,
        since: string,
        until: string,
        'dry-run': boolean,
        rate: string,
        concurrency: string,
        wait: string,
        report: string,
        'verify-at-mhv': boolean,
      },
    });
    return values;
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : 'The arguments are wrong.');
  }
}

/** A date is its first instant in UTC. */
function instantOf(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const at = DATE.test(text) || INSTANT.test(text) ? Date.parse(text) : Number.NaN;
  const day = text.slice(0, 'yyyy-mm-dd'.length);
  // A day that the month does not have may be read as one of the next.
  if (!Number.isNaN(at) && new Date(Date.parse(day)).toISOString().startsWith(day)) return at;
  throw new UsageError(
    `${name} must be a date such as 2024-01-31, or an instant such as 2024-01-31T08:00:00Z.`,
  );
}

function numberOf(
  name: string,
  text: string | undefined,
  range: { unless: number; min?: number; max: number; isWhole?: boolean },
): number {
  const { unless, min = 0, max, isWhole = false } = range;
  if (text === undefined) return unless;
  const value = /^\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
  if (value >= min && value <= max && (!isWhole || Number.isInteger(value))) return value;
  throw new UsageError(`${name} must be a ${isWhole ? 'whole ' : ''}number from ${min} to ${max}.`);
}

/** At the start: at the end it would be hours too late. */
async function refuseUnwritable(report: string): Promise<void> {
  try {
    const exists = await Bun.file(report).exists();
    await access(exists ? report : dirname(report), constants.W_OK);
  } catch {
    throw new UsageError(`--report ${report} cannot be written.`, EX_CANTCREAT);
  }
}

async function refuseUnreadable(archive: string): Promise<void> {
  if (/^https?:/.test(archive)) {
    if (URL.canParse(archive)) return;
    throw new UsageError(`--archive ${archive} is not a URL.`);
  }
  const found = await stat(archive).catch(() => undefined);
  if (!found?.isDirectory()) {
    throw new UsageError(`--archive ${archive} is neither a folder nor a URL.`, EX_NOINPUT);
  }
}

/** Reads all lines; a bad one ends the program before anything is asked for. */
async function readIcns(path: string): Promise<string[]> {
  const lines = (await readPatients(path)).split('\n').map((line) => line.trim());
  const bad = lines.findIndex((line) => line !== '' && !ICN.test(line));
  if (bad >= 0) {
    const what = 'is not an ICN (ten digits, V, six digits)';
    throw new UsageError(`Line ${bad + 1} of --patients ${what}.`, EX_DATAERR);
  }
  const icns = [...new Set(lines.filter((line) => line !== ''))];
  if (icns.length === 0) throw new UsageError('--patients names nobody.', EX_DATAERR);
  return icns;
}

async function readPatients(path: string): Promise<string> {
  try {
    return await (path === '-' ? Bun.stdin : Bun.file(path)).text();
  } catch {
    throw new UsageError(`--patients ${path} cannot be read.`, EX_NOINPUT);
  }
}

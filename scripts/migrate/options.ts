/** The command line of migrate-history. */
import { parseArgs } from 'node:util';

const ICN = /^[0-9]{10}V[0-9]{6}$/;
const DEFAULT_CONCURRENCY = 16;

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

/** Reads the arguments, and the patients they name. Throws UsageError. */
export async function readOptions(args: string[]): Promise<Options> {
  const values = parse(args);
  const { patients, archive, report } = values;
  if ((patients === undefined) === (archive === undefined)) {
    throw new UsageError('Say either --patients FILE (or -) or --archive FOLDER (or URL).');
  }
  const since = instantOf('--since', values.since);
  const until = instantOf('--until', values.until);
  return {
    ...(patients === undefined ? {} : { patients: await readIcns(patients) }),
    ...(archive === undefined ? {} : { archive }),
    ...(since === undefined ? {} : { since }),
    ...(until === undefined ? {} : { until }),
    ...(report === undefined ? {} : { report }),
    dryRun: values['dry-run'] ?? false,
    verifyAtMhv: values['verify-at-mhv'] ?? false,
    rate: numberOf('--rate', values.rate, 0),
    concurrency: Math.max(1, numberOf('--concurrency', values.concurrency, DEFAULT_CONCURRENCY)),
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
        report: string,
        'verify-at-mhv': boolean,
      },
    });
    return values;
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : 'The arguments are wrong.');
  }
}

function instantOf(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const at = /^\d{4}-\d\d-\d\d(T.+)?$/.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(at)) throw new UsageError(`${name} must be a date such as 2024-01-31.`);
  return at;
}

function numberOf(name: string, text: string | undefined, unless: number): number {
  const value = text === undefined ? unless : Number(text);
  if (Number.isFinite(value) && value >= 0) return value;
  throw new UsageError(`${name} must be a number from 0.`);
}

/** Reads all lines; a bad one ends the program before anything is asked for. */
async function readIcns(path: string): Promise<string[]> {
  const text = await (path === '-' ? Bun.stdin : Bun.file(path)).text();
  const lines = text.split('\n').map((line) => line.trim());
  const bad = lines.findIndex((line) => line !== '' && !ICN.test(line));
  if (bad >= 0) {
    throw new UsageError(`Line ${bad + 1} is not an ICN (ten digits, V, six digits).`, 65);
  }
  return [...new Set(lines.filter((line) => line !== ''))];
}

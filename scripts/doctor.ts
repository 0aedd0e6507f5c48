/**
 * `bun run doctor [--full] [--json] [--no-upstreams] [--url ORIGIN] [--backups FOLDER]`: one page for the
 * person on call, about the file at DATABASE_PATH, the exchange on it, running or stopped, and the
 * upstreams. It opens the file read-only and changes nothing. Each line is `ok`, `look` or `bad`, with what
 * to do. Status 0, 1 (something to look at) or 2 (something is bad); 64: bad arguments.
 */
import { existsSync } from 'node:fs';
import { parseArgs } from 'node:util';
import {
  ConfigError,
  dataKeysOf,
  type LocalConfig,
  localConfig,
  parseConfig,
} from '../src/config.ts';
import { Examination } from '../src/store/examine.ts';
import { failureOf } from '../src/store/failures.ts';
import {
  diskFinding,
  fileFinding,
  finding,
  integrityFinding,
  pollerFinding,
  versionFinding,
  walFinding,
} from './operations/file.ts';
import { type Finding, type Level, tableOf, worstOf } from './operations/finding.ts';
import {
  clockFinding,
  directoryFinding,
  pausesFinding,
  quarantineFinding,
  queueFindings,
  sessionsFinding,
} from './operations/queue.ts';
import { type KeysAtHand, sealingFinding } from './operations/sealing.ts';
import { backupFinding, processFinding } from './operations/surroundings.ts';
import { examineUpstreams } from './operations/upstreams.ts';

const EX_USAGE = 64;
const EX_CONFIG = 78;
const statuses: Record<Level, number> = { ok: 0, look: 1, bad: 2 };

const values = readArguments();
const config = readConfig();
const now = Date.now();
const findings = (
  await Promise.all([
    onFile(config),
    processFinding(config, values.url),
    upstreamFindings(values['no-upstreams']),
  ])
).flat();
findings.push(backupFinding(config.DATABASE_PATH, values.backups, now));
if (values.json) console.log(JSON.stringify({ level: worstOf(findings), findings }));
else console.log(tableOf(findings));
process.exitCode = statuses[worstOf(findings)];

function readArguments() {
  try {
    return parseArgs({
      options: {
        full: { type: 'boolean', default: false },
        json: { type: 'boolean', default: false },
        'no-upstreams': { type: 'boolean', default: false },
        url: { type: 'string' },
        backups: { type: 'string' },
      },
    }).values;
  } catch (error) {
    console.error(error instanceof Error ? error.message : 'The arguments are wrong.');
    return process.exit(EX_USAGE);
  }
}

function readConfig(): LocalConfig {
  try {
    return localConfig(process.env);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    console.error(error.message);
    return process.exit(EX_CONFIG);
  }
}

/** Each look by itself: what a damaged page hides from one, another may still see. */
async function onFile(local: LocalConfig): Promise<Finding[]> {
  const path = local.DATABASE_PATH;
  let file: Examination;
  if (!existsSync(path)) {
    const next = 'check DATABASE_PATH; the first start makes the file';
    return [finding('database', 'bad', `${path} is not there`, next)];
  }
  try {
    file = new Examination(path);
  } catch (error) {
    const found = `${path} can not be opened: ${reasonOf(error)}`;
    return [finding('database', 'bad', found, 'check DATABASE_PATH, its folder and its owner')];
  }
  const looks: [string, () => Finding | Finding[] | Promise<Finding | Finding[]>][] = [
    ['database', () => fileFinding(file)],
    ['integrity', () => integrityFinding(file, values.full)],
    ['version', () => versionFinding(file)],
    ['write-ahead log', () => walFinding(file, path)],
    ['disk', () => diskFinding(file, local)],
    ['poller', () => pollerFinding(file, now)],
    ['clock', () => clockFinding(file, now)],
    ['backlog', () => queueFindings(file, local, now)],
    ['pauses', () => pausesFinding(file, now)],
    ['quarantine', () => quarantineFinding(file, now)],
    ['sealing', () => sealingFinding(file, keysAtHand(), values.full)],
    ['histories', () => sessionsFinding(file)],
    ['directory', () => directoryFinding(file)],
  ];
  const found: Finding[] = [];
  for (const [name, look] of looks) {
    try {
      found.push(...[await look()].flat());
    } catch (error) {
      const next = 'see integrity; restore the backup if the file is damaged';
      found.push(finding(name, 'bad', `can not be read: ${reasonOf(error)}`, next));
    }
  }
  file.close();
  return found;
}

function keysAtHand(): KeysAtHand {
  try {
    const isOpen = process.env['AUTH'] === 'none';
    return { ids: dataKeysOf(process.env).map(({ id }) => id), isOpen };
  } catch (error) {
    if (error instanceof ConfigError) return { fault: error.message.replaceAll('\n', '; ') };
    throw error;
  }
}

async function upstreamFindings(areLeftOut: boolean): Promise<Finding[]> {
  if (areLeftOut) return [];
  try {
    return await examineUpstreams(parseConfig(process.env, { hasTokens: true }));
  } catch (error) {
    const found =
      error instanceof ConfigError
        ? 'not asked: this is not the environment of the exchange'
        : 'not asked: a private key can not be read';
    return [finding('upstreams', 'look', found, 'bun run check-config, in its environment')];
  }
}

/** SQLite's code where there is one: a message could quote what a row holds. */
function reasonOf(error: unknown): string {
  const failure = failureOf(error);
  if (failure) return failure.sqliteCode;
  const code: unknown = error instanceof Error ? Reflect.get(error, 'code') : undefined;
  return typeof code === 'string' ? code : 'an unknown error';
}

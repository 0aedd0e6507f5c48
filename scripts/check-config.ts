/**
 * `bun run check-config [--json]`: every fault of the environment at once, and when there is none, tries
 * each upstream with something harmless and says what it found. Status 0: all well, or nothing worse than
 * `look`. 78: the environment has faults. 69: an upstream is not as it should be. 64: bad arguments.
 */
import { parseArgs } from 'node:util';
import {
  type Config,
  ConfigError,
  type ConfigFault,
  databasePath,
  parseConfig,
} from '../src/config.ts';
import { publicKeySet } from '../src/oh/oauth2.ts';
import { hasLiveToken } from '../src/store/access.ts';
import { keyFaultsOfFile } from '../src/store/data-keys.ts';
import { failureOf } from '../src/store/failures.ts';
import { certificateFindings } from './operations/certificates.ts';
import { feedFinding } from './operations/feed.ts';
import { counted, type Finding, tableOf, worstOf } from './operations/finding.ts';
import { examineUpstreams } from './operations/upstreams.ts';

/** Statuses of sysexits.h. */
const EX_USAGE = 64;
const EX_UNAVAILABLE = 69;
const EX_CONFIG = 78;

const isJson = readArguments();
process.exitCode = await check();

function readArguments(): boolean {
  try {
    return parseArgs({ options: { json: { type: 'boolean', default: false } } }).values.json;
  } catch {
    console.error('Say nothing, or --json.');
    return process.exit(EX_USAGE);
  }
}

async function check(): Promise<number> {
  const { config, faults } = read();
  if (!config) return end(faults, [], EX_CONFIG);
  const keyFaults = [keyFaultOf(config), ...dataKeyFaults(config)].filter(
    (one) => one !== undefined,
  );
  if (keyFaults.length > 0) return end(keyFaults, [], EX_CONFIG);
  const upstreams = await examineUpstreams(config);
  const findings = [...upstreams, feedFinding(config), ...certificateFindings(config, Date.now())];
  return end([], findings, worstOf(findings) === 'bad' ? EX_UNAVAILABLE : 0);
}

function read(): { config?: Config; faults: ConfigFault[] } {
  try {
    return { config: parseConfig(process.env, { hasTokens: hasTokens() }), faults: [] };
  } catch (error) {
    if (error instanceof ConfigError) return { faults: error.faults };
    throw error;
  }
}

/** A token of the file will do, as at the start; what is wrong with a file is doctor's to tell. */
function hasTokens(): boolean {
  try {
    return hasLiveToken(databasePath(process.env), Date.now());
  } catch {
    return true;
  }
}

function keyFaultOf({
  OH_AUTH_METHOD: method,
  OH_AUTH_PRIVATE_KEY: privateKeyPem = '',
}: Config): ConfigFault | undefined {
  if (method !== 'oauth2-private-key-jwt') return undefined;
  try {
    publicKeySet([{ privateKeyPem, keyId: '' }]);
    return undefined;
  } catch {
    // Not the error: it may quote the key.
    const detail = 'can not be read as a PEM private key, RSA or P-384';
    return { variable: 'OH_AUTH_PRIVATE_KEY', detail };
  }
}

/** Keys that the file, where there is one, needs and does not get. */
function dataKeyFaults({ DATABASE_PATH, DATA_KEYS }: Config): ConfigFault[] {
  try {
    const faults = keyFaultsOfFile(DATABASE_PATH, DATA_KEYS);
    return faults.map(({ detail }) => ({ variable: 'DATA_KEYS', detail }));
  } catch (error) {
    // A file that can't be read is for doctor to look at.
    if (failureOf(error)) return [];
    throw error;
  }
}

function end(faults: ConfigFault[], upstreams: Finding[], status: number): number {
  if (isJson) console.log(JSON.stringify({ faults, upstreams }));
  else if (faults.length > 0) {
    for (const { variable, detail } of faults) console.log(`${variable}: ${detail}`);
    console.log(
      `\n${counted(faults.length, 'fault')}. The upstreams are asked when there is none.`,
    );
  } else {
    console.log(tableOf(upstreams));
  }
  return status;
}

/** Secrets that lie in files, as orchestrators mount them, in place of the environment. */
import { readFileSync } from 'node:fs';

/** Variables that may be given as a file, by their name with `_FILE` behind it. */
const SECRETS = [
  'MHV_APP_TOKEN',
  'MHV_API_KEY',
  'OH_AUTH_CLIENT_SECRET',
  'OH_AUTH_PRIVATE_KEY',
  'FEED_SECRET',
  'FEED_TOKENS',
  'FEED_PASSWORDS',
  'API_TOKENS',
  'DATA_KEYS',
];

/** What the Kubernetes manifest has where a secret is to be put. */
const PLACEHOLDER = /(?:^|[,:])\s*replace-me\s*(?:$|[,:])/;

/** The environment with what is in the files, and what is wrong with them. */
export interface WithSecrets {
  set: Record<string, string | undefined>;
  /** By the name of the variable that names the file; nothing of a file is quoted. */
  faults: { variable: string; of: string; detail: string }[];
}

/** Reads the file of each `*_FILE` that is set; line ends behind the secret are no part of it. */
export function withSecretFiles(set: Record<string, string | undefined>): WithSecrets {
  const found: WithSecrets = { set: { ...set }, faults: [] };
  for (const of of SECRETS) {
    const variable = `${of}_FILE`;
    const path = set[variable];
    if (path === undefined) continue;
    const read = set[of] === undefined ? readSecret(path) : { fault: `and ${of} are both set` };
    if ('secret' in read) found.set[of] = read.secret;
    else found.faults.push({ variable, of, detail: read.fault });
  }
  for (const of of SECRETS.filter((name) => PLACEHOLDER.test(found.set[name] ?? ''))) {
    const detail = 'is still what the manifests have in place of a secret';
    found.faults.push({ variable: of, of, detail });
  }
  return found;
}

function readSecret(path: string): { secret: string } | { fault: string } {
  try {
    const secret = readFileSync(path, 'utf8').replace(/[\r\n]+$/, '');
    return secret === '' ? { fault: 'names an empty file' } : { secret };
  } catch {
    return { fault: 'names a file that can not be read' };
  }
}

/**
 * Bearer tokens of the API, on the SQLite file at DATABASE_PATH, also while an exchange runs on it:
 *
 *   bun run token add --name NAME --scopes send,read [--expires-days N]
 *   bun run token list
 *   bun run token revoke ID
 *
 * `add` prints the token once and alone on standard output; the file keeps only its digest. A revoked
 * token opens nothing from the next request on. Ends with a status of sysexits.h.
 */
import { randomBytes } from 'node:crypto';
import { parseArgs } from 'node:util';
import { digestOf, TOKEN_BYTES, tokenOf } from '../src/access/token.ts';
import { NAME, parseScopes, SCOPES } from '../src/principal.ts';
import type { AccessStore, ApiToken } from '../src/store/access.ts';
import { terminalActor, withStore } from './operators/store.ts';

const DAY_MS = 24 * 60 * 60 * 1000;
const USAGE = 'Say add --name NAME --scopes SCOPES [--expires-days N], list, or revoke ID.';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    name: { type: 'string' },
    scopes: { type: 'string' },
    'expires-days': { type: 'string' },
  },
});
const [command, id, ...more] = positionals;
process.exitCode = await withStore(({ access }) => run(access));

async function run(access: AccessStore): Promise<number> {
  if (more.length > 0) return misused(USAGE);
  if (command === 'add' && id === undefined) return add(access);
  if (command === 'list' && id === undefined) return list(access);
  if (command === 'revoke' && id !== undefined) return revoke(access, id);
  return misused(USAGE);
}

async function add(access: AccessStore): Promise<number> {
  const { name = '', scopes: words = '', 'expires-days': days } = values;
  const scopes = parseScopes(words.split(',').map((word) => word.trim()));
  if (!NAME.test(name)) return misused('--name must be 1 to 64 letters, digits, . _ @ -');
  if (!scopes) return misused(`--scopes must be some of ${SCOPES.join(',')}`);
  if (days !== undefined && !/^[1-9]\d{0,4}$/.test(days)) {
    return misused('--expires-days must be a number of days from 1 to 99999');
  }
  const token = tokenOf(randomBytes(TOKEN_BYTES));
  const expiry = days === undefined ? {} : { expiresAt: Date.now() + Number(days) * DAY_MS };
  const added = await access.addToken(
    { name, scopes, digest: digestOf(token), ...expiry },
    terminalActor(),
  );
  console.error(`${added.id} ${added.name}; this is the only time the token is shown:`);
  console.log(token);
  return 0;
}

async function list(access: AccessStore): Promise<number> {
  for (const token of await access.listTokens()) console.log(lineOf(token));
  return 0;
}

async function revoke(access: AccessStore, revoked: string): Promise<number> {
  console.log(lineOf(await access.revokeToken(revoked, terminalActor())));
  return 0;
}

function lineOf({ id: of, name, scopes, ...when }: ApiToken): string {
  const { createdAt, expiresAt, lastUsedAt, revokedAt } = when;
  const instants = Object.entries({
    added: createdAt,
    expires: expiresAt,
    used: lastUsedAt,
    revoked: revokedAt,
  })
    .filter((entry): entry is [string, number] => entry[1] !== undefined)
    .map(([word, at]) => `${word} ${new Date(at).toISOString()}`);
  return [of, name, scopes.join(','), ...instants].join('  ');
}

function misused(why: string): number {
  console.error(why);
  return 64;
}

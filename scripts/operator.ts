/**
 * People who may use the console, on the SQLite file at DATABASE_PATH, also while an exchange runs on it:
 *
 *   bun run operator add NAME --role viewer|operator|admin
 *   bun run operator list
 *   bun run operator password NAME
 *   bun run operator disable NAME
 *
 * The password is asked for on a terminal, else it is the first line of standard input, or OPERATOR_PASSWORD
 * when that is set; an argument could be seen by everybody on the machine. A new password and `disable` end
 * every login of that person at once. Ends with a status of sysexits.h.
 */
import { parseArgs } from 'node:util';
import { hashPassword } from '../src/access/login.ts';
import { isRole, NAME } from '../src/principal.ts';
import type { OperatorAccounts } from '../src/store/operators.ts';
import { readPassword } from './operators/password.ts';
import { terminalActor, withStore } from './operators/store.ts';

const USAGE = 'Say add NAME --role viewer|operator|admin, list, password NAME, or disable NAME.';
const MIN_PASSWORD_LENGTH = 15;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { role: { type: 'string', default: '' } },
});
const [command, name, ...more] = positionals;
process.exitCode = await withStore(({ operators }) => run(operators));

async function run(accounts: OperatorAccounts): Promise<number> {
  if (more.length > 0) return misused(USAGE);
  if (command === 'list' && name === undefined) return list(accounts);
  if (name === undefined || !NAME.test(name)) return misused(USAGE);
  if (command === 'add') return add(accounts, name);
  if (command === 'password') return setPassword(accounts, name);
  if (command === 'disable') {
    await accounts.disable(name, terminalActor());
    return 0;
  }
  return misused(USAGE);
}

async function add(accounts: OperatorAccounts, newName: string): Promise<number> {
  const { role } = values;
  if (!isRole(role)) return misused('--role must be viewer, operator or admin');
  const passwordHash = await newPasswordHash();
  if (passwordHash === undefined) return 65;
  await accounts.add({ name: newName, role, passwordHash }, terminalActor());
  return 0;
}

async function setPassword(accounts: OperatorAccounts, of: string): Promise<number> {
  const passwordHash = await newPasswordHash();
  if (passwordHash === undefined) return 65;
  await accounts.setPassword(of, passwordHash, terminalActor());
  return 0;
}

async function list(accounts: OperatorAccounts): Promise<number> {
  for (const { name: of, role, createdAt, disabledAt } of await accounts.list()) {
    const since = new Date(createdAt).toISOString();
    const until =
      disabledAt === undefined ? [] : [`disabled ${new Date(disabledAt).toISOString()}`];
    console.log([of, role, `added ${since}`, ...until].join('  '));
  }
  return 0;
}

async function newPasswordHash(): Promise<string | undefined> {
  const password = await readPassword();
  if (password.length >= MIN_PASSWORD_LENGTH) return hashPassword(password);
  console.error(`A password has ${MIN_PASSWORD_LENGTH} characters at least.`);
  return undefined;
}

function misused(why: string): number {
  console.error(why);
  return 64;
}

/**
 * Every program of the project behind one name, for `bun run build`: `exchange` alone starts the
 * exchange, `exchange COMMAND ...` is `bun run COMMAND ...`.
 */
import { version } from '../package.json' with { type: 'json' };

interface Command {
  does: string;
  /** Each program acts when it is imported, and ends the process or sets its status. */
  run: () => Promise<unknown>;
}

const commands: Record<string, Command> = {
  start: {
    does: 'run the exchange until SIGTERM; so does no command at all',
    run: () => import('../src/main.ts'),
  },
  'check-config': {
    does: 'check the environment, and ask every upstream',
    run: () => import('./check-config.ts'),
  },
  doctor: {
    does: 'look at the database, the process and the upstreams; changes nothing',
    run: () => import('./doctor.ts'),
  },
  'migrate-history': {
    does: 'take in the history of many patients, or archived documents',
    run: () => import('./migrate-history.ts'),
  },
  directory: {
    does: 'import, export or check the directory of triage groups',
    run: () => import('./directory.ts'),
  },
  token: {
    does: 'add, list or revoke tokens of API clients',
    run: () => import('./token.ts'),
  },
  operator: {
    does: 'add, list or disable operators of the console',
    run: () => import('./operator.ts'),
  },
  audit: {
    does: 'verify, export or prune the audit',
    run: () => import('./audit.ts'),
  },
  backup: { does: 'copy the database while it is in use', run: () => import('./backup.ts') },
  restore: { does: 'put a backup in its place', run: () => import('./restore.ts') },
  rekey: {
    does: 'bring everything under the first key of DATA_KEYS',
    run: () => import('./rekey.ts'),
  },
};

const EX_USAGE = 64;

function usage(): string {
  const lines = Object.entries(commands).map(([name, { does }]) => `  ${name.padEnd(16)} ${does}`);
  return [
    'usage: exchange [COMMAND] [OPTIONS]',
    '',
    ...lines,
    '',
    '  --version        print the version',
    '  --help           print this',
    '',
    'Everything else is in the environment; `exchange check-config` says what is missing.',
  ].join('\n');
}

const [name = 'start'] = process.argv.slice(2);
const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
if (command) {
  // The programs read their own arguments.
  process.argv.splice(2, 1);
  await command.run();
} else if (name === '--version') {
  console.log(version);
} else if (name === '--help' || name === 'help') {
  console.log(usage());
} else {
  console.error(`There is no command ${name}.\n\n${usage()}`);
  process.exitCode = EX_USAGE;
}

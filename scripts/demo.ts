/**
 * `bun run demo`: starts the mocks and the exchange as processes of their own on a throw-away SQLite
 * file, sends real documents both ways, prints what happened to each, and stays up until Ctrl-C.
 * With `--exit` it stops everything and ends with status 0 only when all was delivered as it should.
 * Takes PORT and MOCKS_PORT; any free ports unless set.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Running, start } from './demo/processes.ts';
import { tell } from './demo/story.ts';
import { post, type Town, townOf } from './demo/town.ts';
import { judge, printWays, waitUntilDone } from './demo/verdict.ts';

/** What a shell says of a process that a signal ended is this and the signal's number. */
const EXIT_SIGNAL = 128;
const folder = mkdtempSync(join(tmpdir(), 'sm-exchange-demo-'));
const databasePath = join(folder, 'exchange.db');
const running: Running[] = [];

async function stopAll(): Promise<void> {
  for (const one of running.splice(0).toReversed()) await one.stop();
  rmSync(folder, { recursive: true, force: true });
}

async function startAll(): Promise<Town> {
  const { MOCKS_PORT = '0', PORT = '0' } = process.env;
  const mocks = await start('mocks', 'scripts/mocks.ts', folder, { MOCKS_PORT });
  running.push(mocks);
  const exchange = await start('exchange', 'src/main.ts', folder, {
    ...mocks.ready,
    PORT,
    AUTH: 'none',
    DATABASE_PATH: databasePath,
  });
  running.push(exchange);
  const town = townOf(mocks.ready, exchange.ready['url'] ?? '');
  await post(`${town.feed}/_mock/subscribe`, { url: `${town.exchange}/oh/feed` });
  return town;
}

async function run(): Promise<{ isWell: boolean; exchange: string }> {
  const town = await startAll();
  console.log(`Exchange   ${town.exchange}   API ${town.exchange}/openapi`);
  console.log(`Mocks      MHV ${town.mhv}   OH messaging ${town.messaging}   OH feed ${town.feed}`);
  console.log(`SQLite     ${databasePath}\n`);
  const expected = await tell(town);
  const { history } = expected;
  const live = expected.toMhv.length + expected.toOh.length + expected.invalid.length;
  const messages = live + history.messages;
  const isDone = await waitUntilDone(databasePath, messages);
  printWays(databasePath);
  const complaints = await judge(town, databasePath, expected);
  if (!isDone) complaints.unshift('messages were still pending after 30 s');
  for (const complaint of complaints) console.log(`NOT WELL: ${complaint}`);
  const { toMhv, toOh } = expected;
  console.log(
    complaints.length === 0
      ? `\nAll well: ${toMhv.length} messages reached MHV and ${toOh.length} reached OH, each once; ${history.messages} of a history.`
      : `\n${complaints.length} things are not well; the logs are in ${folder}`,
  );
  return { isWell: complaints.length === 0, exchange: town.exchange };
}

let ending: Promise<void> | undefined;
/** The first to call it decides on the status; `bun run` passes on a Ctrl-C that was here before. */
function end(status: number): Promise<void> {
  ending ??= stopAll().then(() => process.exit(status));
  return ending;
}
let isWell = false;
let exchange = '';
let isUp = false;
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => void end(isUp ? 0 : EXIT_SIGNAL + constants.signals[signal]));
}
try {
  ({ isWell, exchange } = await run());
} catch (error) {
  if (!ending) console.error(error instanceof Error ? error.message : error);
}
if (process.argv.includes('--exit') || running.length === 0) await end(isWell ? 0 : 1);
isUp = true;
console.log(`\nStill running. The operator console: ${exchange}/console`);
console.log(`The file:  sqlite3 ${databasePath} 'SELECT * FROM timeline'`);
console.log(`The log:   ${join(folder, 'exchange.log')}`);
console.log('Ctrl-C stops everything and removes the file.');

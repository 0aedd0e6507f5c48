/** The process: environment -> exchange -> pollers -> signals. The only file that acts on import. */
import { constants } from 'node:os';
import pino from 'pino';
import { ConfigError, databasePath, parseConfig } from './config.ts';
import { bugOf } from './errors.ts';
import { createExchange } from './exchange.ts';
import { hasLiveToken } from './store/access.ts';

/** EX_CONFIG of sysexits.h: something the operator must set. */
const EXIT_CONFIG = 78;
/** EX_SOFTWARE: a fault of the exchange itself; whoever watches the process starts it anew. */
const EXIT_BUG = 70;
/** What a shell says of a process that a signal ended is this and the signal's number. */
const EXIT_SIGNAL = 128;
/** Ctrl-C reaches this process and `bun run`, which passes it on: what comes twice within this is one signal. */
const ONE_SIGNAL_MS = 500;

async function create() {
  try {
    const hasTokens = hasLiveToken(databasePath(process.env), Date.now());
    const config = parseConfig(process.env, { hasTokens });
    const log = pino({ level: config.LOG_LEVEL }, pino.destination({ fd: 2, sync: true }));
    const around = { now: Date.now, random: Math.random, log };
    return { exchange: await createExchange(config, around), config, log };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exit(EXIT_CONFIG);
  }
}

const { exchange, config, log } = await create();
// Told by Bun the message would be there too, and it may quote what people wrote.
for (const event of ['uncaughtException', 'unhandledRejection'] as const) {
  process.on(event, (error: unknown) => {
    log.fatal({ event: 'crash', ...bugOf(error) });
    process.exit(EXIT_BUG);
  });
}
exchange.engine.start();

let askedAt: number | undefined;
async function stop(signal: 'SIGTERM' | 'SIGINT'): Promise<void> {
  const now = performance.now();
  if (askedAt !== undefined) {
    if (now - askedAt < ONE_SIGNAL_MS) return;
    // What is in hand is in the file: the next start takes it up as after a kill.
    process.exit(EXIT_SIGNAL + constants.signals[signal]);
  }
  askedAt = now;
  log.info({ event: 'stopping', signal, withinMs: config.STOP_TIMEOUT_MS });
  await exchange.stop();
  process.exit(0);
}
process.on('SIGTERM', () => void stop('SIGTERM'));
process.on('SIGINT', () => void stop('SIGINT'));
if (config.TLS_CERT_FILE !== undefined) process.on('SIGHUP', () => exchange.renewCertificate());
if (process.env['DATA_KEYS_FILE']) process.on('SIGHUP', () => void exchange.renewKeys(process.env));
// Last: whoever reads it may stop this process at once.
process.stdout.write(`${JSON.stringify({ url: exchange.url })}\n`);

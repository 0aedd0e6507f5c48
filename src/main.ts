/** The process: environment -> exchange -> pollers -> signals. The only file that acts on import. */
import pino from 'pino';
import { ConfigError, parseConfig } from './config.ts';
import { createExchange } from './exchange.ts';

/** EX_CONFIG of sysexits.h: something the operator must set. */
const EXIT_CONFIG = 78;

function readConfig() {
  try {
    return parseConfig(process.env);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exit(EXIT_CONFIG);
  }
}

const config = readConfig();
const log = pino({ level: config.LOG_LEVEL }, pino.destination({ fd: 2, sync: true }));
const exchange = await createExchange(config, { now: Date.now, random: Math.random, log });
exchange.engine.start();
process.stdout.write(`${JSON.stringify({ url: exchange.url })}\n`);

let isStopping = false;
async function stop(signal: string): Promise<void> {
  if (isStopping) return;
  isStopping = true;
  log.info({ event: 'stopping', signal });
  await exchange.stop();
  process.exit(0);
}
process.on('SIGTERM', () => void stop('SIGTERM'));
process.on('SIGINT', () => void stop('SIGINT'));

/** The keys that seal the file: what the process says of them, and how it takes others while it runs. */
import type { Logger } from 'pino';
import { type Config, ConfigError, dataKeysOf } from './config.ts';
import { bugOf } from './errors.ts';
import type { Store } from './store/store.ts';

/** Whoever opens the exchange to others is told louder that contents lie in the clear. */
export function saySealing({ DATA_KEYS: [first], AUTH }: Config, log: Logger): void {
  if (first) log.info({ event: 'sealing', state: 'on', key: first.id });
  else log[AUTH === 'none' ? 'info' : 'warn']({ event: 'sealing', state: 'off', set: 'DATA_KEYS' });
}

/** Seals and opens with these keys from now on. Throws ConfigError for what they lack to open the file. */
export async function takeKeys(
  store: Pick<Store, 'keys'>,
  keys: Config['DATA_KEYS'],
): Promise<void> {
  const faults = await store.keys.take(keys);
  if (faults.length === 0) return;
  throw new ConfigError(faults.map(({ detail }) => ({ variable: 'DATA_KEYS', detail })));
}

/**
 * Reads DATA_KEYS_FILE anew and takes its keys. Those with a fault, or without one that the file needs, are
 * logged, and so is a file that can't be written; then the keys stay as they are. Never rejects.
 */
export async function renewKeys(
  store: Pick<Store, 'keys'>,
  env: Record<string, string | undefined>,
  log: Logger,
): Promise<void> {
  try {
    const keys = dataKeysOf(env);
    await takeKeys(store, keys);
    log.info({ event: 'sealing', state: 'renewed', key: keys[0]?.id });
  } catch (error) {
    const why = error instanceof ConfigError ? { faults: error.faults } : bugOf(error);
    log.error({ event: 'sealing', state: 'kept', ...why });
  }
}

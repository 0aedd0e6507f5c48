/** The exchange put together from its configuration: store, clients, flows, engine, HTTP. */
import type { Logger } from 'pino';
import type { Extraction } from './atom/extract.ts';
import { createClients, ohAuth } from './clients.ts';
import { type Config, ConfigError } from './config.ts';
import { createDoors } from './doors.ts';
import { history } from './flows/history.ts';
import { mhvToOh } from './flows/mhv-to-oh.ts';
import { ohToMhv } from './flows/oh-to-mhv.ts';
import { type AppOptions, createApp } from './http/app.ts';
import type { Destinations } from './http/destinations.ts';
import { type Listener, openListener } from './listener.ts';
import type { Instant } from './message.ts';
import { publicKeySet } from './oh/oauth2.ts';
import { createEngine, type Engine } from './queue/engine.ts';
import { createPollerLock } from './queue/lock.ts';
import { createUpkeep } from './queue/upkeep.ts';
import { renewKeys, saySealing, takeKeys } from './sealing.ts';
import { openStore, type StoreOptions } from './store/sqlite.ts';
import type { Store } from './store/store.ts';
import { createOtlpTracing } from './telemetry/otlp.ts';
import { createTelemetry, type Telemetry } from './telemetry/telemetry.ts';

/** What a test replaces: time, chance, and where the log goes. */
export interface Surroundings {
  now: () => Instant;
  /** In [0, 1). */
  random: () => number;
  log: Logger;
}

export interface Exchange {
  /** Where it listens, such as `http://127.0.0.1:3000`. */
  url: string;
  store: Store;
  engine: Engine;
  renewCertificate: Listener['renewCertificate'];
  /** Reads DATA_KEYS_FILE of this environment anew, and seals under its first key from now on. */
  renewKeys: (env: Record<string, string | undefined>) => Promise<void>;
  /**
   * Takes no more requests and claims nothing more, finishes what is in hand within `STOP_TIMEOUT_MS`,
   * gives the lock back and closes the file. A request or an attempt that takes longer is cut short; the
   * whole takes at most `STOP_MARGIN_MS` more.
   */
  stop(): Promise<void>;
}

/** What a stop may take besides `STOP_TIMEOUT_MS`: settling what was cut short, and emptying the log. */
export const STOP_MARGIN_MS = 5000;
const MIB = 1024 * 1024;
const HOUR_MS = 60 * 60 * 1000;
const DAY_MS = 24 * HOUR_MS;

/**
 * Opens the store and listens; the pollers wait for `engine.start()`. Throws when the file or the
 * port can't be had, and ConfigError when the file is another tenant's.
 */
export async function createExchange(config: Config, around: Surroundings): Promise<Exchange> {
  const { now } = around;
  const telemetry = telemetryOf(config, around);
  const store = await storeOf(config, telemetry, around);
  const engine = createEngine({
    ...around,
    store,
    policy: {
      scheduleMs: config.RETRY_SCHEDULE,
      maxAttempts: config.MAX_ATTEMPTS,
      maxAgeMs: config.MAX_AGE_HOURS * HOUR_MS,
    },
    breaker: {
      failures: config.BREAKER_FAILURES,
      scheduleMs: config.RETRY_SCHEDULE,
      probeMs: config.LEASE_MS,
    },
    ratePerSecond: config.RATE_PER_SECOND,
    leaseMs: config.LEASE_MS,
    concurrency: config.CONCURRENCY,
    telemetry: telemetry.attempts,
    ...createKeepers(config, store, around),
    ...createFlows(config, store, around),
  });
  const destinations = destinationsOf(engine, store, around.log);
  telemetry.watch({
    readings: () => store.upkeep.readings(),
    polledBy: () => store.upkeep.polledBy(),
    destinations: () => engine.destinations(),
    check: () => store.check(),
    maxBacklog: config.MAX_BACKLOG,
    now,
  });
  const closing = new AbortController();
  const doors = createDoors(config, store, now);
  const app = createApp({
    ...appOptions(config, store, around),
    ...doors,
    console: { ...doors.console, closing: closing.signal },
    destinations,
    telemetry,
    isStopping: () => closing.signal.aborted,
  });
  const listener = openListener(app, config, around.log);
  const { url, renewCertificate } = listener;
  return {
    url,
    renewCertificate,
    renewKeys: (env) => renewKeys(store, env, around.log),
    store,
    engine,
    async stop() {
      closing.abort();
      const withinMs = config.STOP_TIMEOUT_MS;
      const cutOff = setTimeout(() => void listener.stop(true), withinMs);
      const [hasSettled] = await Promise.all([engine.stop(withinMs), listener.stop()]);
      clearTimeout(cutOff);
      if (!hasSettled) around.log.warn({ event: 'stopped', state: 'cut-off' });
      store.close();
      await telemetry.stop();
    },
  };
}

async function storeOf(
  config: Config,
  telemetry: Telemetry,
  { now, log }: Surroundings,
): Promise<Store> {
  const store = await openOwnStore(config, {
    now,
    onDead: config.ON_DEAD,
    onFailure: (code) => {
      log.error({ event: 'database', code });
      telemetry.databaseFailed(code);
    },
    onAccepted: (accepted) => telemetry.accepted(accepted),
  });
  saySealing(config, log);
  return store;
}

/**
 * Opens the file with the bounds and keys of the configuration. Throws ConfigError when it is the file of
 * another authority, for ids of two tenants would be taken for each other's, and when a key is missing
 * that the file needs.
 */
export async function openOwnStore(
  config: Config,
  around: Pick<StoreOptions, 'now' | 'onDead' | 'onFailure' | 'onAccepted'>,
): Promise<Store> {
  const store = openStore({
    path: config.DATABASE_PATH,
    leaseMs: config.LEASE_MS,
    maxAttempts: config.MAX_ATTEMPTS,
    maxBacklog: config.MAX_BACKLOG,
    minFreeBytes: config.MIN_FREE_DISK_MB * MIB,
    dataKeys: config.DATA_KEYS,
    ...around,
  });
  try {
    // The keys first: every other write says in the file that the first of them seals.
    await takeKeys(store, config.DATA_KEYS);
    const owner = await store.belongsTo(config.OH_AUTHORITY);
    if (owner === config.OH_AUTHORITY) return store;
    const detail = `the file at DATABASE_PATH is that of ${owner}; each authority has a file of its own`;
    throw new ConfigError([{ variable: 'OH_AUTHORITY', detail }]);
  } catch (error) {
    store.close();
    throw error;
  }
}

function telemetryOf(config: Config, { now, log }: Surroundings): Telemetry {
  const { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint } = config;
  if (endpoint === undefined) return createTelemetry({ now });
  const otlp = {
    endpoint,
    headers: config.OTEL_EXPORTER_OTLP_HEADERS,
    serviceName: config.OTEL_SERVICE_NAME,
    instanceId: crypto.randomUUID(),
    sampler: config.OTEL_TRACES_SAMPLER,
    samplerRatio: config.OTEL_TRACES_SAMPLER_ARG,
  };
  return createTelemetry({
    now,
    traceBy: (onExport) => createOtlpTracing({ ...otlp, now, log, onExport }),
  });
}

/** Who polls the file, and what is done to it from time to time. */
function createKeepers(config: Config, store: Store, around: Surroundings) {
  const lock = createPollerLock({
    store: store.upkeep,
    answerWithinMs: config.DELIVERY_TIMEOUT_MS,
    ...around,
  });
  const upkeep = createUpkeep({
    store: store.upkeep,
    keepDoneMs: config.RETENTION_DAYS * DAY_MS,
    keepDeadMs: config.RETENTION_DEAD_DAYS * DAY_MS,
    isOurs: () => lock.isHeld(),
    ...around,
  });
  return { lock, upkeep };
}

/** The listing of histories, also for whoever only wants to count. */
export function historyOf(
  config: Config,
  now: () => Instant,
  { fhir, messaging } = createClients(config, now),
) {
  const patientIdSource = config.OH_PATIENT_ID_SOURCE;
  return history({ messaging, fhir, patientIdSource, historySince: config.OH_HISTORY_SINCE, now });
}

function createFlows(config: Config, store: Store, { now }: Surroundings) {
  const clients = createClients(config, now);
  const { mhv, mhvSessionOf, media, messaging, fhir } = clients;
  const oh = { messaging, fhir };
  const { OH_DEFAULT_POOL_ID: defaultPoolId, OH_DEFAULT_STATION_NUMBER: station } = config;
  const patients = { fhir: oh.fhir, patientIdSource: config.OH_PATIENT_ID_SOURCE };
  const shared = {
    ...oh,
    store,
    media,
    directory: config.DIRECTORY,
    ...(station ? { defaultStationNumber: station } : {}),
  };
  return {
    flows: {
      'oh-to-mhv': ohToMhv({ ...shared, mhv, now, ...(defaultPoolId ? { defaultPoolId } : {}) }),
      'mhv-to-oh': mhvToOh({ ...shared, ...patients, mhvSessionOf, now }),
    },
    listHistory: historyOf(config, now, clients),
  };
}

/** Who paused or resumed is logged too, beside what failed meanwhile. */
function destinationsOf(engine: Engine, store: Store, log: Logger): Destinations {
  return {
    list: () => engine.destinations(),
    async pause(destination, actor) {
      await store.pause(destination, actor);
      log.warn({ event: 'pause', destination, actor });
    },
    async resume(destination, actor) {
      await store.resume(destination, actor);
      engine.endWait(destination);
      log.warn({ event: 'resume', destination, actor });
    },
  };
}

function appOptions(
  config: Config,
  store: Store,
  { log, now }: Surroundings,
): Omit<AppOptions, 'destinations' | 'telemetry' | 'isStopping' | 'door' | 'console'> {
  const auth = ohAuth(config);
  return {
    store,
    log,
    extraction: extractionOf(config),
    isTls: config.TLS_CERT_FILE !== undefined,
    ...(config.FEED_TOPIC ? { feedTopic: config.FEED_TOPIC } : {}),
    ...(auth?.method === 'private-key-jwt' ? { keySet: publicKeySet([auth]) } : {}),
    auth: {
      mode: config.AUTH,
      feedTokens: config.FEED_TOKENS,
      feedPasswords: config.FEED_PASSWORDS,
      feedSecrets: config.FEED_SECRET,
      now,
    },
  };
}

/** Where the ids sit in a pushed entry, as far as configuration says. */
export function extractionOf(config: Config): Extraction {
  const [, namespace, element, attribute] =
    /^\{(.+)\}(.+)@(.+)$/.exec(config.FEED_PATIENT_ELEMENT ?? '') ?? [];
  return {
    messagingBaseUrl: config.OH_MESSAGING_BASE_URL,
    authority: config.OH_AUTHORITY,
    ...(config.FEED_MESSAGE_ID_PREFIX ? { idPrefix: config.FEED_MESSAGE_ID_PREFIX } : {}),
    ...(namespace && element && attribute
      ? { patientElement: { namespace, element, attribute } }
      : {}),
  };
}

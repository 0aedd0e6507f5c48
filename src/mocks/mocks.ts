/** All mocks at once: one world, six servers, and the environment that an exchange needs to call them. */
import { openAuth, tokenUrl } from './auth.ts';
import type { Door } from './door.ts';
import { openFeed } from './feed.ts';
import { openFhir } from './fhir.ts';
import { MEDIA_PATH, openMedia } from './media.ts';
import { openMessaging } from './messaging.ts';
import { messagingBase } from './messaging-access.ts';
import { openMhv } from './mhv.ts';
import { GATEWAY_PATH } from './mhv-session.ts';
import type { ClientRegistration } from './tokens.ts';
import { createWorld, type Origins, settings, type World } from './world.ts';

const DEFAULT_SEED = { patients: 6, messagesPerPatient: 8, seed: 1 };
/** Waits between tries of a push: about two minutes in all. */
const FEED_WAITS_MS = [250, 500, 1000, 2000, 4000, 8000, 10_000, 10_000, 20_000, 30_000, 30_000];

export interface MocksOptions {
  /** 0 for any ports; else the first of six that follow each other. */
  port?: number;
  seed?: number;
  now?: () => number;
  /** Clients of the authorization server besides the one in the environment. */
  clients?: ClientRegistration[];
  feedWebhookUrl?: string | undefined;
  /** Signs the pushes, and goes into the environment; without it they are not signed. */
  feedSecret?: string | undefined;
  feedWaitsMs?: readonly number[];
  log?: (line: Record<string, unknown>) => void;
}

export interface Mocks {
  /** The environment that the exchange needs. */
  env: Record<string, string>;
  /** What the mocks know; shared by all and open to tests in the same process. */
  world: World;
  origins: Origins;
  stop: () => Promise<void>;
}

/** Starts the six mocks on loopback; ports go messaging, fhir, media, feed, mhv, auth. */
export async function startMocks(options: MocksOptions = {}): Promise<Mocks> {
  const parameters = { ...DEFAULT_SEED, seed: options.seed ?? DEFAULT_SEED.seed };
  const world = createWorld(parameters, options.now ?? Date.now, options.clients ?? []);
  world.feedSecret = options.feedSecret;
  const doors: Door[] = [];
  const at = (offset: number) => ({
    port: options.port ? options.port + offset : 0,
    ...(options.log === undefined ? {} : { log: options.log }),
  });
  const feed = {
    ...at(3),
    webhookUrl: options.feedWebhookUrl,
    waitsMs: options.feedWaitsMs ?? FEED_WAITS_MS,
  };
  const open: Record<keyof Origins, () => Promise<Door>> = {
    messaging: () => openMessaging(world, at(0)),
    fhir: () => openFhir(world, at(1)),
    media: () => openMedia(world, at(2)),
    feed: () => openFeed(world, feed),
    mhv: () => openMhv(world, at(4)),
    auth: () => openAuth(world, at(5)),
  };
  const stop = async (): Promise<void> => {
    await Promise.all(doors.map((door) => door.stop()));
  };
  try {
    for (const name of ['messaging', 'fhir', 'media', 'feed', 'mhv', 'auth'] as const) {
      const door = await open[name]();
      doors.push(door);
      world.origins[name] = door.origin;
    }
  } catch (error) {
    await stop();
    throw error;
  }
  return { env: environmentOf(world), world, origins: world.origins, stop };
}

function environmentOf(world: World): Record<string, string> {
  const { origins } = world;
  return {
    MHV_BASE_URL: origins.mhv + GATEWAY_PATH,
    MHV_APP_TOKEN: settings.mhvAppToken,
    MHV_API_KEY: settings.mhvApiKey,
    OH_MESSAGING_BASE_URL: messagingBase(world),
    OH_AUTHORITY: settings.authority,
    OH_FHIR_BASE_URL: `${origins.fhir}/r4/${settings.tenantId}`,
    OH_MEDIA_BASE_URL: origins.media + MEDIA_PATH,
    OH_AUTH_METHOD: 'oauth2-basic',
    OH_AUTH_TOKEN_URL: tokenUrl(world),
    OH_AUTH_CLIENT_ID: settings.clientId,
    OH_AUTH_CLIENT_SECRET: settings.clientSecret,
    OH_AUTH_SCOPE: settings.scopes.join(' '),
    ...(world.feedSecret === undefined ? {} : { FEED_SECRET: world.feedSecret }),
    OH_ICN_SYSTEM: settings.icnSystem,
    OH_STATION_SYSTEM: settings.stationSystem,
  };
}

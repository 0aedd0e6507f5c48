/** All that the mocks know, in one place: they show different sides of the same invented hospital. */
import { seededChance } from './chance.ts';
import { writeCorrespondence } from './correspondence.ts';
import type { Mailbox, StoredMessage } from './mailbox.ts';
import { emptyMediaStore, type MediaStore } from './media-store.ts';
import { emptyMhv, type MhvState } from './mhv-state.ts';
import { buildPopulation, type Population } from './population.ts';
import { type ClientRegistration, type Tokens, tokensFor } from './tokens.ts';

/** What the mocks are known by; all invented. */
export const settings = {
  authority: 'demo',
  tenantId: '00000000-0000-4000-8000-0000000000aa',
  clientId: '00000000-0000-4000-8000-0000000000c1',
  clientSecret: 'zztest-client-secret',
  scopes: [
    'system/Patient.read',
    'system/Practitioner.read',
    'system/Organization.read',
    'system/Location.read',
    'system/Encounter.read',
  ],
  mhvAppToken: 'zztest-app-token',
  mhvApiKey: 'zztest-api-key',
  icnSystem: 'urn:oid:2.16.840.1.113883.4.349',
  stationSystem: 'urn:oid:2.16.840.1.113883.4.349.4',
} as const;

export interface SeedParameters {
  patients: number;
  messagesPerPatient: number;
  seed: number;
}

/** Where each mock listens, such as `http://127.0.0.1:4000`. */
export interface Origins {
  messaging: string;
  fhir: string;
  media: string;
  feed: string;
  mhv: string;
  auth: string;
}

/** The state that the mocks share. */
export interface World {
  now: () => number;
  /** Chance in [0, 1), repeatable by seed. */
  chance: () => number;
  origins: Origins;
  seeded: SeedParameters & { at: number };
  population: Population;
  mailbox: Mailbox;
  media: MediaStore;
  tokens: Tokens;
  mhv: MhvState;
  /** Signs what the feed pushes; nothing is signed without it. */
  feedSecret?: string | undefined;
  /** Has the feed push word of a message; does nothing until the feed mock runs. */
  announce: (message: StoredMessage) => void;
}

/** A world as seeded; the client of `settings` is always registered, others may be. */
export function createWorld(
  parameters: SeedParameters,
  now: () => number,
  clients: ClientRegistration[],
): World {
  const own = { clientId: settings.clientId, secret: settings.clientSecret };
  const at = now();
  const population = buildPopulation(parameters.patients, parameters.seed);
  const media = emptyMediaStore();
  return {
    now,
    chance: seededChance(parameters.seed),
    origins: { messaging: '', fhir: '', media: '', feed: '', mhv: '', auth: '' },
    seeded: { ...parameters, at },
    population,
    media,
    mailbox: writeCorrespondence(population, media, parameters, at),
    tokens: tokensFor([own, ...clients]),
    mhv: emptyMhv(),
    announce: () => undefined,
  };
}

/** Replaces all people and messages, and forgets what was sent, uploaded or stored in MHV. */
export function reseed(world: World, parameters: SeedParameters): void {
  const at = world.now();
  world.seeded = { ...parameters, at };
  world.chance = seededChance(parameters.seed);
  world.mhv = { ...emptyMhv(), sessions: world.mhv.sessions };
  resetHospital(world);
}

/** Puts OH's people, messages and files back to what the last seed made of them. */
export function resetHospital(world: World): void {
  const { patients, seed, at } = world.seeded;
  world.population = buildPopulation(patients, seed);
  world.media = emptyMediaStore();
  world.mailbox = writeCorrespondence(world.population, world.media, world.seeded, at);
}

/** Forgets uploaded files and keeps the seeded ones. */
export function resetMedia(world: World): void {
  for (const [identifier, item] of world.media.byIdentifier) {
    if (item.uploads > 0) world.media.byIdentifier.delete(identifier);
  }
  world.media.byIdempotencyKey.clear();
}

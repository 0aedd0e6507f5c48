/** The mocks, the clients that call them through checking proxies, and faults on demand. */
import { createMhvClient, type MhvClient } from '../../src/mhv/client.ts';
import { createMhvSessions, type MhvSession } from '../../src/mhv/session.ts';
import { type Mocks, type MocksOptions, startMocks } from '../../src/mocks/mocks.ts';
import { type AuthOptions, createAuthorizer } from '../../src/oh/auth.ts';
import type { Authorizer } from '../../src/oh/authorized-call.ts';
import { createOhFhir, type OhFhir } from '../../src/oh/fhir.ts';
import { createOhMedia, type OhMedia } from '../../src/oh/media.ts';
import { createOhMessaging, type OhMessaging } from '../../src/oh/messaging.ts';
import { createCheck } from './check.ts';
import { readContract } from './document.ts';
import { type Proxy, startProxy } from './proxy.ts';

/** A fault of the mocks' door. */
interface Fault {
  path: string;
  method?: string;
  status?: number;
  times?: number;
  dropAfter?: boolean;
  retryAfter?: number | string;
  errorCode?: number;
  format?: 'json' | 'xml' | 'html' | 'empty';
}

export interface Setup {
  mocks: Mocks;
  clock: { now: number };
  messagingProxy: Proxy;
  mhvProxy: Proxy;
  /** Messaging's and MHV's base URLs through the proxies. */
  messagingUrl: string;
  mhvUrl: string;
  authorizer: Authorizer;
  oh: OhMessaging;
  media: OhMedia;
  fhir: OhFhir;
  mhv: MhvClient;
  /** The session of the first patient. */
  session: MhvSession;
  /** Has a mock fail. */
  fault: (mock: 'messaging' | 'fhir' | 'media' | 'mhv' | 'auth', fault: Fault) => Promise<void>;
  /** Calls a control door. */
  control: (
    mock: keyof Mocks['origins'],
    method: string,
    path: string,
    body?: unknown,
  ) => Promise<Response>;
  [Symbol.asyncDispose](): Promise<void>;
}

interface SetupOptions {
  /** How to prove who we are, by the mocks' environment; with a client secret unless told. */
  auth?: (variable: (name: string) => string) => AuthOptions;
  /** Clients that the authorization server knows besides that of the environment. */
  clients?: NonNullable<MocksOptions['clients']>;
}

/** 2025-06-15T12:00:00Z */
export const NOW = Date.UTC(2025, 5, 15, 12);

export const contracts = { messaging: readContract('oh-messaging'), mhv: readContract('mhv-sm') };
export const checks = {
  messaging: createCheck(contracts.messaging),
  mhv: createCheck(contracts.mhv),
};

/**
 * Everything started. When the test lets go of it, it is stopped, and every breach of a contract that the
 * proxies saw and the test did not take out of `violations` fails the test.
 */
export async function setup(options: SetupOptions = {}): Promise<Setup> {
  const clock = { now: NOW };
  const now = (): number => clock.now;
  const mocks = await startMocks({ now, clients: options.clients ?? [] });
  const variable = (name: string): string => mocks.env[name] ?? '';
  const messagingProxy = await startProxy(checks.messaging, mocks.origins.messaging);
  const mhvProxy = await startProxy(checks.mhv, mocks.origins.mhv);
  const messagingUrl = messagingProxy.origin + new URL(variable('OH_MESSAGING_BASE_URL')).pathname;
  const mhvUrl = mhvProxy.origin + new URL(variable('MHV_BASE_URL')).pathname;
  const authorizer = createAuthorizer((options.auth ?? secretOf)(variable), {
    now,
    randomId: () => crypto.randomUUID(),
  });
  const common = { authorizer, timeoutMs: 5000, now };
  const mhvOptions = {
    baseUrl: mhvUrl,
    appToken: variable('MHV_APP_TOKEN'),
    apiKey: variable('MHV_API_KEY'),
    fileOrigins: [mocks.origins.mhv],
    timeoutMs: 5000,
    now,
  };
  const control: Setup['control'] = (mock, method, path, body) =>
    fetch(`${mocks.origins[mock]}/_mock/${path}`, {
      method,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  return {
    mocks,
    clock,
    messagingProxy,
    mhvProxy,
    messagingUrl,
    mhvUrl,
    authorizer,
    oh: createOhMessaging({
      ...common,
      baseUrl: messagingUrl,
      authority: variable('OH_AUTHORITY'),
    }),
    media: createOhMedia({ ...common, baseUrl: variable('OH_MEDIA_BASE_URL') }),
    fhir: createOhFhir({
      ...common,
      baseUrl: variable('OH_FHIR_BASE_URL'),
      icnSystem: variable('OH_ICN_SYSTEM'),
      stationSystem: variable('OH_STATION_SYSTEM'),
    }),
    mhv: createMhvClient(mhvOptions),
    session: createMhvSessions(mhvOptions)(patientOf(mocks).mhvCorrelationId),
    control,
    async fault(mock, fault) {
      const { status } = await control(mock, 'POST', 'faults', fault);
      if (status !== 201) throw new Error('The mock does not take the fault.');
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([messagingProxy.stop(), mhvProxy.stop(), mocks.stop()]);
      const violations = [...messagingProxy.violations, ...mhvProxy.violations];
      if (violations.length > 0) throw new Error(`Against the contract:\n${violations.join('\n')}`);
    },
  };
}

/** The mocks' first ordinary patient. */
export function patientOf(mocks: Mocks): {
  ohPatientId: string;
  icn: string;
  mhvCorrelationId: string;
} {
  const [patient] = mocks.world.population.ordinary;
  if (patient === undefined) throw new Error('The mocks have no patient.');
  return patient;
}

function secretOf(variable: (name: string) => string): AuthOptions {
  return {
    method: 'client-secret',
    tokenUrl: variable('OH_AUTH_TOKEN_URL'),
    clientId: variable('OH_AUTH_CLIENT_ID'),
    clientSecret: variable('OH_AUTH_CLIENT_SECRET'),
    scope: variable('OH_AUTH_SCOPE'),
    timeoutMs: 5000,
  };
}

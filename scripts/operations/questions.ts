/**
 * What each upstream can be asked without an effect and without a patient. `look` asks without
 * credentials whether this is the server that the variable should name; `ask` goes through the exchange's
 * own client, with credentials, for something that is certainly not there.
 */

import { clientTlsOf, type createClients } from '../../src/clients.ts';
import type { Config } from '../../src/config.ts';
import {
  type CallContext,
  type ClientTls,
  UpstreamError,
  type UpstreamResponse,
} from '../../src/upstream.ts';

type Clients = ReturnType<typeof createClients>;

export interface Question {
  name: string;
  /** The variable that holds the address. */
  variable: keyof Config;
  /** Variables that hold the credentials. */
  credentials: string;
  url: string;
  tls: ClientTls;
  /** What is asked without credentials. */
  look: { url: string; headers?: Record<string, string> };
  /** False when the answer to `look` can't be that of such a server; undefined when it says nothing. */
  isExpected: (response: UpstreamResponse) => boolean | undefined;
  /** Resolves when the answer is the documented one, with a sentence about it. */
  ask: (context: CallContext) => Promise<string>;
}

/** A FHIR id that no server gives: ids there are numbers from 1. */
const NOBODY = '0';
/** No pool's name begins so. */
const NO_POOL = 'zz no such pool';

export function questionsOf(config: Config, clients: Clients): Question[] {
  return [
    ...tokenQuestion(config, clients),
    messagingQuestion(config, clients),
    fhirQuestion(config, clients),
    mediaQuestion(config, clients),
    mhvQuestion(config, clients),
  ];
}

/** A token is what every other call begins with; having one changes nothing over there. */
function tokenQuestion(config: Config, { authorizer }: Clients): Question[] {
  const url = config.OH_AUTH_TOKEN_URL;
  if (!authorizer || url === undefined || !config.OH_AUTH_METHOD.startsWith('oauth2')) return [];
  return [
    {
      name: 'OH authorization',
      variable: 'OH_AUTH_TOKEN_URL',
      credentials: 'OH_AUTH_METHOD, OH_AUTH_CLIENT_ID, its secret or key, and OH_AUTH_SCOPE',
      url,
      tls: clientTlsOf(config).oh,
      look: { url },
      isExpected: () => undefined,
      async ask(context) {
        await authorizer.authorization({ method: 'GET', url: config.OH_FHIR_BASE_URL }, context);
        return 'gave a token';
      },
    },
  ];
}

function messagingQuestion(config: Config, { messaging }: Clients): Question {
  const url = config.OH_MESSAGING_BASE_URL;
  const pools = `${url}/${encodeURIComponent(config.OH_AUTHORITY)}/pools`;
  return {
    name: 'OH messaging',
    variable: 'OH_MESSAGING_BASE_URL',
    credentials: 'OH_AUTHORITY and OH_AUTH_*',
    url,
    tls: clientTlsOf(config).oh,
    look: { url: `${pools}?name=${encodeURIComponent(NO_POOL)}` },
    isExpected: () => undefined,
    async ask(context) {
      const { length } = await messaging.findPools(NO_POOL, context);
      return length === 0 ? 'lists pools' : 'lists pools, also those that do not fit the name';
    },
  };
}

/** FHIR R4 has every server describe itself at `metadata`, and most do so to anybody. */
function fhirQuestion(config: Config, { fhir }: Clients): Question {
  const url = config.OH_FHIR_BASE_URL;
  return {
    name: 'OH FHIR',
    variable: 'OH_FHIR_BASE_URL',
    credentials: 'the tenant in OH_FHIR_BASE_URL, and OH_AUTH_*',
    url,
    tls: clientTlsOf(config).oh,
    look: { url: `${url}/metadata`, headers: { Accept: 'application/fhir+json' } },
    isExpected(response) {
      const { status } = response;
      if (status === 401 || status === 403) return undefined;
      return status === 200 && /"resourceType"\s*:\s*"CapabilityStatement"/.test(response.text());
    },
    async ask(context) {
      await unlessNotFound(fhir.practitionerName(NOBODY, context));
      return 'reads resources';
    },
  };
}

function mediaQuestion(config: Config, { media }: Clients): Question {
  const url = config.OH_MEDIA_BASE_URL;
  return {
    name: 'OH media',
    variable: 'OH_MEDIA_BASE_URL',
    credentials: 'OH_AUTH_*',
    url,
    tls: clientTlsOf(config).oh,
    look: { url: `${url}/media/${NOBODY}/versions/1` },
    isExpected: () => undefined,
    async ask(context) {
      const reference = { name: NOBODY, mediaIdentifier: NOBODY, mediaVersion: 1 };
      await unlessNotFound(media.download(reference, context));
      return 'looks for files; uploading can not be tried without leaving one';
    },
  };
}

/**
 * MHV's published operations all want a user's session, and a user is a patient. Without the application
 * token `session` refuses with an error that only MHV gives; the exchange's own operation takes the token.
 */
function mhvQuestion(config: Config, { mhv }: Clients): Question {
  const url = config.MHV_BASE_URL;
  const { MHV_API_KEY: apiKey } = config;
  return {
    name: 'MHV',
    variable: 'MHV_BASE_URL',
    credentials: 'MHV_APP_TOKEN and MHV_API_KEY',
    url,
    tls: clientTlsOf(config).mhv,
    look: {
      url: `${url}/session`,
      headers: { Accept: 'application/json', ...(apiKey ? { 'x-api-key': apiKey } : {}) },
    },
    isExpected(response) {
      const { status } = response;
      if (status === 401 || status === 403) return undefined;
      return /errorCode/.test(response.text());
    },
    async ask(context) {
      await mhv.findByOhMessageId(NOBODY, context);
      return 'looks for messages; a session can not be tried without a patient';
    },
  };
}

/** That it is not there is the right answer. */
async function unlessNotFound(asked: Promise<unknown>): Promise<void> {
  try {
    await asked;
  } catch (error) {
    if (error instanceof UpstreamError && error.outcome.httpStatus === 404) return;
    throw error;
  }
}

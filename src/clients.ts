/** The clients of Oracle Health and of MHV, as the configuration has them. */
import { type Config, tlsFilesOf } from './config.ts';
import type { Instant } from './message.ts';
import { createMhvClient } from './mhv/client.ts';
import { createMhvSessions } from './mhv/session.ts';
import { type AuthOptions, createAuthorizer } from './oh/auth.ts';
import { createOhFhir } from './oh/fhir.ts';
import { createOhMedia } from './oh/media.ts';
import { createOhMessaging } from './oh/messaging.ts';
import type { TlsFiles } from './tls-files.ts';

/** Clients of Oracle Health and of MHV; nothing is called before a method is. Throws when the private key or a file of TLS can't be read. */
export function createClients(config: Config, now: () => Instant) {
  const timeoutMs = config.DELIVERY_TIMEOUT_MS;
  const auth = ohAuth(config);
  const authorizer = auth && createAuthorizer(auth, { now, randomId: () => Bun.randomUUIDv7() });
  const { oh: tls, mhv: mhvTls } = clientTlsOf(config);
  const upstream = { timeoutMs, now, tls, ...(authorizer ? { authorizer } : {}) };
  const messaging = createOhMessaging({
    ...upstream,
    baseUrl: config.OH_MESSAGING_BASE_URL,
    authority: config.OH_AUTHORITY,
  });
  const fhir = createOhFhir({
    ...upstream,
    baseUrl: config.OH_FHIR_BASE_URL,
    icnSystem: config.OH_ICN_SYSTEM,
    stationSystem: config.OH_STATION_SYSTEM,
  });
  const mhvOptions = {
    timeoutMs,
    now,
    baseUrl: config.MHV_BASE_URL,
    appToken: config.MHV_APP_TOKEN,
    tls: mhvTls,
    fileOrigins: config.MHV_FILE_ORIGINS,
    ...(config.MHV_API_KEY ? { apiKey: config.MHV_API_KEY } : {}),
  };
  return {
    authorizer,
    messaging,
    fhir,
    media: createOhMedia({ ...upstream, baseUrl: config.OH_MEDIA_BASE_URL }),
    mhv: createMhvClient(mhvOptions),
    mhvSessionOf: createMhvSessions(mhvOptions),
  };
}

/** What each side is shown, and whom it is trusted by; read when the clients are made. Throws ConfigError. */
export function clientTlsOf(config: Config): { oh: TlsFiles; mhv: TlsFiles } {
  return {
    oh: tlsFilesOf(config, 'OH_TLS'),
    mhv: tlsFilesOf(config, 'MHV_TLS'),
  };
}

/** How the exchange proves itself to Oracle Health; config has checked that what the method needs is there. */
export function ohAuth(config: Config): AuthOptions | undefined {
  const { OH_AUTH_METHOD: method, OH_AUTH_CLIENT_ID: clientId = '' } = config;
  const secret = config.OH_AUTH_CLIENT_SECRET ?? '';
  const oauth2 = {
    clientId,
    tokenUrl: config.OH_AUTH_TOKEN_URL ?? '',
    scope: config.OH_AUTH_SCOPE,
    tls: clientTlsOf(config).oh,
    timeoutMs: config.DELIVERY_TIMEOUT_MS,
  };
  const oauth1 = { method: 'oauth1', consumerKey: clientId, consumerSecret: secret } as const;
  switch (method) {
    case 'none':
      return undefined;
    case 'oauth2-basic':
      return { ...oauth2, method: 'client-secret', clientSecret: secret };
    case 'oauth2-private-key-jwt': {
      const privateKeyPem = config.OH_AUTH_PRIVATE_KEY ?? '';
      return {
        ...oauth2,
        method: 'private-key-jwt',
        privateKeyPem,
        keyId: config.OH_AUTH_KEY_ID ?? '',
      };
    }
    case 'oauth1-plaintext':
      return { ...oauth1, signatureMethod: 'PLAINTEXT' };
    case 'oauth1-hmac-sha1':
      return { ...oauth1, signatureMethod: 'HMAC-SHA1' };
  }
}

/** Where the exchange listens, and how its certificate is changed while it does. */
import type { Server } from 'bun';
import type { Logger } from 'pino';
import { type Config, ConfigError, tlsFilesOf } from './config.ts';
import { bugOf } from './errors.ts';
import type { createApp } from './http/app.ts';
import { certificateEnd } from './tls-files.ts';

export interface Listener {
  /** Such as `https://127.0.0.1:3000`. */
  url: string;
  /**
   * Reads TLS_CERT_FILE and TLS_KEY_FILE anew and shows them to whoever connects from now on. Files with a
   * fault are logged, and the certificate stays as it is.
   */
  renewCertificate: () => void;
  /**
   * Takes no more connections; resolves when requests in hand have ended, those that came under an earlier
   * certificate too, by force when told.
   */
  stop: (byForce?: boolean) => Promise<void>;
}

/** PEM. TLS 1.2 is the oldest version that Bun speaks. */
type ServerTls = { cert: string; key: string };

/**
 * Listens at HOST and PORT. Throws when the port can't be had, and ConfigError when the certificate can't be read
 * any more: nothing that was to go by TLS goes in the clear.
 */
export function openListener(
  app: ReturnType<typeof createApp>,
  config: Config,
  log: Logger,
): Listener {
  const { HOST: hostname } = config;
  let server = listen(app, { hostname, port: config.PORT, tls: tlsOf(config) });
  /** Those of an earlier certificate that still have something in hand. */
  const leaving = new Set<Server<unknown>>();
  let isStopping = false;
  return {
    url: server.url.origin,
    async stop(byForce) {
      isStopping = true;
      await Promise.all([server, ...leaving].map((one) => one.stop(byForce)));
    },
    renewCertificate() {
      if (isStopping) return;
      const before = server;
      let tls: ServerTls | undefined;
      try {
        tls = tlsOf(config);
        // Bun does not change the certificate of a port that is open, but takes a second one beside it.
        server = listen(app, { hostname, port: before.port ?? config.PORT, tls });
      } catch (error) {
        const why = error instanceof ConfigError ? { faults: error.faults } : bugOf(error);
        log.error({ event: 'certificate', state: 'kept', ...why });
        return;
      }
      leaving.add(before);
      void before.stop().then(() => leaving.delete(before));
      const until = tls && new Date(certificateEnd(tls.cert)).toISOString();
      log.info({ event: 'certificate', state: 'renewed', until });
    },
  };
}

function listen(
  app: ReturnType<typeof createApp>,
  { tls, ...place }: { hostname: string; port: number; tls: ServerTls | undefined },
): Server<unknown> {
  app.listen({ ...place, ...(tls ? { tls } : {}), reusePort: true });
  if (!app.server) throw new Error('The HTTP server did not start.');
  return app.server;
}

/** Undefined when the configuration names no certificate. Throws ConfigError. */
function tlsOf(config: Config): ServerTls | undefined {
  const { cert, key } = tlsFilesOf(config, 'TLS');
  return cert !== undefined && key !== undefined ? { cert, key } : undefined;
}

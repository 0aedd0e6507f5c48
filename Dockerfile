# Build: dependencies only; Bun runs the TypeScript as it is.
FROM oven/bun:1.4.5-slim AS dependencies
WORKDIR /app
COPY package.json bun.lock bunfig.toml ./
RUN bun install --frozen-lockfile --production

FROM oven/bun:1.4.5-slim
WORKDIR /app
COPY --from=dependencies /app/node_modules ./node_modules
COPY package.json tsconfig.json ./
COPY drizzle ./drizzle
COPY src ./src
# What people run beside the exchange, in its container: check-config, doctor, directory, backup, ...
COPY scripts ./scripts
# The image's own unprivileged user; the volume must be writable for uid 1000.
RUN mkdir /data && chown bun:bun /data
USER bun
VOLUME /data
ENV HOST=0.0.0.0 PORT=3000 DATABASE_PATH=/data/exchange.db
EXPOSE 3000
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s \
  CMD ["bun", "-e", "const s = process.env.TLS_CERT_FILE ? 'https' : 'http'; const {ok} = await fetch(`${s}://127.0.0.1:${process.env.PORT}/health/live`, {tls: {rejectUnauthorized: false}}); process.exit(ok ? 0 : 1)"]
# SIGTERM drains: give it STOP_TIMEOUT_MS and 5 s before SIGKILL (docker stop --time 30).
STOPSIGNAL SIGTERM
CMD ["bun", "src/main.ts"]

/**
 * The lifecycle of one process.
 *
 *   start   stores → services → pipeline → listen
 *   close   unready → wait → stop accepting → drain → stores → services → audit
 */
import { once } from 'node:events';
import http from 'node:http';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { atPort, type Config } from './config.js';
import type { Definitions } from './mcp/tool.js';
import { createMessageTypes, type MessageTypes } from './message-types.js';
import { adminListener } from './observe/admin.js';
import { openAudit } from './observe/audit.js';
import type { Logger } from './observe/logger.js';
import { createMetrics } from './observe/metrics.js';
import type { Tracing } from './observe/tracing.js';
import { createPipeline, type Pipeline } from './pipeline.js';
import { openStores, type StoresOptions } from './stores/index.js';
import { readTls, reloadTls } from './tls.js';
import { openServices } from './tools/services.js';
import { cutUnreadAnswers } from './unread-answers.js';

export interface StartOptions {
  readonly config: Config;
  readonly definitions: Definitions;
  readonly logger: Logger;
  /** Only where traces are exported. */
  readonly tracing?: Tracing | undefined;
}

export interface RunningServer {
  /** The MCP endpoint, as reached on this machine. */
  readonly url: URL;
  readonly adminUrl: URL;
  /** Only where the contract allows one: loopback, not production, no key file. */
  readonly developmentKey?: string;
  reopenAuditFiles(): Promise<void>;
  /** Resolves when everything is drained and flushed, or the grace is over. */
  close(): Promise<void>;
}

/** How long the sockets cut at the end of the grace may take to close. */
const CUT_MS = 500;

/** Slow headers, slow bodies and idle connections end on their own (Slowloris). */
const LIMITS = {
  headersTimeout: 10_000,
  requestTimeout: 30_000,
  connectionsCheckingInterval: 5_000,
  keepAliveTimeout: 75_000, // above the 60 s of common proxies: they, not we, end an idle connection
  maxHeaderSize: 16_384,
  requireHostHeader: false, // the Host guard refuses its absence, with an audit record
};

/** @throws when something cannot be opened; what was opened before is closed by the end of the process */
export async function startServer({
  config: given,
  definitions,
  logger,
  tracing,
}: StartOptions): Promise<RunningServer> {
  const metrics = createMetrics({ toolNames: definitions.tools.map(({ name }) => name) });
  const audit = openAudit({
    sinks: given.AUDIT_SINKS,
    mode: given.AUDIT_MODE,
    hmacKey: given.AUDIT_HMAC_KEY,
    onProblem: (message, fields) => logger.error(fields, message),
    metrics,
  });
  const stores = await openStores({
    sessionIdleMs: given.SESSION_IDLE_MS,
    streamMaxBytes: given.STREAM_MAX_BUFFER_BYTES,
    streamRetainMs: given.ASK_TIMEOUT_MS + given.TOOL_TIMEOUT_MS, // the longest a call can be silent
    ...(given.REDIS_URL !== undefined && {
      redis: { ...sharedStores(given, given.REDIS_URL, logger), onAnswer: metrics.storeAnswered },
    }),
  });
  const services = await openServices(given.settings);

  const messageTypes = createMessageTypes();
  const { server, stopReload } = await createListener(given, messageTypes, logger);
  const silent = silentConnections(server);
  // A port that clients know opens last: what came before the pipeline would never be answered. A free one has to be known.
  const port = given.PORT === 0 ? await listen(server, given.HOST, 0) : given.PORT;
  const config = atPort(given, port);
  const pipeline = await createPipeline({
    config,
    definitions,
    services,
    stores,
    audit,
    logger,
    messageTypes,
    tracing,
  });
  pipeline.attach(server);
  if (given.PORT !== 0) await listen(server, given.HOST, port);

  let accepting = true;
  const checks = { accepting: () => accepting, audit: audit.healthy, stores: stores.healthy };
  const admin = http.createServer(adminListener({ checks, metrics }));
  const adminPort = await listen(admin, given.ADMIN_HOST, given.ADMIN_PORT);
  metrics.watch({
    sessions: () => stores.sessions.count(),
    streams: pipeline.streams,
    streamBufferedBytes: pipeline.bufferedBytes,
    auditQueuedBytes: audit.queuedBytes,
    storeAvailable: () => Number(stores.healthy()),
  });

  return {
    url: new URL(config.PUBLIC_URL.pathname, origin(server, config.HOST, config.PORT)),
    adminUrl: new URL(origin(admin, given.ADMIN_HOST, adminPort)),
    ...(pipeline.developmentKey !== undefined && { developmentKey: pipeline.developmentKey }),
    reopenAuditFiles: audit.reopen,
    close: async () => {
      accepting = false;
      await sleep(config.SHUTDOWN_DELAY_MS);
      stopReload();
      await drain(server, pipeline, silent, config.SHUTDOWN_GRACE_MS);
      pipeline.close();
      await stores.close();
      await services.close();
      await audit.close();
      admin.close();
      admin.closeAllConnections();
    },
  };
}

function sharedStores(config: Config, url: string, logger: Logger): NonNullable<StoresOptions['redis']> {
  return {
    url,
    ...(config.REDIS_CA_FILE !== undefined && { caFile: config.REDIS_CA_FILE }),
    replicas: config.REPLICAS,
    onFailure: config.STORE_FAILURE,
    onChange: (available, err) => {
      if (available) logger.info({}, 'Redis is available');
      else logger.error({ err }, 'Redis is away');
    },
  };
}

async function createListener(config: Config, messageTypes: MessageTypes, logger: Logger) {
  const options = { ...LIMITS, ...messageTypes };
  const { TLS_CERT_FILE: certFile, TLS_KEY_FILE: keyFile } = config;
  if (certFile === undefined || keyFile === undefined) {
    return { server: limited(http.createServer(options), config), stopReload: () => {} };
  }
  const files = { certFile, keyFile };
  const material = await readTls(files);
  const server = https.createServer({
    ...options,
    ...material,
    minVersion: 'TLSv1.2',
    handshakeTimeout: LIMITS.headersTimeout,
  });
  return { server: limited(server, config), stopReload: reloadTls(server, files, material, logger) };
}

function limited<S extends http.Server>(server: S, { MAX_CONNECTIONS }: Config): S {
  server.maxConnections = MAX_CONNECTIONS;
  server.maxHeadersCount = 0; // Node drops what comes after 2,000, unseen by the guards; their size is limited
  cutUnreadAnswers(server);
  return server;
}

/** Resolves with the port, which differs from the one asked for when that was 0. */
async function listen(server: http.Server, host: string, port: number): Promise<number> {
  server.listen(port, host);
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

function origin(server: http.Server, host: string, port: number): string {
  const name = host.includes(':') ? `[${host}]` : host;
  return `${server instanceof https.Server ? 'https' : 'http'}://${name}:${port}`;
}

/** Connections that have sent no request yet: Node never counts them as idle, so each would cost us the whole grace. */
function silentConnections(server: http.Server): ReadonlySet<Duplex> {
  const silent = new Set<Duplex>();
  server.on(server instanceof https.Server ? 'secureConnection' : 'connection', (socket: Duplex) => {
    silent.add(socket);
    socket.once('close', () => silent.delete(socket));
  });
  server.on('request', ({ socket }) => silent.delete(socket));
  return silent;
}

/** Takes no new connections, lets the calls in flight end, and cuts what is left when the grace is over. */
async function drain(
  server: http.Server,
  pipeline: Pipeline,
  silent: ReadonlySet<Duplex>,
  graceMs: number,
): Promise<void> {
  const closed = new Promise((resolve) => server.close(resolve));
  // A connection kept alive by its client would otherwise hold the server open until it idles out.
  server.on('request', (_req, res) =>
    res.once('close', () => setImmediate(() => server.closeIdleConnections())),
  );
  const graceOver = new AbortController();
  await Promise.race([
    pipeline
      .drain()
      .then(() => server.closeIdleConnections())
      .then(() => silent.forEach((socket) => socket.destroy()))
      .then(() => closed),
    sleep(graceMs, undefined, { signal: graceOver.signal }).catch(() => {}),
  ]);
  graceOver.abort();
  server.closeAllConnections();
  // What was cut writes its last record when its socket closes, and the audit closes next.
  await Promise.race([closed, sleep(CUT_MS)]);
  await sleep(0);
}

/**
 * The lifecycle of one process.
 *
 *   start   stores → services → pipeline → listen
 *   close   unready → wait → stop accepting → drain → stores → services → audit
 */
import http from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { closeServices } from './close-services.js';
import { atPort, type Config } from './config/index.js';
import {
  createListener,
  drain,
  guardConnections,
  listen,
  originOf,
  silentConnections,
} from './http/listener.js';
import { recordDefinitions } from './mcp/definitions/digests.js';
import type { OpenServices } from './mcp/definitions/tool.js';
import { announceLastAnswers } from './http/last-answers.js';
import { adminListener } from './observe/admin.js';
import { openAudit } from './observe/audit.js';
import type { Logger } from './observe/logger.js';
import { createMetrics } from './observe/metrics.js';
import { createPipeline, type PipelineOptions } from './pipeline.js';
import { openStores, type StoresOptions } from './stores/index.js';

type Given = 'config' | 'about' | 'extensions' | 'grants' | 'definitions' | 'logger' | 'tracing';

export interface StartOptions extends Pick<PipelineOptions, Given> {
  readonly openServices?: OpenServices | undefined;
}

export interface RunningServer {
  /** The MCP endpoint, as reached on this machine. */
  readonly url: URL;
  readonly adminUrl: URL;
  /** Made only on loopback, outside production and without a key file. */
  readonly developmentKey?: string;
  reopenAuditFiles(): Promise<void>;
  /** Resolves when everything is drained and flushed, or the grace is over. */
  close(): Promise<void>;
}

/** @throws when something cannot be opened; the exit of the process then closes what was opened before */
export async function openServer(options: StartOptions): Promise<RunningServer> {
  const { config: given, logger, openServices } = options;
  const metrics = createMetrics({ toolNames: options.definitions.tools.map(({ name }) => name) });
  const audit = openAudit({
    sinks: given.AUDIT_SINKS,
    mode: given.AUDIT_MODE,
    hmacKey: given.AUDIT_HMAC_KEY,
    signingKey: given.AUDIT_SIGNING_KEY_FILE,
    checkpointSink: given.AUDIT_CHECKPOINT_SINK,
    onProblem: (message, fields) => logger.error(fields, message),
    metrics,
    inProgress: given.MAX_CONNECTIONS,
  });
  const stores = await openStores({
    sessionIdleMs: given.SESSION_IDLE_MS,
    maxChars: given.memory.perStore,
    streamMaxBytes: given.STREAM_MAX_BUFFER_BYTES,
    streamRetainMs: given.ASK_TIMEOUT_MS + given.TOOL_TIMEOUT_MS, // the longest that a call can be silent
    ...(given.REDIS_URL !== undefined && {
      redis: { ...sharedStores(given, given.REDIS_URL, logger), onAnswer: metrics.storeAnswered },
    }),
  });
  const services = await openServices?.(given.settings);

  const { server, stopReload } = await createListener(given, logger);
  const silent = silentConnections(server);
  const announceEnd = announceLastAnswers(server);
  // A fixed port opens last, so that no request arrives before the pipeline and the audit record of the start. Port 0 opens
  // first: the configuration needs the real number.
  const port = given.PORT === 0 ? await listen(server, given.HOST, 0) : given.PORT;
  const config = atPort(given, port);
  const pipeline = await createPipeline({ ...options, config, services, stores, audit });
  pipeline.attach(server);

  let accepting = false;
  const checks = { accepting: () => accepting, audit: audit.healthy, stores: stores.healthy };
  const admin = http.createServer(adminListener({ checks, metrics }));
  guardConnections(admin);
  const adminPort = await listen(admin, given.ADMIN_HOST, given.ADMIN_PORT, 'ADMIN_');
  metrics.watch({
    sessions: () => stores.sessions.count(),
    streams: pipeline.streams,
    streamBufferedBytes: pipeline.bufferedBytes,
    auditQueuedBytes: audit.queuedBytes,
    storeAvailable: () => Number(stores.healthy()),
  });
  if (given.PORT !== 0) await listen(server, given.HOST, port);
  recordDefinitions(pipeline.digests, audit, logger);
  accepting = true;

  return {
    url: new URL(config.PUBLIC_URL.pathname, originOf(server, config.HOST, config.PORT)),
    adminUrl: new URL(originOf(admin, given.ADMIN_HOST, adminPort)),
    ...(pipeline.developmentKey !== undefined && { developmentKey: pipeline.developmentKey }),
    reopenAuditFiles: audit.reopen,
    close: async () => {
      accepting = false;
      announceEnd();
      await sleep(config.SHUTDOWN_DELAY_MS);
      stopReload();
      const drainedSince = performance.now();
      await drain(server, pipeline.drain, silent, config.SHUTDOWN_GRACE_MS);
      await pipeline.close();
      await stores.close();
      try {
        await closeServices(services, config.SHUTDOWN_GRACE_MS - (performance.now() - drainedSince));
      } finally {
        await audit.close();
        admin.close();
        admin.closeAllConnections();
      }
    },
  };
}

function sharedStores(config: Config, url: string, logger: Logger): NonNullable<StoresOptions['redis']> {
  return {
    url,
    mode: config.REDIS_MODE,
    sentinelName: config.REDIS_SENTINEL_NAME,
    ...(config.REDIS_CA_FILE !== undefined && { caFile: config.REDIS_CA_FILE }),
    replicas: config.REPLICAS,
    onFailure: config.STORE_FAILURE,
    onChange: (available, err) => {
      if (available) logger.info({}, 'Redis is available');
      else logger.error({ err }, 'Redis is away');
    },
    onRefused: (err, fix) => logger.error({ err, fix }, 'Redis cannot be used'),
  };
}

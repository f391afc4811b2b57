/** The process over stdio. Its caller is the user who starts it. Only protocol messages go to stdout. */
import { closeServices } from './close-services.js';
import { createMcpParts } from './assemble-mcp.js';
import { ignoreInspectorSignal, takeNoArguments } from './command-line.js';
import { loadConfig } from './config/index.js';
import { exitAfterDrain } from './exit.js';
import { recordDefinitions } from './mcp/definitions/digests.js';
import type { ServerDefinition } from './mcp/server-definition.js';
import { serveOverStdio } from './mcp/stdio/stdio.js';
import { openAudit } from './observe/audit.js';
import type { AuditSink } from './observe/audit-sinks.js';
import { createLogger } from './observe/logger.js';
import { orExit } from './process.js';
import { openStores } from './stores/index.js';

const USAGE = `Usage: npm run -s stdio, or node dist/stdio.js after npm run build

Serves MCP on stdin and stdout until stdin ends, for a client that starts it. Environment variables configure it:
docs/configuration.md. Logs go to stderr, and so does an audit that would go to stdout.

Exit code: 0 after the end of stdin or a signal, 78 for a bad configuration, else 1.
`;

/** Serves on stdin and stdout until stdin ends. */
export async function startStdio(definition: ServerDefinition): Promise<void> {
  takeNoArguments(USAGE);
  await orExit(run(definition));
}

/** stdout belongs to the protocol. */
const offStdout = (sink: AuditSink): AuditSink => (sink.kind === 'stdout' ? { kind: 'stderr' } : sink);

async function run(definition: ServerDefinition): Promise<void> {
  const { about, settings, openServices, extensions, grants: _, ...definitions } = definition;
  const config = loadConfig(process.env, settings, []); // no rules: they concern listeners and replicas
  const logger = createLogger(config.LOG_LEVEL);
  if (config.NODE_ENV === 'production') ignoreInspectorSignal();
  const audit = openAudit({
    sinks: config.AUDIT_SINKS.map(offStdout),
    mode: config.AUDIT_MODE,
    hmacKey: config.AUDIT_HMAC_KEY,
    signingKey: config.AUDIT_SIGNING_KEY_FILE,
    checkpointSink: config.AUDIT_CHECKPOINT_SINK && offStdout(config.AUDIT_CHECKPOINT_SINK),
    onProblem: (message, fields) => logger.error(fields, message),
  });
  const stores = await openStores({ sessionIdleMs: config.SESSION_IDLE_MS });
  const services = await openServices?.(config.settings);
  const mcp = createMcpParts({ config, about, extensions, definitions, services, stores, logger });

  recordDefinitions(mcp.digests, audit, logger); // before the first line is read
  const connection = serveOverStdio({
    ...mcp,
    audit,
    limits: {
      maxBytes: config.MAX_BODY_BYTES,
      maxDepth: config.MAX_JSON_DEPTH,
      maxMembers: config.MAX_JSON_MEMBERS,
    },
    caller: { issuer: 'stdio', subject: 'local', method: 'stdio', scopes: mcp.catalog.scopes },
  });

  const end = exitAfterDrain(logger, async () => {
    await connection.close();
    await stores.close();
    try {
      await closeServices(services, config.SHUTDOWN_GRACE_MS);
    } finally {
      await audit.close();
    }
  });
  void connection.ended.then(() => end(0));
}

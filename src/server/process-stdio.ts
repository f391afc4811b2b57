/** The process over stdio: whoever starts it is the caller, and nothing but the protocol is on stdout. */
import { closeServices } from './close-services.js';
import { createMcpParts } from './assemble-mcp.js';
import { ignoreInspectorSignal, takeNoArguments } from './command-line.js';
import { loadConfig } from './config/index.js';
import { exitAfterDrain } from './exit.js';
import type { ServerDefinition } from './mcp/definitions/tool.js';
import { serveOverStdio } from './mcp/stdio/stdio.js';
import { openAudit } from './observe/audit.js';
import { createLogger } from './observe/logger.js';
import { orExit } from './process.js';
import { openStores } from './stores/index.js';

const USAGE = `Usage: npm run -s stdio, or node dist/stdio.js after npm run build

Serves MCP on stdin and stdout until stdin ends, for a client that starts it. Everything is set by environment
variables: docs/configuration.md. Logs and what the audit would write to stdout go to stderr.

Exit code: 0 when stdin ended or after a signal, 78 for a bad configuration, else 1.
`;

/** Serves on stdin and stdout until stdin ends. */
export async function startStdio(definition: ServerDefinition): Promise<void> {
  takeNoArguments(USAGE);
  await orExit(run(definition));
}

async function run({ about, settings, openServices, ...definitions }: ServerDefinition): Promise<void> {
  const config = loadConfig(process.env, settings, []); // the rules are about listeners and replicas
  const logger = createLogger(config.LOG_LEVEL);
  if (config.NODE_ENV === 'production') ignoreInspectorSignal();
  const audit = openAudit({
    // stdout is the protocol's: what would go there goes to stderr.
    sinks: config.AUDIT_SINKS.map((sink) => (sink.kind === 'stdout' ? { kind: 'stderr' } : sink)),
    mode: config.AUDIT_MODE,
    hmacKey: config.AUDIT_HMAC_KEY,
    onProblem: (message, fields) => logger.error(fields, message),
  });
  const stores = await openStores({ sessionIdleMs: config.SESSION_IDLE_MS });
  const services = await openServices?.(config.settings);
  const mcp = createMcpParts({ config, about, definitions, services, stores, logger });

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

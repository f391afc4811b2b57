/** The process over HTTP. A bad configuration or a failed start ends it with an exit code. */
import { EXIT_CONFIG, EXIT_FAILURE, ignoreInspectorSignal, takeNoArguments } from './command-line.js';
import { ConfigError, loadConfig } from './config/index.js';
import { exitAfterDrain } from './exit.js';
import type { ServerDefinition } from './mcp/server-definition.js';
import { createLogger } from './observe/logger.js';
import type { Tracing } from './observe/tracing.js';
import { openServer, type RunningServer } from './start.js';
import { welcome } from './welcome.js';

const USAGE = `Usage: npm start, or node dist/main.js after npm run build

Serves MCP over HTTP until SIGTERM or SIGINT, which drain it. Environment variables configure it: .env.example and
docs/configuration.md list them, npm run doctor shows their effect. SIGHUP reopens the audit files.

Exit code: 0 after a clean drain, 78 for a bad configuration, else 1.
`;

/** Serves over HTTP until a signal drains the server. */
export async function startServer(definition: ServerDefinition): Promise<void> {
  takeNoArguments(USAGE);
  await orExit(run(definition));
}

/** A process that cannot start ends with the reason on stderr. */
export async function orExit(start: Promise<void>): Promise<void> {
  try {
    await start;
  } catch (error) {
    const isConfig = error instanceof ConfigError;
    process.stderr.write(`${isConfig ? '' : 'The server did not start: '}${(error as Error).message}\n`);
    process.exit(isConfig ? EXIT_CONFIG : EXIT_FAILURE);
  }
}

async function run(definition: ServerDefinition): Promise<void> {
  const { about, settings, openServices, extensions, grants, ...definitions } = definition;
  const config = loadConfig(process.env, settings);
  const tracing = config.tracing ? await openTracing() : undefined;
  const logger = createLogger(config.LOG_LEVEL, tracing?.logFields);
  tracing?.reportTo(logger);
  let server: RunningServer | undefined;
  exitAfterDrain(logger, async () => {
    await server?.close();
    await tracing?.close();
  });
  if (config.NODE_ENV === 'production') ignoreInspectorSignal();
  const tools = tracing ? definitions.tools.map(tracing.tool) : definitions.tools;
  server = await openServer({
    config,
    about,
    extensions,
    grants,
    definitions: { ...definitions, tools },
    openServices,
    logger,
    tracing,
  });
  process.on('SIGHUP', () => void server?.reopenAuditFiles());
  process.stderr.write(welcome(server));
}

/** OpenTelemetry is loaded only when traces are exported. */
async function openTracing(): Promise<Tracing> {
  const { startTracing } = await import('./observe/tracing.js');
  return startTracing();
}

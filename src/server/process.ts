/** The process over HTTP: a bad configuration, signals and failures become exit codes. */
import { ignoreInspectorSignal, takeNoArguments } from './command-line.js';
import { ConfigError, loadConfig } from './config/index.js';
import type { ServerDefinition } from './mcp/definitions/tool.js';
import { createLogger, type Logger } from './observe/logger.js';
import type { Tracing } from './observe/tracing.js';
import { openServer, type RunningServer } from './start.js';
import { welcome } from './welcome.js';

const USAGE = `Usage: npm start, or node dist/main.js after npm run build

Serves MCP over HTTP until SIGTERM or SIGINT, which drain. Everything is set by environment variables: .env.example and
docs/configuration.md have them all, npm run doctor says what they amount to. SIGHUP opens the audit files again.

Exit code: 0 after a clean drain, 78 for a bad configuration, else 1.
`;
const EXIT_FAILURE = 1;
const EXIT_CONFIG = 78; // sysexits.h EX_CONFIG

/** Serves over HTTP until a signal drains the server. A process that cannot start ends with the reason on stderr. */
export async function startServer(definition: ServerDefinition): Promise<void> {
  takeNoArguments(USAGE);
  try {
    await run(definition);
  } catch (error) {
    const isConfig = error instanceof ConfigError;
    process.stderr.write(`${isConfig ? '' : 'The server did not start: '}${(error as Error).message}\n`);
    process.exit(isConfig ? EXIT_CONFIG : EXIT_FAILURE);
  }
}

async function run({ about, settings, openServices, ...definitions }: ServerDefinition): Promise<void> {
  const config = loadConfig(process.env, settings);
  const tracing = config.tracing ? await openTracing() : undefined;
  const logger = createLogger(config.LOG_LEVEL, tracing?.logFields);
  tracing?.reportTo(logger);
  exitOnBug(logger);
  if (config.NODE_ENV === 'production') ignoreInspectorSignal();
  const tools = tracing ? definitions.tools.map(tracing.tool) : definitions.tools;
  const server = await openServer({
    config,
    about,
    definitions: { ...definitions, tools },
    openServices,
    logger,
    tracing,
  });
  process.on('SIGHUP', () => void server.reopenAuditFiles());
  exitOnSignal(server, logger, tracing);
  process.stderr.write(welcome(server));
}

/** Loaded only where it is used. */
async function openTracing(): Promise<Tracing> {
  const { startTracing } = await import('./observe/tracing.js');
  return startTracing();
}

/** The first signal drains; a second one is somebody who does not want to wait. */
function exitOnSignal(server: RunningServer, logger: Logger, tracing: Tracing | undefined): void {
  let closing = false;
  const onSignal = async (signal: NodeJS.Signals) => {
    if (closing) process.exit(EXIT_FAILURE);
    closing = true;
    logger.info({ signal }, 'draining');
    try {
      await server.close();
      await tracing?.close();
      process.exit(0);
    } catch (error) {
      logger.fatal({ err: error }, 'shutdown failed');
      process.exit(EXIT_FAILURE);
    }
  };
  process.on('SIGTERM', (signal) => void onSignal(signal));
  process.on('SIGINT', (signal) => void onSignal(signal));
}

/** After an unforeseen error nothing is known about the state; the platform starts a clean process. */
function exitOnBug(logger: Logger): void {
  const exit = (error: unknown) => {
    logger.fatal({ err: error }, 'unexpected error');
    process.exit(EXIT_FAILURE);
  };
  process.on('uncaughtException', exit);
  process.on('unhandledRejection', exit);
}

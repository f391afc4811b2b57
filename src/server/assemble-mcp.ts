/** Builds what HTTP and stdio share: the compiled definitions and the handlers that answer for them. */
import { type Config, ConfigError } from './config/index.js';
import { compileCatalog } from './mcp/definitions/catalog.js';
import { coalesceChanges } from './mcp/calls/coalesce-changes.js';
import { createHandlers } from './mcp/calls/handlers.js';
import type { RunOptions } from './mcp/calls/run-definition.js';
import { urlRules } from './mcp/calls/safe-url.js';
import { digestsOf } from './mcp/definitions/digests.js';
import { introduction } from './mcp/definitions/server-info.js';
import type { About, Definitions, Services } from './mcp/definitions/tool.js';
import { type Extension, prepareDefinitions } from './mcp/extensions/extension.js';
import { servedTools, unknownTools } from './served-tools.js';
import type { Logger } from './observe/logger.js';
import type { Stores } from './stores/types.js';

export interface McpOptions {
  readonly config: Config;
  readonly about?: About | undefined;
  readonly extensions?: readonly Extension[] | undefined;
  readonly definitions: Definitions;
  /** Absent when the clone opens none. */
  readonly services?: Services | undefined;
  readonly grantsOf?: RunOptions['grantsOf'];
  readonly stores: Stores;
  readonly logger: Logger;
}

const NONE: unknown = {};

export type McpParts = ReturnType<typeof createMcpParts>;

/** @throws {TypeError} when a definition is wrong @throws {ConfigError} when `ENABLED_TOOLS` names a tool that there is not */
export function createMcpParts({
  config,
  about = {},
  extensions = [],
  definitions,
  services = NONE as Services,
  grantsOf,
  stores,
  logger,
}: McpOptions) {
  const { ASK_TIMEOUT_MS, STATE_KEYS } = config;
  const { changes, usedOnce } = stores;
  const unknown = unknownTools(definitions.tools, config);
  if (unknown.length > 0) throw new ConfigError(unknown);
  const prepared = prepareDefinitions(extensions, definitions);
  const tools = servedTools(prepared.tools, config);
  const catalog = compileCatalog({ ...prepared, tools }, config.REQUIRED_SCOPES);
  return {
    catalog,
    digests: digestsOf(catalog, about),
    extensions,
    changes,
    logger,
    ...introduction(about, catalog),
    handlers: createHandlers({
      catalog,
      services,
      logger,
      settings: config.settings,
      publish: coalesceChanges(changes.publish),
      timeoutMs: config.TOOL_TIMEOUT_MS,
      maxResultBytes: config.MAX_RESULT_BYTES,
      grantsOf,
      urls: urlRules(definitions.urlHosts, config.PUBLIC_URL, config.NODE_ENV === 'production'),
    }),
    askTimeoutMs: ASK_TIMEOUT_MS,
    requestState: { keys: STATE_KEYS, ttlS: Math.ceil(ASK_TIMEOUT_MS / 1000), usedOnce },
  };
}

/** What both ways in, HTTP and stdio, make of the definitions: the same tools, checked and answered alike. */
import type { Config } from './config/index.js';
import { compileCatalog } from './mcp/definitions/catalog.js';
import { createHandlers } from './mcp/calls/handlers.js';
import { capabilitiesOf } from './mcp/definitions/server-info.js';
import type { Definitions, ToolServices } from './mcp/definitions/tool.js';
import type { Logger } from './observe/logger.js';
import type { Stores } from './stores/types.js';

export interface McpOptions {
  readonly config: Config;
  readonly definitions: Definitions;
  readonly services: ToolServices;
  readonly stores: Stores;
  readonly logger: Logger;
}

export type McpParts = ReturnType<typeof createMcpParts>;

/** @throws {TypeError} when a definition is wrong */
export function createMcpParts({ config, definitions, services, stores, logger }: McpOptions) {
  const { ASK_TIMEOUT_MS, STATE_KEYS } = config;
  const { changes, once } = stores;
  const catalog = compileCatalog(definitions, config.REQUIRED_SCOPES);
  return {
    catalog,
    changes,
    logger,
    capabilities: capabilitiesOf(catalog),
    handlers: createHandlers({
      catalog,
      services,
      logger,
      settings: config.settings,
      publish: changes.publish,
      timeoutMs: config.TOOL_TIMEOUT_MS,
      maxResultBytes: config.MAX_RESULT_BYTES,
    }),
    askTimeoutMs: ASK_TIMEOUT_MS,
    requestState: { keys: STATE_KEYS, ttlS: Math.ceil(ASK_TIMEOUT_MS / 1000), once },
  };
}

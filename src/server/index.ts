/** THE DOOR: all that the clone's own files may import of the server. */
export * from './mcp/definitions/tool.js';
export { apps } from './mcp/extensions/apps/apps.js';
export { defineApp } from './mcp/extensions/apps/define-app.js';
export { tasks } from './mcp/extensions/tasks/index.js';
/** @public for the `main.ts` of a clone whose users connect accounts */
export type { GrantOptions } from './grants/options.js';
export type { ServerDefinition } from './mcp/server-definition.js';
export { clientCredentials } from './helpers/client-credentials.js';
export { exchangeToken } from './helpers/exchange-token.js';
export { cleanPath, folderUnder, openUnder } from './helpers/open-under.js';
export * from './helpers/run-command.js';
export * from './helpers/safe-fetch.js';
export { startServer } from './process.js';
export { startStdio } from './process-stdio.js';

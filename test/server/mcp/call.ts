import { type Call, Cancellation } from '../../../src/server/mcp/calls/call.js';
import { compileCatalog } from '../../../src/server/mcp/definitions/catalog.js';
import { createHandlers } from '../../../src/server/mcp/calls/handlers.js';
import type { ListOptions } from '../../../src/server/mcp/definitions/lists.js';
import type { Definitions } from '../../../src/server/mcp/definitions/tool.js';
import { noServices, noSettings } from './no-settings.js';

export type Change = Partial<ListOptions> & { readonly requiredScopes?: readonly string[] };

export function startHandlers(definitions: Partial<Definitions>, { requiredScopes, ...change }: Change = {}) {
  const logged: object[] = [];
  const ignore = () => {};
  const handlers = createHandlers({
    catalog: compileCatalog({ tools: [], resources: [], prompts: [], ...definitions }, requiredScopes),
    logger: {
      debug: ignore,
      info: ignore,
      warn: ignore,
      error: (facts: object) => void logged.push(facts),
      fatal: ignore,
    },
    settings: noSettings,
    services: noServices,
    publish: ignore,
    timeoutMs: 5_000,
    urls: { hosts: new Set(['grants.example']), takesHttp: true },
    maxResultBytes: 1_000,
    ...change,
  });
  return { handlers, logged };
}

/** A call by an API key with these scopes. */
export function callBy(scopes: readonly string[] = [], change: Partial<Call> = {}): Call {
  return {
    caller: { issuer: 'api-key', subject: 'k', method: 'api-key', scopes },
    requestId: 'request-1',
    audit: { received: async () => {}, note: () => {} },
    cancellation: new Cancellation(),
    log: () => {},
    progress: () => {},
    canAsk: () => true,
    ask: async () => ({}),
    ...change,
  };
}

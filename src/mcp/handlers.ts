/** What each MCP method answers, in terms that both eras share. An era only translates in and out. */
import { type Call, INTERNAL_ERROR, INVALID_PARAMS, RpcError } from './call.js';
import { type CallToolOptions, callTool } from './call-tool.js';
import type { Catalog } from './catalog.js';
import { complete } from './complete.js';
import { createLists } from './lists.js';
import { runDefinition } from './run-definition.js';
import { missingScopes } from './scopes.js';

type Params = Readonly<Record<string, unknown>>;
type Result = Record<string, unknown>;
type Handler = (params: Params, call: Call) => Promise<Result> | Result;

/** The methods that both eras answer alike; the key is the MCP method name. */
export type Handlers = Readonly<Record<SharedMethod, Handler>>;

export type SharedMethod =
  | 'tools/list'
  | 'tools/call'
  | 'resources/list'
  | 'resources/templates/list'
  | 'resources/read'
  | 'prompts/list'
  | 'prompts/get'
  | 'completion/complete';

export interface HandlerOptions extends CallToolOptions {
  readonly catalog: Catalog;
  /** Scopes every call needs. */
  readonly requiredScopes: readonly string[];
}

export function createHandlers(options: HandlerOptions): Handlers {
  const { catalog } = options;
  const lists = createLists(options);
  return {
    ...lists,

    'tools/call': (params, call) => {
      const tool = catalog.tools.get(String(params['name']));
      if (!tool) throw new RpcError(INVALID_PARAMS, 'Unknown tool');
      requireScopes(call, tool.definition.scopes, options);
      return callTool(tool, params['arguments'], call, options);
    },

    'resources/read': async (params, call) => {
      const uri = String(params['uri']);
      const found = catalog.findResource(uri);
      if (!found) throw new RpcError(INVALID_PARAMS, 'Resource not found');
      const { definition } = found.resource;
      requireScopes(call, definition.scopes, options);
      await call.audit.received();
      const contents = await runDefinition(call, options, (context) =>
        definition.read(uri, found.variables, context),
      );
      if (!contents) throw new RpcError(INVALID_PARAMS, 'Resource not found');
      return capped({ contents: Array.isArray(contents) ? contents : [contents] }, options);
    },

    'prompts/get': async (params, call) => {
      const prompt = catalog.prompts.get(String(params['name']));
      if (!prompt) throw new RpcError(INVALID_PARAMS, 'Unknown prompt');
      const { definition } = prompt;
      requireScopes(call, definition.scopes, options);
      const args = (params['arguments'] ?? {}) as Record<string, string>;
      const missing = definition.arguments.find(({ name, required }) => required && args[name] === undefined);
      if (missing) throw new RpcError(INVALID_PARAMS, `Missing argument: ${missing.name}`);
      await call.audit.received();
      const messages = await runDefinition(call, options, (context) => definition.render(args, context));
      return capped({ description: definition.description, messages }, options);
    },

    'completion/complete': (params, call) => complete(params, call, options),
  };
}

/** A tool's result is capped where it is made; it has an error of its own. */
function capped(result: Result, { maxResultBytes }: HandlerOptions): Result {
  if (Buffer.byteLength(JSON.stringify(result)) <= maxResultBytes) return result;
  throw new RpcError(INTERNAL_ERROR, `The result is larger than ${maxResultBytes} bytes`);
}

/** HTTP has refused such a call already; stdio has no layers, and no way in may miss the check. */
function requireScopes(call: Call, scopes: readonly string[], { requiredScopes }: HandlerOptions): void {
  if (missingScopes(call.caller, [...requiredScopes, ...scopes]).length === 0) return;
  throw new RpcError(INVALID_PARAMS, 'Insufficient scope');
}

/** The handler of each MCP method, for both eras. An era only translates requests and results. */
import { type Call, INVALID_PARAMS, type Params, RpcError } from './call.js';
import { callTool } from './call-tool.js';
import { complete, createLists, type ListOptions } from '../definitions/lists.js';
import { requireResult } from './require-result.js';
import { runDefinition } from './run-definition.js';
import { unknownNames } from '../definitions/closed.js';
import { type Guarded, mayCall } from '../definitions/scopes.js';
import type { PromptDefinition } from '../definitions/tool.js';

export type Handlers = ReturnType<typeof createHandlers>;
export type SharedMethod = keyof Handlers;

/** The methods that both eras answer alike; the key is the MCP method name. */
export function createHandlers(options: ListOptions) {
  const { catalog } = options;
  return {
    ...createLists(options),

    'tools/call': (params: Params, call: Call) => {
      const tool = callable(call, catalog.tools.get(String(params['name'])), 'Unknown tool');
      return callTool(tool, params['arguments'], call, options);
    },

    'resources/read': async (params: Params, call: Call) => {
      const uri = String(params['uri']);
      const found = catalog.findResource(uri);
      const { definition } = callable(call, found?.resource, 'Resource not found');
      await call.audit.received();
      return runDefinition(call, options, async (context) => {
        const read = await definition.read(uri, found?.variables ?? {}, context);
        if (!read) throw new RpcError(INVALID_PARAMS, 'Resource not found');
        const result = 'contents' in read ? read : { contents: [read].flat() };
        return requireResult('ReadResourceResult', { ...result }, call, options);
      });
    },

    'prompts/get': async (params: Params, call: Call) => {
      const { definition } = callable(call, catalog.prompts.get(String(params['name'])), 'Unknown prompt');
      const args = (params['arguments'] ?? {}) as Record<string, string>;
      requireKnown(Object.keys(args), definition);
      const missing = definition.arguments.find(({ name, required }) => required && args[name] === undefined);
      if (missing) throw new RpcError(INVALID_PARAMS, `Missing argument: ${missing.name}`);
      await call.audit.received();
      const { description } = definition;
      return runDefinition(call, options, async (context) => {
        const rendered = await definition.render(args, context);
        const result = 'messages' in rendered ? rendered : { messages: rendered };
        return requireResult('GetPromptResult', { description, ...result }, call, options);
      });
    },

    'completion/complete': (params: Params, call: Call) => complete(params, call, options),
  };
}

/** A prompt has no schema: its arguments are closed here, as those of a tool are. */
function requireKnown(given: readonly string[], { arguments: args }: PromptDefinition): void {
  const known = args.map(({ name }) => name);
  const unknown = given.filter((name) => !known.includes(name));
  if (unknown.length > 0)
    throw new RpcError(INVALID_PARAMS, `Invalid arguments: / ${unknownNames(unknown, known)}`);
}

/** Over HTTP `authorize` has checked this already. Stdio has no layers, so the check is repeated here. */
function callable<G extends Guarded>(call: Call, guarded: G | undefined, unknown: string): G {
  if (!guarded) throw new RpcError(INVALID_PARAMS, unknown);
  if (!mayCall(call.caller, guarded)) throw new RpcError(INVALID_PARAMS, 'Insufficient scope');
  return guarded;
}

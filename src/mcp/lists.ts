/** The list methods: one page each, of what the caller may see. */
import type { Caller } from '../identity/caller.js';
import { type Call, INVALID_PARAMS, RpcError } from './call.js';
import type { Handlers, HandlerOptions } from './handlers.js';
import { runDefinition } from './run-definition.js';
import { mayList, missingScopes } from './scopes.js';

interface Listed {
  readonly definition: { readonly scopes: readonly string[] };
  readonly entry: object;
}

type ListMethod = 'tools/list' | 'resources/list' | 'resources/templates/list' | 'prompts/list';

export function createLists(options: HandlerOptions): Pick<Handlers, ListMethod> {
  const { catalog, requiredScopes } = options;
  const templates = catalog.resources.filter(({ template }) => template.isTemplate);
  const fixed = catalog.resources.filter(({ template }) => !template.isTemplate);
  const shown = (listed: readonly Listed[], caller: Caller) =>
    listed
      .filter(({ definition }) => mayList(caller, [...requiredScopes, ...definition.scopes]))
      .map(({ entry }) => entry);

  /** A list that only the caller's scopes decide. */
  const list = (key: string, listed: readonly Listed[]) => {
    return (params: Readonly<Record<string, unknown>>, { caller }: Call) => {
      refuseCursor(params);
      return { [key]: shown(listed, caller) };
    };
  };

  return {
    'tools/list': list('tools', [...catalog.tools.values()]),
    'resources/templates/list': list('resourceTemplates', templates),
    'prompts/list': list('prompts', [...catalog.prompts.values()]),

    'resources/list': async (params, call) => {
      refuseCursor(params);
      const resources = shown(fixed, call.caller);
      for (const template of templates) {
        const { scopes, list: concrete } = template.definition;
        // Names of documents are data: unlike the tools, a token must hold the scope to see them.
        if (!concrete || missingScopes(call.caller, [...requiredScopes, ...scopes]).length > 0) continue;
        resources.push(...(await runDefinition(call, options, concrete)));
      }
      return { resources };
    },
  };
}

/** Every list is one page, so no cursor was ever given out. */
function refuseCursor(params: Readonly<Record<string, unknown>>): void {
  if (params['cursor'] !== undefined) throw new RpcError(INVALID_PARAMS, 'Invalid cursor');
}

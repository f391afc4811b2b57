/** The list methods: one page each, prepared once per set of scopes. */
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
  const visible = (caller: Caller, { definition }: Listed) =>
    mayList(caller, [...requiredScopes, ...definition.scopes]);

  /** A list that only the caller's scopes decide. */
  const list = (key: string, listed: readonly Listed[]) => {
    const prepared = new Map<string, Record<string, unknown>>();
    return (params: Readonly<Record<string, unknown>>, { caller }: Call) => {
      refuseCursor(params);
      const scopes =
        caller.method === 'jwt' ? '*' : catalog.scopes.filter((s) => caller.scopes.includes(s)).join(' ');
      let result = prepared.get(scopes);
      if (!result) {
        result = { [key]: listed.filter((one) => visible(caller, one)).map(({ entry }) => entry) };
        if (prepared.size < MAX_PREPARED) prepared.set(scopes, result);
      }
      return result;
    };
  };

  return {
    'tools/list': list('tools', [...catalog.tools.values()]),
    'resources/templates/list': list('resourceTemplates', templates),
    'prompts/list': list('prompts', [...catalog.prompts.values()]),

    'resources/list': async (params, call) => {
      refuseCursor(params);
      const resources = fixed.filter((one) => visible(call.caller, one)).map(({ entry }) => entry);
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

/** Sets of scopes are as many as callers make them; a bound keeps them from filling the memory. */
const MAX_PREPARED = 256;

/** Every list is one page, so no cursor was ever given out. */
function refuseCursor(params: Readonly<Record<string, unknown>>): void {
  if (params['cursor'] !== undefined) throw new RpcError(INVALID_PARAMS, 'Invalid cursor');
}

/** The list methods, each one page of what the caller may see, and `completion/complete`. */
import type { Caller } from '../../identity/caller.js';
import { type Call, INVALID_PARAMS, type Params, RpcError } from '../calls/call.js';
import { requireResult } from '../calls/require-result.js';
import { runDefinition, type RunOptions } from '../calls/run-definition.js';
import type { Catalog } from './catalog.js';
import { type Guarded, mayCall, mayList } from './scopes.js';

export interface ListOptions extends RunOptions {
  readonly catalog: Catalog;
}

type Listed = Guarded & { readonly entry: object };

export function createLists(options: ListOptions) {
  const { catalog } = options;
  const templates = catalog.resources.filter(({ template }) => template.isTemplate);
  const fixed = catalog.resources.filter(({ template }) => !template.isTemplate);
  const shown = (listed: readonly Listed[], caller: Caller) =>
    listed.filter((one) => mayList(caller, one)).map(({ entry }) => entry);

  /** A list that depends only on the caller's scopes. */
  const list = (key: string, listed: readonly Listed[]) => {
    return (params: Params, { caller }: Call) => {
      refuseCursor(params);
      return { [key]: shown(listed, caller) };
    };
  };

  return {
    'tools/list': list('tools', [...catalog.tools.values()]),
    'resources/templates/list': list('resourceTemplates', templates),
    'prompts/list': list('prompts', [...catalog.prompts.values()]),

    'resources/list': async (params: Params, call: Call) => {
      refuseCursor(params);
      return runDefinition(call, options, async (context) => {
        const resources = shown(fixed, call.caller);
        for (const template of templates) {
          const { list: concrete } = template.definition;
          // Names of documents are data: unlike for tools, even a token needs the scope to see them.
          if (concrete && mayCall(call.caller, template)) resources.push(...(await concrete(context)));
        }
        return requireResult('ListResourcesResult', { resources }, call, options);
      });
    },
  };
}

/** Every list is one page, so no cursor can be ours. */
function refuseCursor(params: Params): void {
  if (params['cursor'] !== undefined) throw new RpcError(INVALID_PARAMS, 'Invalid cursor');
}

const MAX_VALUES = 100; // MCP, completion, response

/** Candidate values for prompt arguments and template variables. */
export async function complete(params: Params, call: Call, options: ListOptions) {
  const { name, value } = params['argument'] as { name: string; value: string };
  const { guarded, completer } = findCompleter(params['ref'] as Reference, name, options);
  if (!completer || !mayCall(call.caller, guarded))
    return { completion: { values: [], total: 0, hasMore: false } };

  return runDefinition(call, options, async (context) => {
    const candidates = await completer(value, context);
    const values = candidates.filter((candidate) => candidate.toLowerCase().startsWith(value.toLowerCase()));
    const shown = values.slice(0, MAX_VALUES);
    const completion = { values: shown, total: values.length, hasMore: values.length > MAX_VALUES };
    return requireResult('CompleteResult', { completion }, call, options);
  });
}

type Reference =
  | { readonly type: 'ref/prompt'; readonly name: string }
  | { readonly type: 'ref/resource'; readonly uri: string };

function findCompleter(ref: Reference, argument: string, { catalog }: ListOptions) {
  if (ref.type === 'ref/prompt') {
    const guarded = catalog.prompts.get(ref.name);
    if (!guarded) throw new RpcError(INVALID_PARAMS, 'Unknown prompt');
    const found = guarded.definition.arguments.find(({ name }) => name === argument);
    return { guarded, completer: found?.complete };
  }
  const guarded = catalog.resources.find(({ definition }) => definition.uri === ref.uri);
  if (!guarded) throw new RpcError(INVALID_PARAMS, 'Unknown resource template');
  const { complete: completers = {} } = guarded.definition;
  return { guarded, completer: Object.hasOwn(completers, argument) ? completers[argument] : undefined };
}

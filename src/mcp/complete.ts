/** `completion/complete`: candidate values for prompt arguments and template variables. */
import { type Call, INVALID_PARAMS, RpcError } from './call.js';
import type { HandlerOptions } from './handlers.js';
import { runDefinition } from './run-definition.js';
import { missingScopes } from './scopes.js';
import type { Completer } from './tool.js';

const MAX_VALUES = 100; // MCP, completion, response

interface Target {
  readonly scopes: readonly string[];
  readonly completer: Completer | undefined;
}

export async function complete(
  params: Readonly<Record<string, unknown>>,
  call: Call,
  options: HandlerOptions,
): Promise<Record<string, unknown>> {
  const { name, value } = params['argument'] as { name: string; value: string };
  const target = findTarget(params['ref'] as Reference, name, options);
  const { scopes, completer } = target;
  const allowed = missingScopes(call.caller, [...options.requiredScopes, ...scopes]).length === 0;
  if (!completer || !allowed) return { completion: { values: [], total: 0, hasMore: false } };

  const candidates = await runDefinition(call, options, (context) => completer(value, context));
  const values = candidates.filter((candidate) => candidate.toLowerCase().startsWith(value.toLowerCase()));
  const shown = values.slice(0, MAX_VALUES);
  return { completion: { values: shown, total: values.length, hasMore: values.length > MAX_VALUES } };
}

type Reference =
  | { readonly type: 'ref/prompt'; readonly name: string }
  | { readonly type: 'ref/resource'; readonly uri: string };

function findTarget(ref: Reference, argument: string, { catalog }: HandlerOptions): Target {
  if (ref.type === 'ref/prompt') {
    const prompt = catalog.prompts.get(ref.name);
    if (!prompt) throw new RpcError(INVALID_PARAMS, 'Unknown prompt');
    const { scopes, arguments: args } = prompt.definition;
    return { scopes, completer: args.find(({ name }) => name === argument)?.complete };
  }
  const resource = catalog.resources.find(({ definition }) => definition.uri === ref.uri);
  if (!resource) throw new RpcError(INVALID_PARAMS, 'Unknown resource template');
  const { scopes, complete: completers } = resource.definition;
  return {
    scopes,
    completer: completers && Object.hasOwn(completers, argument) ? completers[argument] : undefined,
  };
}

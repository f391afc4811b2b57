/** Whether a tool's own `authorize` permits a call. */
import type { CompiledTool } from '../definitions/catalog.js';
import { ToolError } from '../definitions/tool.js';
import { type Call, INVALID_PARAMS, RpcError, URL_REQUIRED } from './call.js';
import { type RunOptions, runDefinition } from './run-definition.js';

/** The words that refuse the call to this caller; `undefined` where it is permitted. Whatever fails here refuses. */
export async function refusalOf(
  { definition: { authorize } }: CompiledTool,
  value: Record<string, unknown>,
  call: Call,
  options: RunOptions,
): Promise<string | undefined> {
  if (!authorize) return undefined;
  const generic = `Not permitted (request ${call.requestId})`;
  try {
    await runDefinition(call, options, async (context) => {
      const permission: unknown = await authorize(value, context);
      if (permission !== true) throw new ToolError(typeof permission === 'string' ? permission : generic);
    });
    return undefined;
  } catch (error) {
    if (!(error instanceof RpcError) || error.code === URL_REQUIRED) throw error;
    if (!call.cancellation.isCancelled) call.audit.note({ decision: 'deny', reason: 'not_permitted' });
    return error.code === INVALID_PARAMS ? error.message : generic;
  }
}

/** The one function that calls one tool, for both eras and for stdio. */
import { type Call, internalError, RpcError } from './call.js';
import type { CompiledTool } from '../definitions/catalog.js';
import { requireResult } from './require-result.js';
import { type RunOptions, runDefinition } from './run-definition.js';
import type { Meta, ToolResult } from '../definitions/tool.js';

/** MCP `CallToolResult`. */
type CallToolResult = {
  content: readonly unknown[];
  structuredContent?: Record<string, unknown>;
  isError?: boolean;
  _meta?: Meta;
};

/**
 * Checks the arguments, waits for the audit, runs the tool, checks its result and its size. Errors that the model can correct
 * (bad arguments, a `ToolError`, a time-out) become a result with `isError` (MCP 2025-11-25, tools, error handling).
 */
export async function callTool(
  tool: CompiledTool,
  args: unknown,
  call: Call,
  options: RunOptions,
): Promise<CallToolResult> {
  const { definition, input } = tool;
  const checked = input.check(args ?? {});
  if (!checked.ok) return toolFailure(`Invalid arguments: ${checked.problems}`);

  await call.audit.received();
  try {
    const value = checked.value as Record<string, unknown>;
    return await runDefinition(call, options, async (context) => {
      const result = shape(tool, await definition.run(value, context), call, options);
      return requireResult('CallToolResult', result, call, options);
    });
  } catch (error) {
    if (error instanceof RpcError) return toolFailure(error.message);
    throw error;
  }
}

function shape(tool: CompiledTool, result: ToolResult, call: Call, options: RunOptions): CallToolResult {
  if (typeof result === 'string') result = { content: [{ type: 'text', text: result }] };
  if (typeof result !== 'object' || Array.isArray(result)) throw new TypeError('not the result of a tool');
  const meta = result._meta && { _meta: result._meta };
  if (!tool.output) return { content: result.content ?? [], ...meta };

  const checked = tool.output.check(result.structuredContent);
  if (!checked.ok) {
    const { requestId } = call;
    options.logger.error({ requestId, tool: tool.definition.name, problems: checked.problems }, 'bad output');
    throw internalError(requestId);
  }
  const structuredContent = checked.value as Record<string, unknown>;
  // For clients that ignore structured content (MCP 2025-06-18, structured content, SHOULD).
  const content = result.content ?? [{ type: 'text', text: JSON.stringify(structuredContent) }];
  return { content, structuredContent, ...meta };
}

/** An error that the model can read and react to. */
export function toolFailure(text: string): CallToolResult {
  return { content: [{ type: 'text', text }], isError: true };
}

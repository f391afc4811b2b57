/** The one function that calls one tool, for both eras and for stdio. */
import { type Call, internalError, type Params, type Result, RpcError, URL_REQUIRED } from './call.js';
import type { CompiledTool } from '../definitions/catalog.js';
import { refusalOf } from './permission.js';
import { type CallToolResult, requireResult } from './require-result.js';
import { type RunOptions, runDefinition } from './run-definition.js';
import { extensionRequired, TASKS } from '../extensions/extension.js';
import type { ToolResult } from '../definitions/tool.js';

/**
 * Checks the arguments, asks the tool's `authorize`, waits for the audit, runs the tool, checks its result and its size.
 * Errors that the model can correct (bad arguments, a `ToolError`, a time-out) become a result with `isError`
 * (MCP 2025-11-25, tools, error handling).
 */
export async function callTool(
  tool: CompiledTool,
  args: unknown,
  call: Call,
  options: RunOptions,
): Promise<CallToolResult | Result> {
  const { definition, input } = tool;
  if (definition.task === 'always' && !call.asTask) throw extensionRequired(TASKS);
  const checked = input.check(args ?? {});
  if (!checked.ok) return toolFailure(`Invalid arguments: ${checked.problems}`);

  const value = checked.value as Record<string, unknown>;
  const refusal = await refusalOf(tool, value, call, options);
  if (refusal !== undefined) return toolFailure(refusal);

  await call.audit.received();
  const run = (way: Call) => runTool(tool, value, way, options);
  return call.asTask && (definition.task ?? 'never') !== 'never' ? call.asTask(tool, call, run) : run(call);
}

async function runTool(
  tool: CompiledTool,
  value: Params,
  call: Call,
  options: RunOptions,
): Promise<CallToolResult> {
  const timeoutMs = call.timeoutMs ?? options.timeoutMs;
  try {
    return await runDefinition(call, { ...options, timeoutMs }, async (context) => {
      const result = shape(tool, await tool.definition.run(value, context), call, options);
      return requireResult('CallToolResult', result, call, options);
    });
  } catch (error) {
    if (!(error instanceof RpcError) || error.code === URL_REQUIRED) throw error;
    return toolFailure(error.message);
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

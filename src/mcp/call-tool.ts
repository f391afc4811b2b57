/** The one function that calls one tool, for both eras and for stdio. */
import { type Call, INTERNAL_ERROR, RpcError } from './call.js';
import type { CompiledTool } from './catalog.js';
import { type RunOptions, runDefinition } from './run-definition.js';
import { ToolError, type ToolResult } from './tool.js';

export interface CallToolOptions extends RunOptions {
  /** Largest result in bytes of JSON; a larger one is replaced by an error. */
  readonly maxResultBytes: number;
}

/** MCP `CallToolResult`. */
export type CallToolResult = {
  content: readonly unknown[];
  structuredContent?: Record<string, unknown>;
  isError?: boolean;
};

/**
 * Checks the arguments, waits for the audit, runs the tool, checks and caps its result.
 * What the model can mend (bad arguments, a `ToolError`, a time-out) is a result with `isError`
 * (MCP 2025-11-25, tools, error handling).
 */
export async function callTool(
  tool: CompiledTool,
  args: unknown,
  call: Call,
  options: CallToolOptions,
): Promise<CallToolResult> {
  const { definition, input } = tool;
  const checked = input.check(args ?? {});
  if (!checked.ok) return failure(`Invalid arguments: ${checked.problems}`);

  await call.audit.received();
  try {
    const value = checked.value as Record<string, unknown>;
    const result = await runDefinition(call, options, (context) => definition.run(value, context));
    return cap(shape(tool, result, call, options), options.maxResultBytes);
  } catch (error) {
    if (error instanceof ToolError || error instanceof RpcError) return failure(error.message);
    throw error;
  }
}

function shape(
  tool: CompiledTool,
  result: ToolResult,
  call: Call,
  { logger }: CallToolOptions,
): CallToolResult {
  if (typeof result === 'string') result = { content: [{ type: 'text', text: result }] };
  if (!tool.output) return { content: result.content ?? [] };

  const checked = tool.output.check(result.structuredContent);
  if (!checked.ok) {
    logger.error(
      { requestId: call.requestId, tool: tool.definition.name, problems: checked.problems },
      'bad output',
    );
    throw new RpcError(INTERNAL_ERROR, `Internal error (request ${call.requestId})`);
  }
  const structuredContent = checked.value as Record<string, unknown>;
  // Clients that know no structured content read its JSON (MCP 2025-06-18, structured content, SHOULD).
  const content = result.content ?? [{ type: 'text', text: JSON.stringify(structuredContent) }];
  return { content, structuredContent };
}

function cap(result: CallToolResult, maxBytes: number): CallToolResult {
  if (Buffer.byteLength(JSON.stringify(result)) <= maxBytes) return result;
  return failure(`The result is larger than ${maxBytes} bytes`);
}

function failure(text: string): CallToolResult {
  return { content: [{ type: 'text', text }], isError: true };
}

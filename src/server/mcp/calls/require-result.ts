/** Refuses a result that violates MCP's schema for its method, or whose JSON is too large. */
import type { Meta } from '../definitions/tool.js';
import { isSpecType } from '@modelcontextprotocol/server';
import { type Call, INTERNAL_ERROR, RpcError } from './call.js';

type ResultType =
  | 'CallToolResult'
  | 'CompleteResult'
  | 'GetPromptResult'
  | 'ListResourcesResult'
  | 'ReadResourceResult';

/** MCP `CallToolResult`. */
export type CallToolResult = {
  content: readonly unknown[];
  structuredContent?: Record<string, unknown>;
  isError?: boolean;
  _meta?: Meta;
};

/**
 * The same check for both eras and stdio: the SDKs treat an invalid result differently, or send it to the client.
 *
 * @throws {TypeError} for an invalid result, or one without JSON (a cycle, a BigInt, a getter that throws)
 * @throws {RpcError} for a result that is too large
 * @throws {RefusedRequest} `overloaded` when there is no room for it beside the answers that clients have not read
 */
export function requireResult<T extends object>(
  type: ResultType,
  result: T,
  { made }: Call,
  { maxResultBytes }: { readonly maxResultBytes: number },
): T {
  const json = JSON.stringify(result);
  if (!isSpecType[type](result)) throw new TypeError(`not a valid ${type}`);
  if (Buffer.byteLength(json) > maxResultBytes) throw tooLarge(maxResultBytes);
  made?.take(json.length);
  return result;
}

export function tooLarge(maxResultBytes: number): RpcError {
  return new RpcError(INTERNAL_ERROR, `The result is larger than ${maxResultBytes} bytes`);
}

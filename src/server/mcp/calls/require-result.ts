/** What a definition made must be a result of its method, by MCP's own schema, and as JSON not too large. */
import { isSpecType } from '@modelcontextprotocol/server';
import { type Call, INTERNAL_ERROR, RpcError } from './call.js';

type ResultType =
  | 'CallToolResult'
  | 'CompleteResult'
  | 'GetPromptResult'
  | 'ListResourcesResult'
  | 'ReadResourceResult';

/**
 * One check for every way in: each SDK makes something else of a wrong result, or lets it through to the client.
 *
 * @throws {TypeError} for what is no such result, or no JSON (a cycle, a BigInt, a getter that throws)
 * @throws {RpcError} for a result that is too large
 * @throws {RefusedRequest} `overloaded` for one that finds no room beside those that nobody has read yet
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

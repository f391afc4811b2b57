/** Checks the headers that mirror the body (`Mcp-Method`, `Mcp-Name`, `Mcp-Param-*`): a gateway may act on them. */
import type { IncomingHttpHeaders } from 'node:http';
import { RefusedRequest } from '../../refusal.js';
import type { CompiledTool } from '../definitions/catalog.js';
import type { Envelope } from './message.js';
import { decodeHeaderValue, type Mirrored, mirroredValue } from './param-headers.js';

/** Methods whose `Mcp-Name` mirrors `params.name`, `.uri` or `.taskId` (MCP 2026-07-28, standard request headers; SEP-2663). */
const NAMED_METHODS = new Set(
  'tools/call prompts/get resources/read tasks/get tasks/update tasks/cancel'.split(' '),
);

/**
 * @param required whether a missing header is a mismatch, as in 2026; earlier, only a false one is
 * @throws {RefusedRequest} `header_mismatch`
 */
export function requireTrueHeaders(
  headers: IncomingHttpHeaders,
  { method, target, message }: Pick<Envelope, 'method' | 'target' | 'message'>,
  tool: CompiledTool | undefined,
  required: boolean,
): void {
  compare('mcp-method', headers, method, required);
  compare('mcp-name', headers, NAMED_METHODS.has(method ?? '') ? target : undefined, required);
  for (const { header, path } of tool?.paramHeaders ?? []) {
    compare(header, headers, mirroredValue(message?.params?.['arguments'], path), required);
  }
}

function compare(
  header: string,
  headers: IncomingHttpHeaders,
  expected: Mirrored | undefined,
  required: boolean,
): void {
  const sent = headers[header];
  if (sent === undefined) {
    if (required && expected !== undefined) throw mismatch(header, 'missing');
    return;
  }
  const decoded = decodeHeaderValue(String(sent));
  if (decoded === undefined) throw mismatch(header, 'invalid_characters');
  if (expected === undefined || !isSame(decoded, expected)) throw mismatch(header, 'differs_from_body');
}

/** Numbers compare by value: `42.0` equals `42` (MCP 2026-07-28, server validation, SHOULD). Strings compare as text. */
function isSame(sent: string, expected: Mirrored): boolean {
  if (sent === String(expected)) return true;
  return typeof expected === 'number' && /^-?\d+(\.\d+)?$/.test(sent) && Number(sent) === expected;
}

function mismatch(header: string, reason: string): RefusedRequest {
  return new RefusedRequest('header_mismatch', {
    detail: { header, reason },
    message: `Header mismatch: ${header}`,
  });
}

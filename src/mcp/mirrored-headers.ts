/** Headers that mirror the body (`Mcp-Method`, `Mcp-Name`, `Mcp-Param-*`): a gateway may act on them, so they must be true. */
import type { IncomingHttpHeaders } from 'node:http';
import { RefusedRequest } from '../refusal.js';
import type { CompiledTool } from './catalog.js';
import type { Envelope } from './message.js';
import { decodeHeaderValue, mirroredValue } from './param-headers.js';

/** Methods whose `Mcp-Name` mirrors `params.name` or `params.uri` (MCP 2026-07-28, standard request headers). */
const NAMED_METHODS = new Set(['tools/call', 'prompts/get', 'resources/read']);

/**
 * @param required whether absence is a mismatch: it is for 2026 requests; before, the headers need only not lie
 * @throws {RefusedRequest} `header_mismatch`
 */
export function requireTrueHeaders(
  headers: IncomingHttpHeaders,
  { method, target, message }: Pick<Envelope, 'method' | 'target' | 'message'>,
  tool: CompiledTool | undefined,
  required: boolean,
): void {
  compare('mcp-method', headers, method, required, sameText);
  compare('mcp-name', headers, NAMED_METHODS.has(method ?? '') ? target : undefined, required, sameText);
  for (const { header, path } of tool?.paramHeaders ?? []) {
    compare(header, headers, mirroredValue(message?.params?.['arguments'], path), required, sameValue);
  }
}

function compare(
  header: string,
  headers: IncomingHttpHeaders,
  expected: string | undefined,
  required: boolean,
  same: (a: string, b: string) => boolean,
): void {
  const sent = headers[header];
  if (sent === undefined) {
    if (required && expected !== undefined) throw mismatch(header, 'missing');
    return;
  }
  const decoded = decodeHeaderValue(String(sent));
  if (decoded === undefined) throw mismatch(header, 'invalid_characters');
  if (expected === undefined || !same(decoded, expected)) throw mismatch(header, 'differs_from_body');
}

function sameText(a: string, b: string): boolean {
  return a === b;
}

/** `42.0` and `42` are equal (MCP 2026-07-28, server validation, SHOULD). */
function sameValue(a: string, b: string): boolean {
  return a === b || (/^-?\d+(\.\d+)?$/.test(a) && /^-?\d+$/.test(b) && Number(a) === Number(b));
}

function mismatch(header: string, reason: string): RefusedRequest {
  return new RefusedRequest('header_mismatch', {
    detail: { header, reason },
    message: `Header mismatch: ${header}`,
  });
}

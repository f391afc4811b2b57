/** Reads a request in MCP's terms, once for everything after it, and refuses contradictions. */
import type { Request, RequestHandler } from 'express';
import { RefusedRequest } from '../../refusal.js';
import type { Catalog } from '../definitions/catalog.js';
import { eraClassifier } from './classify-era.js';
import { readMessage } from './json-rpc.js';
import type { Envelope, JsonRpcMessage } from './message.js';
import { requireTrueHeaders } from './mirrored-headers.js';

export const VERSIONS_2026: readonly string[] = ['2026-07-28'];
export const VERSIONS_2025: readonly string[] = ['2025-11-25', '2025-06-18', '2025-03-26', '2024-11-05'];

/**
 * Sets `req.envelope`.
 *
 * @param ssePaths the endpoints of HTTP+SSE
 * @throws {RefusedRequest} `malformed_message`, `header_mismatch`, `unsupported_version`, `method_not_allowed`
 */
export function envelope(catalog: Catalog, ssePaths: readonly string[] = []): RequestHandler {
  const eraOf = eraClassifier();
  return function envelope(req, _res, next) {
    const read = req.method === 'POST' ? readPost(req, catalog, eraOf) : readSessionOperation(req);
    req.envelope = ssePaths.includes(req.path) ? overSse(req, read) : read;
    const { era, method, protocolVersion } = req.envelope;
    req.audit.note({
      'mcp.era': era,
      ...(method !== undefined && { 'mcp.method.name': method }),
      ...(protocolVersion !== undefined && { 'mcp.protocol.version': protocolVersion }),
    });
    next();
  };
}

/** GET and DELETE belong to revisions up to 2025-11-25. */
function readSessionOperation(req: Request): Envelope {
  const protocolVersion = header(req, 'mcp-protocol-version');
  if (protocolVersion !== undefined && VERSIONS_2026.includes(protocolVersion)) {
    throw new RefusedRequest('method_not_allowed', { headers: { Allow: 'POST' } });
  }
  requireVersion(protocolVersion, VERSIONS_2025);
  return { era: '2025', kind: req.method === 'GET' ? 'stream' : 'end', ...common(req, protocolVersion) };
}

/** HTTP+SSE names the session in the query of its second endpoint (MCP 2024-11-05, transports). */
function overSse(req: Request, read: Envelope): Envelope {
  if (read.era === '2026')
    throw new RefusedRequest('malformed_message', { message: 'HTTP+SSE ends with revision 2025-11-25' });
  if (read.sessionId !== undefined)
    throw new RefusedRequest('malformed_message', { message: 'HTTP+SSE takes no Mcp-Session-Id' });
  const sessionId = new URLSearchParams(req.originalUrl.split('?')[1]).get('sessionId');
  return { ...read, isSse: true, sessionId: sessionId ?? '' };
}

function readPost(req: Request, catalog: Catalog, eraOf: ReturnType<typeof eraClassifier>): Envelope {
  const { kind, message } = readMessage(req.body);
  const { id, method } = message;
  try {
    const era = eraOf(message, header(req, 'mcp-protocol-version'));
    const is2026Request = era === '2026' && kind === 'request';
    const target = targetOf(message);
    const protocolVersion =
      era === '2026' ? claimedVersion(req, message) : header(req, 'mcp-protocol-version');
    requireVersion(protocolVersion, era === '2026' ? VERSIONS_2026 : VERSIONS_2025);
    const read: Envelope = {
      era,
      kind,
      message,
      ...(id !== undefined && { id }),
      ...(method !== undefined && { method }),
      ...(target !== undefined && { target }),
      ...common(req, protocolVersion),
    };
    if (is2026Request) requireVersionHeader(req);
    const tool = method === 'tools/call' ? catalog.tools.get(target ?? '') : undefined;
    if (kind !== 'response') requireTrueHeaders(req.headers, read, tool, is2026Request);
    return read;
  } catch (error) {
    if (kind !== 'request' || id === undefined || !(error instanceof RefusedRequest)) throw error;
    throw new RefusedRequest(error.code, { ...error.options, id });
  }
}

function claimedVersion(req: Request, { params }: JsonRpcMessage): string | undefined {
  const meta = params?.['_meta'] as Readonly<Record<string, unknown>> | undefined;
  const claimed = meta?.['io.modelcontextprotocol/protocolVersion'];
  return typeof claimed === 'string' ? claimed : header(req, 'mcp-protocol-version');
}

function requireVersion(version: string | undefined, supported: readonly string[]): void {
  if (version === undefined || supported.includes(version)) return;
  // The schema of -32022 includes the requested version; we repeat only what looks like one.
  const requested = /^[\w.-]{1,32}$/.test(version) ? version : undefined;
  const data = { supported, ...(requested && { requested }) };
  throw new RefusedRequest('unsupported_version', { data });
}

/** MCP 2026-07-28, streamable HTTP, protocol version header: MUST. */
function requireVersionHeader(req: Request): void {
  if (header(req, 'mcp-protocol-version') !== undefined) return;
  throw new RefusedRequest('header_mismatch', { message: 'Header mismatch: mcp-protocol-version' });
}

function targetOf({ method, params }: JsonRpcMessage): string | undefined {
  if (method?.startsWith('tasks/')) return textOf(params?.['taskId']);
  const target = method === 'tools/call' || method === 'prompts/get' ? params?.['name'] : params?.['uri'];
  return textOf(target);
}

const textOf = (value: unknown) => (typeof value === 'string' ? value : undefined);

function common(req: Request, protocolVersion: string | undefined) {
  const sessionId = header(req, 'mcp-session-id');
  return {
    ...(sessionId !== undefined && { sessionId }),
    ...(protocolVersion !== undefined && { protocolVersion }),
  };
}

function header(req: Request, name: string): string | undefined {
  const value = req.headers[name];
  return typeof value === 'string' ? value : undefined;
}

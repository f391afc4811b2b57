/** A request that passes every layer, and the ways to spoil it, byte by byte as it goes over the wire. */
import { parseRaw, type RawAnswer, rawRequest } from '../../helpers/raw-http.js';
import { KEYS } from './server.js';

type Lines = Readonly<Record<string, string | readonly string[] | null>>;
type Json = Readonly<Record<string, unknown>>;

export interface Change {
  readonly method?: string;
  readonly target?: string;
  readonly httpVersion?: string;
  /** Replaces headers; a list repeats one, `null` leaves it out. `{port}` becomes the port. */
  readonly headers?: Lines;
  readonly body?: string | Buffer | object;
  /** Instead of all else. */
  readonly raw?: string;
}

export const ID = 'call-1';
const VERSION = '2026-07-28';
const META = 'io.modelcontextprotocol/';

/** A JSON-RPC message of revision 2026-07-28. */
export function message2026(method: string, params: Json = {}, capabilities: Json = {}) {
  const _meta = { [`${META}protocolVersion`]: VERSION, [`${META}clientCapabilities`]: capabilities };
  return { jsonrpc: '2.0', id: ID, method, params: { ...params, _meta } };
}

/** Calls a tool in revision 2026-07-28. */
export function call2026(name: string): Change {
  return { headers: { 'Mcp-Name': name }, body: message2026('tools/call', { name, arguments: {} }) };
}

/** A request of revision 2025-11-25: no `_meta`, and none of the headers that came later. */
function request2025(method: string, params: Json = {}, headers: Lines = {}): Change {
  const none = { 'MCP-Protocol-Version': null, 'Mcp-Method': null, 'Mcp-Name': null };
  return { headers: { ...none, ...headers }, body: { jsonrpc: '2.0', id: ID, method, params } };
}

export const initialize: Change = request2025('initialize', {
  protocolVersion: '2025-11-25',
  capabilities: {},
  clientInfo: { name: 'test', version: '1' },
});

export const callTool2025 = (headers: Lines = {}): Change =>
  request2025('tools/call', { name: 'record', arguments: {} }, headers);

/** Without a body, as of a session's stream or end. */
export function bodiless(method: string, headers: Lines = {}): Change {
  const none = { 'Content-Type': null, 'MCP-Protocol-Version': null, 'Mcp-Method': null, 'Mcp-Name': null };
  return { method, headers: { ...none, ...headers }, body: '' };
}

/** The request on the wire: a call of the tool `record` with a good key, unless changed. */
export function wire(port: number, change: Change = {}): Buffer {
  const { method = 'POST', target = '/mcp', httpVersion = '1.1' } = change;
  if (change.raw !== undefined) return Buffer.from(change.raw.replaceAll('{port}', String(port)), 'latin1');
  const body = bytesOf(change.body ?? call2026('record').body ?? '');
  const headers: Lines = {
    Host: `127.0.0.1:${port}`,
    Connection: 'close',
    Authorization: `Bearer ${KEYS.good}`,
    Accept: 'application/json, text/event-stream',
    'Content-Type': 'application/json',
    'MCP-Protocol-Version': VERSION,
    'Mcp-Method': 'tools/call',
    'Mcp-Name': 'record',
    ...(body.length > 0 && { 'Content-Length': String(body.length) }),
    ...change.headers,
  };
  const lines = Object.entries(headers).flatMap(([name, value]) =>
    [value ?? []].flat().map((one) => `${name}: ${one}\r\n`),
  );
  const head = `${method} ${target} HTTP/${httpVersion}\r\n${lines.join('')}\r\n`;
  return Buffer.concat([Buffer.from(head.replaceAll('{port}', String(port)), 'latin1'), body]);
}

function bytesOf(body: string | Buffer | object): Buffer {
  if (Buffer.isBuffer(body)) return body;
  return Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
}

export interface Answer extends RawAnswer {
  /** Everything that came, headers included. */
  readonly received: string;
}

export async function send(port: number, change?: Change): Promise<Answer> {
  const received = await rawRequest(port, wire(port, change));
  return { ...parseRaw(received), received };
}

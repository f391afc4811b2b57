/** The requests that every server gets, byte for byte the same, and what their answers must contain. */
import type { IncomingHttpHeaders } from 'node:http';
import { send } from './load.js';

export type Era = '2025' | '2026';

export interface Exchange {
  readonly request: Buffer;
  readonly expected: string;
}

export interface Call {
  readonly era: Era;
  readonly token: string;
  readonly method: 'tools/call' | 'tools/list';
  /** Name of the tool. */
  readonly name?: string;
  readonly arguments?: object;
}

const TEXT = 'hello from the bench';
export const ECHO = { method: 'tools/call', name: 'echo', arguments: { text: TEXT } } as const;
export const LIST = { method: 'tools/list' } as const;

const VERSIONS = { '2025': '2025-11-25', '2026': '2026-07-28' } as const;
const CLIENT = { name: 'bench', version: '1.0.0' };
const META_2026 = {
  'io.modelcontextprotocol/protocolVersion': VERSIONS['2026'],
  'io.modelcontextprotocol/clientInfo': CLIENT,
  'io.modelcontextprotocol/clientCapabilities': {},
  'io.modelcontextprotocol/logLevel': 'info',
};

export function eraOf(headers: IncomingHttpHeaders): Era {
  return headers['mcp-protocol-version'] === VERSIONS['2026'] ? '2026' : '2025';
}

/** A session of its own for each exchange of revisions that have them; ids differ, as those of real clients do. */
export async function exchangesFor(port: number, call: Call, count: number): Promise<readonly Exchange[]> {
  const sessions = call.era === '2026' ? [] : await openSessions(port, call.token, count);
  return Array.from({ length: count }, (_, index) => exchangeFor(call, index, sessions[index]));
}

export function exchangeFor({ era, token, ...call }: Call, id: number, session?: string): Exchange {
  const { method, name } = call;
  const params = {
    ...(name !== undefined && { name, arguments: call.arguments }),
    ...(era === '2026' && { _meta: META_2026 }),
  };
  const headers = {
    'MCP-Protocol-Version': VERSIONS[era],
    ...(session !== undefined && { 'Mcp-Session-Id': session }),
    ...(era === '2026' && { 'Mcp-Method': method, ...(name !== undefined && { 'Mcp-Name': name }) }),
  };
  return {
    request: post(token, { jsonrpc: '2.0', id, method, params }, headers),
    expected: method === 'tools/list' ? '"tools":[' : '"structuredContent":{"',
  };
}

/** Ids of new sessions, opened a few at a time. */
export async function openSessions(port: number, token: string, count: number): Promise<readonly string[]> {
  const sessions: string[] = [];
  const openOne = async () => {
    const answer = await send(port, { request: initialize(token) });
    const [, session] = /\r\nmcp-session-id: *([^\r]+)/i.exec(answer) ?? [];
    if (session === undefined) throw new Error(`no session:\n${answer.slice(0, 600)}`);
    sessions.push(session);
  };
  const work = async () => {
    while (sessions.length < count) await openOne();
  };
  await Promise.all(Array.from({ length: Math.min(16, count) }, work));
  return sessions.slice(0, count);
}

/** The GET stream of a session. */
export function streamRequest(token: string, session: string): Buffer {
  const headers = { Accept: 'text/event-stream', 'Mcp-Session-Id': session };
  return Buffer.from(`GET /mcp HTTP/1.1\r\n${lines({ ...common(token), ...headers })}\r\n`);
}

/** A stream of changes of the 2026 era. */
export function listenRequest(token: string, id: number): Buffer {
  const method = 'subscriptions/listen';
  const params = { notifications: { toolsListChanged: true }, _meta: META_2026 };
  const headers = { 'MCP-Protocol-Version': VERSIONS['2026'], 'Mcp-Method': method };
  return post(token, { jsonrpc: '2.0', id, method, params }, headers);
}

function initialize(token: string): Buffer {
  const params = { protocolVersion: VERSIONS['2025'], capabilities: {}, clientInfo: CLIENT };
  return post(token, { jsonrpc: '2.0', id: 0, method: 'initialize', params }, {});
}

function post(token: string, message: object, headers: Record<string, string>): Buffer {
  const body = JSON.stringify(message);
  const all = {
    ...common(token),
    Accept: 'application/json, text/event-stream',
    'Content-Type': 'application/json',
    'Content-Length': String(Buffer.byteLength(body)),
    ...headers,
  };
  return Buffer.from(`POST /mcp HTTP/1.1\r\n${lines(all)}\r\n${body}`);
}

function common(token: string): Record<string, string> {
  return { Host: 'bench.example', Authorization: `Bearer ${token}`, 'User-Agent': 'bench' };
}

function lines(headers: Record<string, string>): string {
  return Object.entries(headers)
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join('');
}

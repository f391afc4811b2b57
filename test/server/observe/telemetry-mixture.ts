/** Tools, and a mixture of calls to them, of both eras, good and refused. */
import { randomUUID } from 'node:crypto';
import { EventEmitter, once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { z } from 'zod';
import { type Definitions, defineTool, ToolError } from '../../../src/server/mcp/definitions/tool.js';
import type { Served } from '../../helpers/serve.js';
import { call, post } from '../process/requests.js';

export const CHUNK = 'x'.repeat(256 * 1024);
export const FLOOD_CHUNKS = 64; // far more than the sockets of both sides hold

/** `release` ends the flood. */
export const events = new EventEmitter();
const text = z.object({ text: z.string().optional() });
export const definitions: Definitions = {
  tools: [
    defineTool({ name: 'echo', description: 'Answers', scopes: [], input: text, run: () => 'done' }),
    defineTool({
      name: 'stream',
      description: 'Notifies before it answers',
      scopes: [],
      input: text,
      run: (_, context) => (context.log('info', 'on the way'), 'done'),
    }),
    defineTool({
      name: 'flood',
      description: 'Notifies more than anybody reads at once',
      scopes: [],
      input: text,
      run: async (_, context) => {
        for (let i = 0; i < FLOOD_CHUNKS; i++) context.log('info', CHUNK);
        await once(events, 'release');
        return 'done';
      },
    }),
    defineTool({
      name: 'fail',
      description: 'Fails',
      scopes: [],
      input: text,
      run: () => Promise.reject(new ToolError('no')),
    }),
    defineTool({
      name: 'closed',
      description: 'Not for everybody',
      scopes: ['vault:open'],
      input: text,
      run: () => 'done',
    }),
  ],
  resources: [],
  prompts: [],
};

export const authorized = ({ key }: Served) => ({ Authorization: `Bearer ${key}` });

/** One of each kind, of both eras; a function of the session that the calls of the 2025 era belong to. */
export function mixture(
  server: Served,
  session: Readonly<Record<string, string>>,
): readonly (() => Promise<Response>)[] {
  const { url } = server;
  const key = authorized(server);
  const tool = (name: string) => call(url, 'tools/call', { name, arguments: { text: 'a' } }, key);
  // In a session, a request whose id is in use is refused.
  const old = (method: string, params?: object) =>
    post(url, { id: randomUUID(), method, params }, { ...key, ...session });
  const oldTool = (name: string) => old('tools/call', { name, arguments: {} });
  return [
    () => tool('echo'),
    () => tool('stream'),
    () => tool('fail'),
    () => tool('closed'),
    () => tool(`invented-${Math.random()}`),
    () => call(url, 'tools/list', {}, key),
    () => call(url, `invented/${Math.random()}`, {}, key),
    () => oldTool('echo'),
    () => oldTool('stream'),
    () => oldTool('fail'),
    () => oldTool('closed'),
    () => oldTool(`invented-${Math.random()}`),
    () => old('tools/list'),
    () => old('invented/method'),
    () => post(url, { id: undefined, method: 'notifications/initialized' }, { ...key, ...session }),
    () => post(url, { method: 'ping' }, { ...key, 'Mcp-Session-Id': 'unknown' }),
    () => call(url, 'tools/list', {}, { Authorization: 'Bearer nobody' }),
    () => call(url, 'tools/list', {}),
    () => call(url, 'tools/list', {}, { ...key, Origin: 'https://evil.example' }),
    () => fetch(new URL('/elsewhere', url), { headers: key }),
    () => fetch(url, { method: 'PUT', headers: key }),
    () => fetch(url, { method: 'POST', headers: { ...key, 'Content-Type': 'application/json' }, body: '{' }),
  ];
}

/** A call whose answer is not read until its reader is resumed. */
export function floodUnread(server: Served): Promise<IncomingMessage> {
  const meta = 'io.modelcontextprotocol/';
  const params = {
    name: 'flood',
    arguments: {},
    _meta: {
      [`${meta}protocolVersion`]: '2026-07-28',
      [`${meta}clientInfo`]: { name: 'test', version: '1' },
      [`${meta}clientCapabilities`]: {},
      [`${meta}logLevel`]: 'info',
    },
  };
  return new Promise((resolve, reject) => {
    const sent = request(server.url, {
      method: 'POST',
      agent: false,
      headers: {
        ...authorized(server),
        'Content-Type': 'application/json',
        Accept: 'application/json, text/event-stream',
        'MCP-Protocol-Version': '2026-07-28',
        'Mcp-Method': 'tools/call',
        'Mcp-Name': 'flood',
      },
    });
    sent.once('error', reject).once('response', (response) => resolve(response.pause()));
    sent.end(JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params }));
  });
}

/** The SDK 1.x as its documents show it: a transport and a server for each session. */
import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import type { LoggingLevel } from '@modelcontextprotocol/sdk/types.js';
import { runTool, TOOL_INPUT, TOOL_OUTPUT, toolNames } from '../tools.js';
import type { ServerOptions } from './options.js';

export type Handle = (req: IncomingMessage, res: ServerResponse, body?: unknown) => Promise<void>;

export function createSdk2025({ tools, streaming = false }: ServerOptions): Handle {
  const transports = new Map<string, StreamableHTTPServerTransport>();
  return async (req, res, body) => {
    const known = transports.get(String(req.headers['mcp-session-id']));
    if (known) return known.handleRequest(req, res, body);
    const transport = new StreamableHTTPServerTransport({
      sessionIdGenerator: randomUUID,
      enableJsonResponse: !streaming,
      onsessioninitialized: (id) => void transports.set(id, transport),
    });
    await createServer(tools).connect(transport);
    return transport.handleRequest(req, res, body);
  };
}

function createServer(tools: number): McpServer {
  const server = new McpServer({ name: 'bench', version: '1.0.0' }, { capabilities: { logging: {} } });
  for (const name of toolNames(tools)) {
    const config = { description: `Tool ${name}`, inputSchema: TOOL_INPUT, outputSchema: TOOL_OUTPUT };
    server.registerTool(name, config, async (args, { sendNotification }) => {
      const log = (level: LoggingLevel, data: unknown) =>
        sendNotification({ method: 'notifications/message', params: { level, data } });
      const structuredContent = await runTool(name, args, log);
      return { content: [{ type: 'text', text: JSON.stringify(structuredContent) }], structuredContent };
    });
  }
  return server;
}

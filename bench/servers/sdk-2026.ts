/** The SDK 2.x as its documents show it: `createMcpHandler`, which builds a server for each request. */
import { toNodeHandler } from '@modelcontextprotocol/node';
import { createMcpHandler, type LoggingLevel, McpServer } from '@modelcontextprotocol/server';
import { z } from 'zod';
import { runTool, TOOL_INPUT, TOOL_OUTPUT, toolNames } from '../tools.js';
import type { ServerOptions } from './options.js';
import type { Handle } from './sdk-2025.js';

export function createSdk2026({ tools }: ServerOptions): Handle {
  const [inputSchema, outputSchema] = [z.object(TOOL_INPUT), z.object(TOOL_OUTPUT)];
  const factory = () => {
    const server = new McpServer({ name: 'bench', version: '1.0.0' }, { capabilities: { logging: {} } });
    for (const name of toolNames(tools)) {
      const config = { description: `Tool ${name}`, inputSchema, outputSchema };
      server.registerTool(name, config, async (args, { mcpReq }) => {
        const log = (level: LoggingLevel, data: unknown) => mcpReq.log(level, data);
        const structuredContent = await runTool(name, args, log);
        return { content: [{ type: 'text', text: JSON.stringify(structuredContent) }], structuredContent };
      });
    }
    return server;
  };
  const handle = toNodeHandler(createMcpHandler(factory));
  return async (req, res, body) => handle(req as never, res, body); // the types differ in `undefined` only
}

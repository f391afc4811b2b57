/** A tool that a refused credential must not run, and its call in revision 2026-07-28. */
import { z } from 'zod';
import { defineTool } from '../../../src/server/index.js';

/** How often the tool ran. */
export const canary = { runs: 0 };

export const definitions = {
  tools: [
    defineTool({
      name: 'canary',
      description: 'Counts its calls',
      input: z.object({}),
      scopes: ['a'],
      run: async () => {
        canary.runs += 1;
        return 'sung';
      },
    }),
  ],
  resources: [],
  prompts: [],
};

const META = 'io.modelcontextprotocol';
export const CALL = {
  jsonrpc: '2.0',
  id: 1,
  method: 'tools/call',
  params: {
    name: 'canary',
    arguments: {},
    _meta: {
      [`${META}/protocolVersion`]: '2026-07-28',
      [`${META}/clientInfo`]: { name: 'test', version: '1' },
      [`${META}/clientCapabilities`]: {},
    },
  },
};
export const JSON_HEADERS = {
  Accept: 'application/json, text/event-stream',
  'Content-Type': 'application/json',
};
export const CALL_HEADERS = {
  ...JSON_HEADERS,
  'MCP-Protocol-Version': '2026-07-28',
  'Mcp-Method': 'tools/call',
  'Mcp-Name': 'canary',
};

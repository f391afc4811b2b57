/** mcp-remote between the server and a client that only starts processes. */
import { fileURLToPath } from 'node:url';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { callCounted, CAPABILITIES, featuresOf } from './call-counted.mjs';
import { headers, report, url } from './shared.mjs';

const bridge = fileURLToPath(new URL('../node_modules/mcp-remote/dist/proxy.js', import.meta.url));
const extra = Object.entries(headers ?? {}).flatMap(([name, value]) => ['--header', `${name}: ${value}`]);
const client = new Client({ name: 'interop-mcp-remote', version: '1.0.0' }, CAPABILITIES);
const transport = new StdioClientTransport({
  command: process.execPath,
  args: [bridge, url, '--host', '127.0.0.1', ...extra],
  env: process.env,
  stderr: 'inherit',
});
await client.connect(transport);
const seen = await callCounted(client);
report({ ...seen, done: await featuresOf(client) });
await client.close();

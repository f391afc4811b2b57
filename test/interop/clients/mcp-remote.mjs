/** mcp-remote between the server and a client that only starts processes. */
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { LoggingMessageNotificationSchema } from '@modelcontextprotocol/sdk/types.js';
import { ARGUMENTS, headers, report, TOOL, url } from './shared.mjs';

const bridge = new URL('../node_modules/mcp-remote/dist/proxy.js', import.meta.url).pathname;
const extra = Object.entries(headers ?? {}).flatMap(([name, value]) => ['--header', `${name}: ${value}`]);
const client = new Client({ name: 'interop-mcp-remote', version: '1.0.0' });
let [progress, logs] = [0, 0];
client.setNotificationHandler(LoggingMessageNotificationSchema, () => void logs++);
const transport = new StdioClientTransport({
  command: process.execPath,
  args: [bridge, url, '--host', '127.0.0.1', ...extra],
  env: process.env,
  stderr: 'inherit',
});
await client.connect(transport);
const { tools } = await client.listTools();
const call = { name: TOOL, arguments: ARGUMENTS };
const result = await client.callTool(call, undefined, { onprogress: () => void progress++ });
report({ tools: tools.map(({ name }) => name), result, progress, logs });
await client.close();

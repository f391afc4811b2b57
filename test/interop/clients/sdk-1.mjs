/** The official SDK, 1.x. */
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { LoggingMessageNotificationSchema } from '@modelcontextprotocol/sdk/types.js';
import { ARGUMENTS, connected, headers, report, TOOL, url } from './shared.mjs';

let transport;
const client = await connected(
  async (authProvider) => {
    const made = new Client({ name: 'interop-sdk-1', version: '1.0.0' });
    transport = new StreamableHTTPClientTransport(new URL(url), {
      ...(headers && { requestInit: { headers } }),
      ...(authProvider && { authProvider }),
    });
    await made.connect(transport);
    return made;
  },
  (callback) => transport.finishAuth(callback.get('code')),
);
let [progress, logs] = [0, 0];
client.setNotificationHandler(LoggingMessageNotificationSchema, () => void logs++);
const { tools } = await client.listTools();
const call = { name: TOOL, arguments: ARGUMENTS };
const result = await client.callTool(call, undefined, { onprogress: () => void progress++ });
report({ tools: tools.map(({ name }) => name), result, progress, logs, revision: transport.protocolVersion });
await transport.terminateSession();
await client.close();

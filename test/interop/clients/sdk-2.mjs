/** The official SDK, 2.x, which finds the newest revision by itself. */
import { Client, LOG_LEVEL_META_KEY, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { ARGUMENTS, connected, headers, report, TOOL, url } from './shared.mjs';

let transport;
const client = await connected(
  async (authProvider) => {
    const made = new Client(
      { name: 'interop-sdk-2', version: '1.0.0' },
      { versionNegotiation: { mode: 'auto' } },
    );
    transport = new StreamableHTTPClientTransport(new URL(url), {
      ...(headers && { requestInit: { headers } }),
      ...(authProvider && { authProvider }),
    });
    await made.connect(transport);
    return made;
  },
  (callback) => transport.finishAuth(callback),
);
let [progress, logs] = [0, 0];
client.setNotificationHandler('notifications/message', () => void logs++);
// As in call-counted.mjs: `onprogress` misses what is read in one piece with the result.
client.setNotificationHandler('notifications/progress', () => void progress++);
const { tools } = await client.listTools();
const call = { name: TOOL, arguments: ARGUMENTS, _meta: { [LOG_LEVEL_META_KEY]: 'debug' } };
const result = await client.callTool(call, { onprogress: () => {} });
const revision = client.getNegotiatedProtocolVersion();
report({ tools: tools.map(({ name }) => name), result, progress, logs, revision });
await client.close();

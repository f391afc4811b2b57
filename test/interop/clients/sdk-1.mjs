/** The official SDK, 1.x. */
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { callCounted, CAPABILITIES, featuresOf } from './call-counted.mjs';
import { connected, headers, report, url } from './shared.mjs';

let transport;
const { client, signInAgain } = await connected(
  async (authProvider) => {
    const made = new Client({ name: 'interop-sdk-1', version: '1.0.0' }, CAPABILITIES);
    transport = new StreamableHTTPClientTransport(new URL(url), {
      ...(headers && { requestInit: { headers } }),
      ...(authProvider && { authProvider }),
    });
    await made.connect(transport);
    return made;
  },
  (callback) => transport.finishAuth(callback.get('code')),
);
const seen = await callCounted(client);
report({ ...seen, done: await featuresOf(client, signInAgain) });
await transport.terminateSession();
await client.close();

/** LangChain's adapters, whose tools a model would call; here the script does. */
import { MultiServerMCPClient } from '@langchain/mcp-adapters';
import { ARGUMENTS, connected, headers, report, TOOL, tryFeatures, url } from './shared.mjs';
import { auth } from '@modelcontextprotocol/sdk/client/auth.js';

const SERVER = 'interop';
let [progress, logs] = [0, 0];
const { client } = await connected(
  async (authProvider) => {
    const made = new MultiServerMCPClient({
      mcpServers: { [SERVER]: { url, ...(headers && { headers }), ...(authProvider && { authProvider }) } },
      onProgress: () => void progress++,
      onMessage: () => void logs++,
    });
    await made.initializeConnections();
    return made;
  },
  (callback, provider) =>
    auth(provider, { serverUrl: new URL(url), authorizationCode: callback.get('code') }),
);
const tools = await client.getTools();
const result = await tools.find(({ name }) => name === TOOL).invoke(ARGUMENTS);
const seen = { tools: tools.map(({ name }) => name), result: { content: [result].flat() }, progress, logs };
const done = await tryFeatures({
  read: (uri) => client.readResource(SERVER, uri),
  prompt: async (named) => (await client.getClient(SERVER)).getPrompt(named),
  complete: async (wanted) => (await client.getClient(SERVER)).complete(wanted),
});
report({ ...seen, done });
await client.close();

/** OpenAI Agents SDK: what an agent is given, without a model. It shows no notifications. */
import { MCPServerStreamableHttp } from '@openai/agents';
import { auth } from '@modelcontextprotocol/client';
import { ARGUMENTS, connected, headers, report, TOOL, tryFeatures, url } from './shared.mjs';

const { client: server } = await connected(
  async (authProvider) => {
    const made = new MCPServerStreamableHttp({
      url,
      name: 'interop-openai-agents',
      ...(headers && { requestInit: { headers } }),
      ...(authProvider && { authProvider }),
    });
    await made.connect();
    return made;
  },
  (callback, provider) =>
    auth(provider, {
      serverUrl: new URL(url),
      authorizationCode: callback.get('code'),
      iss: callback.get('iss') ?? undefined,
    }),
);
const tools = await server.listTools();
const content = await server.callTool(TOOL, ARGUMENTS);
const done = await tryFeatures({ read: (uri) => server.readResource(uri) });
report({ tools: tools.map(({ name }) => name), result: { content }, done });
await server.close();

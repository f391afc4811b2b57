/** Mastra's client, whose tools an agent would call; here the script does. */
import { MCPClient } from '@mastra/mcp';
import { auth } from '@modelcontextprotocol/client';
import { answer, ARGUMENTS, connected, headers, report, TOOL, tryFeatures, url } from './shared.mjs';

const SERVER = 'interop';
let logs = 0;
const { client } = await connected(
  async (authProvider) => {
    const made = new MCPClient({
      id: crypto.randomUUID(),
      servers: {
        [SERVER]: {
          url: new URL(url),
          connectTimeout: 30_000, // 3 s otherwise: a busy machine takes longer
          ...(headers && { requestInit: { headers } }),
          ...(authProvider && { authProvider }),
          inputRequests: ({ params }) => answer(params),
          logger: () => void logs++,
        },
      },
    });
    const tools = await made.listTools();
    if (Object.keys(tools).length === 0) throw new Error('no tools');
    return made;
  },
  (callback, provider) =>
    auth(provider, {
      serverUrl: new URL(url),
      authorizationCode: callback.get('code'),
      iss: callback.get('iss') ?? undefined,
    }),
);
const tools = await client.listTools();
const call = (name, args) => tools[`${SERVER}_${name}`].execute(args, {});
const result = await call(TOOL, ARGUMENTS);
const done = await tryFeatures({
  read: (uri) => client.resources.read(SERVER, uri),
  prompt: ({ name, arguments: args }) => client.prompts.get({ serverName: SERVER, name, args }),
  call,
});
const names = Object.keys(tools).map((name) => name.slice(SERVER.length + 1));
report({
  tools: names,
  result: { structuredContent: result.structuredContent ?? result, content: result.content },
  done,
});
await client.disconnect();

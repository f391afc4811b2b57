/** Vercel AI SDK, whose tools a model would call; here the script does. It shows no notifications. */
import { auth, createMCPClient, ElicitationRequestSchema } from '@ai-sdk/mcp';
import { answer, ARGUMENTS, connected, headers, report, TOOL, tryFeatures, url } from './shared.mjs';

const { client } = await connected(
  (authProvider) =>
    createMCPClient({
      capabilities: { elicitation: {} },
      transport: {
        type: 'http',
        url,
        ...(headers && { headers }),
        ...(authProvider && { authProvider }),
      },
    }),
  (callback, provider) =>
    auth(provider, {
      serverUrl: new URL(url),
      authorizationCode: callback.get('code'),
      callbackState: callback.get('state') ?? undefined,
    }),
);
const tools = await client.tools();
const result = await tools[TOOL].execute(ARGUMENTS, { toolCallId: '1', messages: [] });
client.onElicitationRequest(ElicitationRequestSchema, ({ params }) => answer(params));
const done = await tryFeatures({
  read: (uri) => client.readResource({ uri }),
  prompt: (named) => client.getPrompt(named),
  complete: (wanted) => client.complete(wanted),
  call: (name, args) => tools[name].execute(args, { toolCallId: '2', messages: [] }),
});
report({ tools: Object.keys(tools), result, done });
await client.close();

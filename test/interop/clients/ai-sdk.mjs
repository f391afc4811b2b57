/** Vercel AI SDK, whose tools a model would call; here the script does. It shows no notifications. */
import { auth, createMCPClient } from '@ai-sdk/mcp';
import { ARGUMENTS, connected, headers, report, TOOL, url } from './shared.mjs';

const client = await connected(
  (authProvider) =>
    createMCPClient({
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
report({ tools: Object.keys(tools), result });
await client.close();

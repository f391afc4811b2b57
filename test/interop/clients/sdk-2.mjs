/** The official SDK, 2.x, which finds the newest revision by itself. */
import { Client, LOG_LEVEL_META_KEY, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { answer, ARGUMENTS, connected, headers, report, TOOL, tryFeatures, url } from './shared.mjs';

let transport;
const { client, signInAgain } = await connected(
  async (authProvider) => {
    const made = new Client(
      { name: 'interop-sdk-2', version: '1.0.0' },
      { versionNegotiation: { mode: 'auto' }, capabilities: { elicitation: { form: {} } } },
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
const seen = { tools: tools.map(({ name }) => name), result, progress, logs };

let heard;
client.setNotificationHandler('notifications/progress', () => heard?.());
client.setRequestHandler('elicitation/create', ({ params }) => answer(params));
const done = await tryFeatures({
  read: (uri) => client.readResource({ uri }),
  prompt: (named) => client.getPrompt(named),
  complete: (wanted) => client.complete(wanted),
  call(name, args, { signal, onProgress } = {}) {
    heard = onProgress;
    return client.callTool({ name, arguments: args }, { signal, onprogress: () => {} });
  },
  signInAgain,
});
report({ ...seen, done });
await client.close();

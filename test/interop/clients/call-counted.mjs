/** What a 1.x client does, with the notifications that came before the result of its call. */
import {
  ElicitRequestSchema,
  LoggingMessageNotificationSchema,
  ProgressNotificationSchema,
} from '@modelcontextprotocol/sdk/types.js';
import { answer, ARGUMENTS, TOOL, tryFeatures } from './shared.mjs';

export const CAPABILITIES = { capabilities: { elicitation: {} } };

export async function callCounted(client) {
  let [progress, logs] = [0, 0];
  client.setNotificationHandler(LoggingMessageNotificationSchema, () => void logs++);
  // Counted here: the client drops `onprogress` with the result, and with it the progress read in the same piece.
  client.setNotificationHandler(ProgressNotificationSchema, () => void progress++);
  const { tools } = await client.listTools();
  const asksForProgress = { onprogress: () => {} };
  const result = await client.callTool({ name: TOOL, arguments: ARGUMENTS }, undefined, asksForProgress);
  return { tools: tools.map(({ name }) => name), result, progress, logs };
}

export function featuresOf(client, signInAgain) {
  client.setRequestHandler(ElicitRequestSchema, ({ params }) => answer(params));
  let heard;
  client.setNotificationHandler(ProgressNotificationSchema, () => heard?.());
  return tryFeatures({
    read: (uri) => client.readResource({ uri }),
    prompt: (named) => client.getPrompt(named),
    complete: (wanted) => client.complete(wanted),
    call(name, args, { signal, onProgress } = {}) {
      heard = onProgress;
      return client.callTool({ name, arguments: args }, undefined, { signal, onprogress: () => {} });
    },
    signInAgain,
  });
}

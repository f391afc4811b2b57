/** The call of a 1.x client, with the notifications that came before its result. */
import {
  LoggingMessageNotificationSchema,
  ProgressNotificationSchema,
} from '@modelcontextprotocol/sdk/types.js';
import { ARGUMENTS, TOOL } from './shared.mjs';

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

/** The prompts this server offers. */
import type { PromptDefinition } from '../server/mcp/definitions/tool.js';
import { summarizeDocument } from '../samples/summarize-document.js';

export const prompts: readonly PromptDefinition[] = [
  // One line each.
  summarizeDocument,
];

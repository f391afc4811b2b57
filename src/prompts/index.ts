/** The prompts this server offers. */
import type { PromptDefinition } from '../mcp/tool.js';
import { summarizeDocument } from './summarize-document.js';

export const prompts: readonly PromptDefinition[] = [
  // One line each.
  summarizeDocument,
];

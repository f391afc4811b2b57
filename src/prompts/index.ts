/** The prompts this server offers. */
import type { PromptDefinition } from '../server/index.js';
import { summarizeDocument } from '../samples/summarize-document.js';

export const prompts: readonly PromptDefinition[] = [
  // One line each.
  summarizeDocument,
];

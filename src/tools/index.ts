/** The tools this server offers. */
import type { ToolDefinition } from '../mcp/tool.js';
import { deleteDocument } from './delete-document.js';
import { logLevels } from './log-levels.js';
import { processFiles } from './process-files.js';
import { whoami } from './whoami.js';

export const tools: readonly ToolDefinition[] = [
  // One line each.
  processFiles,
  deleteDocument,
  whoami,
  logLevels,
];

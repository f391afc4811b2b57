/** The tools this server offers. */
import type { ToolDefinition } from '../server/index.js';
import { deleteDocument } from '../samples/delete-document.js';
import { findDuplicates } from '../samples/find-duplicates.js';
import { logLevels } from '../samples/log-levels.js';
import { processFiles } from '../samples/process-files.js';
import { whoami } from '../samples/whoami.js';

export const tools: readonly ToolDefinition[] = [
  // One line each.
  processFiles,
  findDuplicates,
  deleteDocument,
  whoami,
  logLevels,
];

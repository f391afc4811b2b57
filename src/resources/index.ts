/** The resources this server offers. */
import type { ResourceDefinition } from '../mcp/tool.js';
import { documents } from './documents.js';

export const resources: readonly ResourceDefinition[] = [
  // One line each.
  documents,
];

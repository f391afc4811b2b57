/** The resources this server offers. */
import type { ResourceDefinition } from '../server/index.js';
import { documents } from '../samples/documents-resource.js';
import { processFilesApp } from '../samples/process-files-app.js';

export const resources: readonly ResourceDefinition[] = [
  // One line each.
  documents,
  processFilesApp,
];

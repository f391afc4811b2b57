/** Your own connections (a database, another API): opened at start, closed after the last call has ended. */
import type { ToolSettings } from './server/index.js';
import { openDocuments, type Documents } from './samples/documents.js';

interface Services {
  readonly documents: Documents;
}

declare module './server/index.js' {
  interface ToolServices extends Services {}
}

/** @throws when a connection cannot be opened: the server then does not start. */
export async function openServices(settings: ToolSettings): Promise<Services & { close(): Promise<void> }> {
  const documents = await openDocuments(settings.FILES_ROOT);
  return { documents, close: async () => {} };
}

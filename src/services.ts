/** Your own connections (a database, another API): opened at start, closed after the last call has ended. */
import type { Settings } from './server/index.js';
import { openDocuments, type Documents } from './samples/documents.js';

interface Connections {
  readonly documents: Documents;
}

declare module './server/index.js' {
  interface Services extends Connections {}
}

/** @throws when a connection cannot be opened: the server then does not start. */
export async function openServices(settings: Settings): Promise<Connections & { close(): Promise<void> }> {
  const documents = await openDocuments(settings.FILES_ROOT);
  return { documents, close: async () => {} };
}

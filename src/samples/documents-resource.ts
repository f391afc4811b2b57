import { defineResource, ToolError } from '../server/index.js';
import { documentUri, mimeType } from './document-path.js';

/** Every document is a resource, by one template. */
export const documents = defineResource({
  name: 'documents',
  title: 'Documents',
  description: 'The documents of this server, by path.',
  uri: 'documents:///{+path}',
  scopes: ['documents:read'],

  async list({ services }) {
    const paths = await services.documents.list();
    return paths.map((path) => ({ uri: documentUri(path), name: path, mimeType: mimeType(path) }));
  },

  complete: { path: (_prefix, { services }) => services.documents.list() },

  async read(uri, { path = '' }, { services }) {
    // `a.md/` and `./a.md` would name the same document, and a notification about one name would miss the others.
    if (uri !== documentUri(path)) return undefined;
    const bytes = await services.documents.read(path).catch(unlessMissing);
    if (!bytes) return undefined;
    const text = decodeUtf8(bytes);
    if (text === undefined)
      return { uri, mimeType: 'application/octet-stream', blob: bytes.toString('base64') };
    return { uri, mimeType: mimeType(path), text };
  },
});

/** Missing documents, links and paths out of the folder get the same answer. */
function unlessMissing(error: unknown): undefined {
  if (!(error instanceof ToolError)) throw error;
  return undefined;
}

function decodeUtf8(bytes: Buffer): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

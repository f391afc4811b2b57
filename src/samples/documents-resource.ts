import { defineResource, ToolError } from '../server/index.js';
import { documentUri, mimeType } from './document-path.js';

/** Every document as a resource of its own, by one template. */
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
    // `a.md/` and `./a.md` would be the same document: what is told of one name would not be known of the other.
    if (uri !== documentUri(path)) return undefined;
    const bytes = await services.documents.read(path).catch(unlessMissing);
    if (!bytes) return undefined;
    const text = decodeUtf8(bytes);
    if (text === undefined)
      return { uri, mimeType: 'application/octet-stream', blob: bytes.toString('base64') };
    return { uri, mimeType: mimeType(path), text };
  },
});

/** One answer for a missing document, a link and a path out of the folder. */
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

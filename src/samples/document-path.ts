/** How callers name a document: relative to `FILES_ROOT`, with `/`, and only in ways that cannot leave it. */
import { ToolError } from '../server/index.js';

const MAX_LENGTH = 1024;

/**
 * `./notes//a.md` → `notes/a.md`; the root itself is `''`. Links are a matter of `documents.ts`: no text shows them.
 *
 * @throws {ToolError} for NUL and other control characters, backslashes (`..\` on Windows), absolute paths, and
 * segments that begin with a dot (`..`, and hidden files such as `.env`). It never quotes the path.
 */
export function cleanPath(path: string): string {
  if (path.length > MAX_LENGTH) throw new ToolError('The path is too long');
  const segments = path.split('/').filter((segment) => segment !== '' && segment !== '.');
  // oxlint-disable-next-line no-control-regex
  const allowed = !/[\u0000-\u001f\u007f\\]/.test(path) && !/^(?:\/|[A-Za-z]:)/.test(path);
  if (!allowed || segments.some((segment) => segment.startsWith('.'))) {
    throw new ToolError(
      'A path is relative to the document folder, without "..", backslashes or hidden files',
    );
  }
  return segments.join('/');
}

/** The resource URI of a document, of which there is one: as clients fill in `{+path}`, but `?` and `#` end no path. */
export function documentUri(path: string): string {
  const segments = path.split('/').filter((segment) => segment !== '' && segment !== '.');
  return `documents:///${encodeURI(segments.join('/')).replaceAll(/[?#]/g, encodeURIComponent)}`;
}

/** Only what every client can show is called text; the rest is bytes. */
export function mimeType(path: string): string {
  if (path.endsWith('.md')) return 'text/markdown';
  return path.endsWith('.txt') ? 'text/plain' : 'application/octet-stream';
}

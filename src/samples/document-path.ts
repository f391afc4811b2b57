/** How clients name a document: by a URI and a type. */

/** The one resource URI of a document: `{+path}` filled in, with `?` and `#` encoded. */
export function documentUri(path: string): string {
  const segments = path.split('/').filter((segment) => segment !== '' && segment !== '.');
  return `documents:///${encodeURI(segments.join('/')).replaceAll(/[?#]/g, encodeURIComponent)}`;
}

/** Only what every client can show is called text; the rest is bytes. */
export function mimeType(path: string): string {
  if (path.endsWith('.md')) return 'text/markdown';
  return path.endsWith('.txt') ? 'text/plain' : 'application/octet-stream';
}

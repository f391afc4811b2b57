/** How clients name a document: by a URI and a type. */

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

/**
 * Characters that JSON does not escape and that some readers treat as line ends (U+0085, U+2028) or that hide or reverse text
 * (U+200B, U+202E). The canonical form has them as they are, a line their escapes.
 */
const UNSAFE = /[\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/g;

export function escapeUnsafe(json: string): string {
  const isAscii = Buffer.byteLength(json) === json.length; // as most lines are: the search for the others is slow
  if (isAscii && !json.includes('\u007f')) return json;
  return json.replace(UNSAFE, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

const ESCAPE = /\\(?:u([0-9a-f]{4})|.)/g;

/** What `escapeUnsafe` was given; other escapes stay. */
export function unescapeUnsafe(line: string): string {
  if (!line.includes('\\u')) return line;
  return line.replace(ESCAPE, (escape, hex: string | undefined) => {
    const char = hex === undefined ? '' : String.fromCharCode(parseInt(hex, 16));
    return char.search(UNSAFE) === 0 ? char : escape;
  });
}

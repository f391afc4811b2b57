/** Finds and replaces the clone's name in texts, for `npm run rename` and for an upgrade. */

/** The files with the name. Other code and tests read it from package.json. */
export const NAMED = [
  'package.json',
  'package-lock.json',
  'server.json',
  'README.md',
  'src/about.ts',
  '.mcp.json',
  '.cursor',
  '.vscode',
  'deploy',
  'docs',
];

/** The template's title in README.md and about.ts. */
const TITLE = /\bMCP server template\b/;

export const isNamed = (path: string): boolean =>
  NAMED.some((named) => path === named || path.startsWith(`${named}/`));

/** The name itself, or the beginning of a longer one, such as NAME-redis. */
export function wordFor(name: string): RegExp {
  return new RegExp(`(?<![\\w-])${name}(?!\\w)`, 'g');
}

export function withName(text: string, from: string, to: string): string {
  return from === to ? text : text.replaceAll(wordFor(from), to).replace(TITLE, to);
}

/** Names of Kubernetes objects contain it, and have at most 63 characters. */
const MAX_LENGTH = 30;

export const NAME_RULE = `Give one name of lower-case letters, digits and "-", at most ${MAX_LENGTH} characters.`;
export const isName = (name: string): boolean =>
  name.length <= MAX_LENGTH && /^[a-z](?:-?[a-z0-9])*$/.test(name);

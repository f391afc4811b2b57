/** Where the clone's name stands, and how a text gets another one: for `npm run rename` and for an upgrade. */

/** All that has the name. Other code and tests read it from package.json. */
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

/** How the template calls itself in README.md and about.ts. */
const TITLE = /\bMCP server template\b/;

export const isNamed = (path: string): boolean =>
  NAMED.some((named) => path === named || path.startsWith(`${named}/`));

/** By itself, or as the beginning of a name that is made from it, such as NAME-redis. */
export function wordFor(name: string): RegExp {
  return new RegExp(`(?<![\\w-])${name}(?!\\w)`, 'g');
}

export function withName(text: string, from: string, to: string): string {
  return from === to ? text : text.replaceAll(wordFor(from), to).replace(TITLE, to);
}

/** Names of Kubernetes objects are made from it, and end at 63 characters. */
const MAX_LENGTH = 30;

export const NAME_RULE = `Give one name of small letters, digits and "-", at most ${MAX_LENGTH} characters.`;
export const isName = (name: string): boolean =>
  name.length <= MAX_LENGTH && /^[a-z](?:-?[a-z0-9])*$/.test(name);

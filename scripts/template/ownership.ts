/** Which files belong to the template and which to the clone, by `template.json`. */
import { readFileSync } from 'node:fs';

/** `template.json`. Prefixes that end with `/` are folders. The longest matching prefix decides. */
export interface Template {
  readonly version: string;
  /** The default source of `npm run upgrade`, a git URL or a folder. */
  readonly from: string;
  /** In a clone: the commit that `npm run create` or `npm run upgrade` used. */
  readonly commit?: string;
  /** Never edited in a clone. */
  readonly template: readonly string[];
  /** Never touched by an upgrade. */
  readonly yours: readonly string[];
  /** Written by commands, never merged. */
  readonly generated: readonly string[];
  /** Removed by `npm run new -- --remove-samples`. */
  readonly samples: readonly string[];
  /** Digest of each file of the template, by path. */
  readonly digests: Readonly<Record<string, string>>;
}

/** Both sides may change shared files: an upgrade merges them. */
export type Owner = 'template' | 'shared' | 'yours' | 'generated';

export const TEMPLATE_FILE = 'template.json';

export const readTemplate = (file: string | URL = TEMPLATE_FILE): Template =>
  JSON.parse(readFileSync(file, 'utf8')) as Template;

const fits = (path: string) => (prefix: string) =>
  prefix.endsWith('/') ? path.startsWith(prefix) : path === prefix;

export function ownerOf(path: string, { template, yours, generated }: Template): Owner {
  const longest = (prefixes: readonly string[]) =>
    Math.max(0, ...prefixes.filter(fits(path)).map((prefix) => prefix.length));
  if (longest(generated) > 0) return 'generated';
  if (longest(yours) > longest(template)) return 'yours';
  // Pages and JSON change in clones too: commands write the name, dependencies and figures.
  return longest(template) > 0 && !/\.(?:md|json)$/.test(path) ? 'template' : 'shared';
}

export const isSample = (path: string, { samples }: Template): boolean => samples.some(fits(path));

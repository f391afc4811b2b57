/** What belongs to the template and what to the clone, as `template.json` says it. */
import { readFileSync } from 'node:fs';

/** `template.json`. Prefixes that end with `/` are folders; the longest one that fits a path decides. */
export interface Template {
  readonly version: string;
  /** A git URL or a folder: where `npm run upgrade` looks when it is not told. */
  readonly from: string;
  /** Of a clone: the commit that `npm run create` or `npm run upgrade` took. */
  readonly commit?: string;
  /** Never edited in a clone. */
  readonly template: readonly string[];
  /** Never touched by an upgrade. */
  readonly yours: readonly string[];
  /** Merged by nobody: commands write them. */
  readonly generated: readonly string[];
  /** Gone after `npm run new -- --remove-samples`. */
  readonly samples: readonly string[];
  /** Of each file of the template, by its path. */
  readonly digests: Readonly<Record<string, string>>;
}

/** Both sides may change what is shared: an upgrade merges it. */
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
  // Pages and JSON change in a clone too: commands write its name, its dependencies and its figures there.
  return longest(template) > 0 && !/\.(?:md|json)$/.test(path) ? 'template' : 'shared';
}

export const isSample = (path: string, { samples }: Template): boolean => samples.some(fits(path));

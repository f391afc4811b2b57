/** Merges package.json and its lock by key, before git merges the rest by line. */
import { mergeJson } from './merge-json.js';
import { TEMPLATE_FILE, type Template } from '../template/ownership.js';
import { type Entries, idOf, writeTexts } from './trees.js';
import type { Git } from './git.js';

interface Manifest {
  readonly version?: string;
  readonly packages?: Readonly<Record<string, object>>;
}
export interface Sides {
  readonly base: Entries;
  readonly theirs: Entries;
}

class BothChanged extends Error {}

/** Makes the clone's file the base and the merged one the template's, so that git simply takes the merged one. */
export function mergePackages(scratch: Git, sides: Sides, ours: Entries): void {
  for (const path of ours.keys()) {
    if (!/(?:^|\/)package(?:-lock)?\.json$/.test(path)) continue;
    const merged = mergedAt(scratch, path, sides, ours);
    if (merged === undefined) continue;
    const entry = String(ours.get(path));
    sides.base.set(path, entry);
    sides.theirs.set(path, entry.replace(/\S+$/, merged));
  }
}

/** `undefined` if git must merge: a side lacks the file, or both changed the same key. */
function mergedAt(scratch: Git, path: string, { base, theirs }: Sides, ours: Entries): string | undefined {
  const entries = [base, ours, theirs].map((side) => side.get(path));
  if (entries.includes(undefined)) return undefined;
  const read = (entry = '') => JSON.parse(scratch(['cat-file', 'blob', idOf(entry)])) as Manifest;
  const [before = {}, mine = {}, newer = {}] = entries.map(read);
  const clash = (_ours: unknown, newest: unknown) => {
    if (path.endsWith('package.json')) throw new BothChanged();
    return newest; // npm install corrects a lock to match package.json
  };
  try {
    const merged = mergeJson(withVersionOf(mine, before), mine, withVersionOf(mine, newer), clash);
    return writeTexts(scratch, new Map([[path, `${JSON.stringify(merged, null, 2)}\n`]])).get(path);
  } catch (error) {
    if (error instanceof BothChanged) return undefined;
    throw error;
  }
}

/** A clone keeps its own version. */
function withVersionOf({ version, packages }: Manifest, other: Manifest): Manifest {
  const root = { ...other.packages?.[''], ...(version === undefined ? {} : { version }) };
  const isLock = other.packages !== undefined && packages !== undefined;
  return { ...other, version, ...(isLock ? { packages: { ...other.packages, '': root } } : {}) } as Manifest;
}

/** A clone's copy also says where it came from. */
export function takeTemplateFile(
  scratch: Git,
  sides: Sides,
  ours: Entries,
  mine: Template,
  target: Template,
  commit: string,
): void {
  const text = { ...target, from: mine.from || target.from, commit };
  const ids = writeTexts(scratch, new Map([[TEMPLATE_FILE, `${JSON.stringify(text, null, 2)}\n`]]));
  const entry = String(ours.get(TEMPLATE_FILE));
  sides.base.set(TEMPLATE_FILE, entry);
  sides.theirs.set(TEMPLATE_FILE, entry.replace(/\S+$/, String(ids.get(TEMPLATE_FILE))));
}

/** Merges in a scratch repository, then brings the result into the clone. Git writes both and follows no link out of them. */
import { lstatSync } from 'node:fs';
import { join } from 'node:path';
import { type Git, tried } from './git.js';
import { RefusedUpgrade } from './source.js';
import { type Entries, entriesOf, writeTree } from './trees.js';

export interface Change {
  readonly path: string;
  readonly done: 'added' | 'replaced' | 'merged' | 'deleted' | 'left out' | 'CONFLICT';
}
export interface Merged {
  readonly changes: readonly Change[];
  /** Entries of the clone's index for the conflicts: `MODE ID STAGE\tPATH`. */
  readonly conflicts: readonly string[];
}

const pathOf = (line: string) => line.slice(line.indexOf('\t') + 1);

export function merge(scratch: Git, base: Entries, theirs: Entries): Merged {
  const commit = (tree: string, ...parents: string[]) =>
    scratch(['commit-tree', '-m', 'upgrade', ...parents.flatMap((parent) => ['-p', parent]), tree]);
  const from = commit(writeTree(scratch, base));
  const template = commit(writeTree(scratch, theirs), from);
  const yours = commit(scratch(['rev-parse', 'refs/clone^{tree}']), from);
  for (const [name, id] of Object.entries({ from, template })) scratch(['branch', '-f', name, id]);
  scratch(['checkout', '-q', '-f', '-B', 'yours', yours]);
  tried(() => scratch(['merge', '-q', '--no-commit', '--no-ff', 'template'])); // fails when there are conflicts
  scratch(['rev-parse', '-q', '--verify', 'MERGE_HEAD']); // fails if the merge failed for another reason

  const unmerged = scratch(['ls-files', '-u', '-z']).split('\0').filter(Boolean);
  const stages = (path: string) =>
    unmerged.filter((line) => pathOf(line) === path).map((line) => line.split(/[ \t]/, 3)[2]);
  const paths = [...new Set(unmerged.map(pathOf))];
  // Deleted here, changed there: what the clone deleted stays deleted.
  const leftOut = paths.filter((path) => !stages(path).includes('2') && stages(path).includes('1'));
  for (const path of leftOut) scratch(['rm', '-q', '-f', '--', path]);
  const conflicts = unmerged.filter((line) => !leftOut.includes(pathOf(line)));
  scratch(['add', '-A', '-f', '.']);
  scratch(['branch', '-f', 'result', commit(scratch(['write-tree']))]);

  const done = changesOf(scratch, base, new Set(conflicts.map(pathOf)));
  const out = leftOut.map((path) => ({ path, done: 'left out' }) as const);
  return { changes: [...done, ...out].sort((a, b) => (a.path < b.path ? -1 : 1)), conflicts };
}

function changesOf(scratch: Git, base: Entries, conflicts: ReadonlySet<string>): readonly Change[] {
  const [before, after] = ['refs/clone', 'result'].map((tree) => entriesOf(scratch, tree));
  const paths = [...new Set([...(before?.keys() ?? []), ...(after?.keys() ?? []), ...conflicts])];
  const doneTo = (path: string): Change['done'] | undefined => {
    if (conflicts.has(path)) return 'CONFLICT';
    if (before?.get(path) === after?.get(path)) return undefined;
    if (!before?.has(path)) return 'added';
    if (!after?.has(path)) return 'deleted';
    return before.get(path) === base.get(path) ? 'replaced' : 'merged';
  };
  return paths.flatMap((path) => {
    const done = doneTo(path);
    return done === undefined ? [] : [{ path, done }];
  });
}

/** Writes index and files of the clone. Git shows conflicts until `git add`. @throws when a file is in the way */
export function apply(clone: Git, scratch: Git, { changes, conflicts }: Merged): void {
  // Git would overwrite ignored files.
  const added = changes.filter(({ done }) => done === 'added').map(({ path }) => path);
  const inTheWay = added.filter((path) => lstatSync(join(clone.folder, path), { throwIfNoEntry: false }));
  if (inTheWay.length > 0)
    throw new RefusedUpgrade(`Not in git, and in the way: ${inTheWay.join(', ')}. Move these files first.`);
  clone(['fetch', '-q', '--no-tags', '--update-shallow', '--', scratch.folder, 'result', 'template', 'from']);
  const [result = ''] = scratch(['rev-parse', 'result']).split('\n');
  clone(['read-tree', '-m', '-u', 'HEAD', result]);
  if (conflicts.length === 0) return;
  const [first = ''] = conflicts;
  const none = '0'.repeat(first.split(' ')[1]?.length ?? 40);
  const cleared = [...new Set(conflicts.map(pathOf))].map((path) => `0 ${none}\t${path}\0`);
  const lines = conflicts.map((line) => `${line}\0`);
  clone(['update-index', '-z', '--index-info'], [...cleared, ...lines].join(''));
}

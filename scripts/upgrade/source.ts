/** Finds the clone's origin and the target of the upgrade in the source's history. */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { TEMPLATE_FILE, type Template } from '../template/ownership.js';
import { type Git, tried } from './git.js';

/** The upgrade is refused, and nothing has changed. */
export class RefusedUpgrade extends Error {}

/** Fetches branches, tags and the clone's commit into the scratch repository. */
export function fetchBoth(scratch: Git, from: string, clone: string): void {
  const fetch = (source: string, refs: readonly string[]) =>
    scratch(['fetch', '-q', '--update-shallow', '--no-tags', '--', source, ...refs]);
  fetch(clone, ['+HEAD:refs/clone']);
  try {
    fetch(existsSync(from) ? resolve(from) : from, [
      '+HEAD:refs/source/HEAD',
      '+refs/heads/*:refs/source/heads/*',
      '+refs/tags/*:refs/tags/*',
    ]);
  } catch {
    // git's own message repeats the URL, which may contain a password.
    throw new RefusedUpgrade('git cannot read the source: try git ls-remote with the same URL or folder.');
  }
}

/** The requested tag, or else the newest version, or the newest commit if no version is tagged. */
export function findTarget(scratch: Git, tag: string | undefined): string {
  const commitOf = (ref: string) => tried(() => scratch(['rev-parse', '--verify', '-q', `${ref}^{commit}`]));
  if (tag !== undefined) {
    const commit = commitOf(`refs/tags/${tag}`);
    if (commit === undefined) throw new RefusedUpgrade('The source has no such tag.');
    return commit;
  }
  const tags = scratch(['for-each-ref', '--sort=-version:refname', '--format=%(refname)', 'refs/tags/v*']);
  const newest = tags.split('\n').find((name) => /^refs\/tags\/v\d+\.\d+\.\d+$/.test(name));
  return commitOf(newest ?? 'refs/source/HEAD') ?? '';
}

/** The commit whose template files have the digests that the clone began with. */
export function findBase(scratch: Git, mine: Template, target: string): string {
  const shared = tried(() => scratch(['merge-base', 'refs/clone', target]));
  const named = [mine.commit, `refs/tags/v${mine.version}`, shared].filter((name) => name !== undefined);
  const history = () =>
    scratch(['rev-list', '--tags', '--glob=refs/source', '--', TEMPLATE_FILE]).split('\n');
  const isBase = (commit: string) => {
    const theirs = tried(() => templateAt(scratch, commit));
    return theirs !== undefined && isDeepStrictEqual(theirs.digests, mine.digests);
  };
  const base = named.find(isBase) ?? history().find(isBase);
  if (base === undefined)
    throw new RefusedUpgrade(
      `The source has no commit with the digests of your ${TEMPLATE_FILE} (version ${mine.version}). Is it the right source?`,
    );
  return scratch(['rev-parse', `${base}^{commit}`]);
}

export function templateAt(scratch: Git, commit: string): Template {
  return JSON.parse(scratch(['cat-file', 'blob', `${commit}:${TEMPLATE_FILE}`])) as Template;
}

/** Whether the clone already contains the target. */
export const includes = (scratch: Git, base: string, target: string): boolean =>
  tried(() => scratch(['merge-base', '--is-ancestor', target, base])) !== undefined;

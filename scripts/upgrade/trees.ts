/** Turns a commit of the template into what this clone would have made of it: with its name, perhaps without samples. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { textWithoutSamples } from '../new/remove-samples.js';
import { isNamed, withName } from '../rename/with-name.js';
import { isSample, ownerOf, type Template } from '../template/ownership.js';
import type { Git } from './git.js';

/** Path → `MODE TYPE ID`, as git lists it, which keeps executable bits and symbolic links. */
export type Entries = Map<string, string>;

/** The clone as it is committed. */
export interface Clone {
  readonly name: string;
  readonly hasSamples: boolean;
  readonly entries: Entries;
  readonly isOwn: (path: string) => boolean;
}

export const idOf = (entry: string): string => entry.split(' ')[2] ?? '';
const isFile = (entry: string) => /^100\d{3} blob /.test(entry);

export function entriesOf(scratch: Git, treeish: string): Entries {
  const lines = scratch(['ls-tree', '-r', '-z', '--full-tree', treeish]).split('\0').filter(Boolean);
  return new Map(
    lines.map((line) => line.split('\t', 2) as [string, string]).map(([entry, path]) => [path, entry]),
  );
}

export function readClone(scratch: Git, mine: Template, target: Template): Clone {
  const entries = entriesOf(scratch, 'refs/clone');
  // A file of the clone stays its own even if the template now claims it.
  const isOwn = (path: string) =>
    [mine, target].some((template) => ['yours', 'generated'].includes(ownerOf(path, template)));
  return { name: nameAt(scratch, 'refs/clone'), hasSamples: hasSamples(entries), entries, isOwn };
}

const hasSamples = (entries: Entries) => [...entries.keys()].some((path) => path.startsWith('src/samples/'));
const nameAt = (scratch: Git, commit: string) =>
  (JSON.parse(scratch(['show', `${commit}:package.json`])) as { readonly name: string }).name;

/** The template's files at a commit with the clone's name, plus the clone's own files. */
export function treeFor(scratch: Git, commit: string, template: Template, clone: Clone): Entries {
  const entries = new Map(
    [...entriesOf(scratch, commit)].filter(
      ([path]) => !clone.isOwn(path) && (clone.hasSamples || !isSample(path, template)),
    ),
  );
  const name = nameAt(scratch, commit);
  const before = readTexts(scratch, entries);
  const after = new Map(
    [...before].map(([path, text]) => {
      const named = isNamed(path) ? withName(text, name, clone.name) : text;
      return [path, clone.hasSamples ? named : textWithoutSamples(path, named)];
    }),
  );
  const changed = new Map([...after].filter(([path, text]) => text !== before.get(path)));
  for (const [path, id] of writeTexts(scratch, formatted(changed))) {
    entries.set(path, String(entries.get(path)).replace(/\S+$/, id));
  }
  const own = [...clone.entries].filter(([path]) => clone.isOwn(path));
  return new Map([...entries, ...own]);
}

/** All text files: those whose bytes survive decoding and encoding as UTF-8. */
function readTexts(scratch: Git, entries: Entries): ReadonlyMap<string, string> {
  const files = [...entries].filter(([, entry]) => isFile(entry));
  const blobs = readBlobs(
    scratch,
    files.map(([, entry]) => idOf(entry)),
  );
  return new Map(
    files.flatMap(([path], index) => {
      const text = blobs[index]?.toString() ?? '';
      return Buffer.from(text).equals(blobs[index] ?? Buffer.of(0)) && !text.includes('\0')
        ? [[path, text]]
        : [];
    }),
  );
}

function readBlobs(scratch: Git, ids: readonly string[]): readonly Buffer[] {
  const output = scratch.bytes(['cat-file', '--batch'], ids.map((id) => `${id}\n`).join(''));
  let at = 0;
  return ids.map(() => {
    const start = output.indexOf('\n', at) + 1;
    const size = Number(output.subarray(at, start).toString().split(' ')[2]);
    at = start + size + 1;
    return output.subarray(start, start + size);
  });
}

/** Formats again: a name of other length changes line breaks. */
function formatted(texts: ReadonlyMap<string, string>): ReadonlyMap<string, string> {
  const biome = fileURLToPath(new URL('../../node_modules/@biomejs/biome/bin/biome', import.meta.url));
  const format = (path: string, text: string) =>
    execFileSync(process.execPath, [biome, 'format', `--stdin-file-path=${path}`], {
      encoding: 'utf8',
      input: text,
      stdio: ['pipe', 'pipe', 'ignore'],
    });
  return new Map(
    [...texts].map(([path, text]) => [
      path,
      path.endsWith('.json') && !path.endsWith('package-lock.json') ? format(path, text) : text,
    ]),
  );
}

/** @returns the id of each */
export function writeTexts(scratch: Git, texts: ReadonlyMap<string, string>): ReadonlyMap<string, string> {
  // Under numbered names, since a path could lead out of this folder.
  const folder = join(scratch.folder, '.git', 'texts');
  mkdirSync(folder);
  try {
    const files = [...texts.values()].map((text, index) => {
      const file = join(folder, String(index));
      writeFileSync(file, text);
      return `${file}\n`;
    });
    const ids = scratch(['hash-object', '-w', '--no-filters', '--stdin-paths'], files.join('')).split('\n');
    return new Map([...texts.keys()].map((path, index) => [path, ids[index] ?? '']));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

export function writeTree(scratch: Git, entries: Entries): string {
  scratch(['read-tree', '--empty']);
  const lines = [...entries].map(([path, entry]) => `${entry}\t${path}\0`);
  scratch(['update-index', '-z', '--index-info'], lines.join(''));
  return scratch(['write-tree']);
}

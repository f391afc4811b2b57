/** The documents under `FILES_ROOT`: regular files only, reached without following any link below the root. */
import type { Stats } from 'node:fs';
import { type FileHandle, lstat, readdir, realpath, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { basename, dirname } from 'node:path/posix';
import { cleanPath, folderUnder, openUnder, ToolError } from '../server/index.js';
import { type DocumentStats, measure } from './document-stats.js';

/** All paths are relative to the root. One that names no document is a {@link ToolError}. */
export interface Documents {
  /** Every document, or those that the paths name, in their order and without duplicates. A folder gives its documents. */
  list(paths?: readonly string[]): Promise<readonly string[]>;
  stats(path: string, signal: AbortSignal): Promise<DocumentStats>;
  read(path: string): Promise<Buffer>;
  size(path: string): Promise<number>;
  remove(path: string): Promise<void>;
}

const MAX_DOCUMENTS = 10_000;
const MAX_READ_BYTES = 1024 * 1024;

/** @throws {TypeError} when the root is not a folder */
export async function openDocuments(filesRoot: string): Promise<Documents> {
  const root = await realpath(filesRoot).catch(() => undefined);
  if (root === undefined || !(await lstat(root)).isDirectory()) {
    throw new TypeError(`FILES_ROOT is not a folder: ${filesRoot}`);
  }

  return {
    list: (paths = ['.']) => listDocuments(root, paths),
    stats: (path, signal) => withDocument(root, path, (handle) => measure(handle, signal)),
    read: (path) => withDocument(root, path, readSmall),
    size: (path) => withDocument(root, path, async (handle) => (await handle.stat()).size),
    remove: (path) => removeDocument(root, path),
  };
}

async function listDocuments(root: string, paths: readonly string[]): Promise<readonly string[]> {
  const found = new Set<string>();
  const add = (path: string) => {
    if (found.size === MAX_DOCUMENTS) throw new ToolError(`More than ${MAX_DOCUMENTS} documents`);
    found.add(path);
  };
  // Without duplicates: naming the root a thousand times would walk it a thousand times.
  for (const path of new Set(paths.map(cleanPath))) {
    const kind = await kindOf(root, path);
    if (kind?.isDirectory()) await walk(root, path, add);
    else if (kind?.isFile()) add(path);
    else throw new ToolError(`No such document: ${path}`);
  }
  return [...found];
}

function kindOf(root: string, path: string): Promise<Stats | undefined> {
  const look = (folder: string) => lstat(join(folder, basename(path)));
  return folderUnder(root, dirname(path), look).catch(() => undefined);
}

/** Depth first, names in code point order, so that the order is the same on every machine. */
async function walk(root: string, folder: string, add: (path: string) => void): Promise<void> {
  const entries = await folderUnder(root, folder, (pinned) => readdir(pinned, { withFileTypes: true }));
  const byName = new Map(entries.map((entry) => [entry.name, entry]));
  for (const name of [...byName.keys()].sort()) {
    const entry = byName.get(name);
    if (!entry || !isNameable(name)) continue;
    const path = folder === '' ? name : `${folder}/${name}`;
    if (entry.isDirectory()) await walk(root, path, add);
    else if (entry.isFile()) add(path);
  }
}

/** Lists show only what can be asked for: no hidden files, no names with control characters or backslashes. */
function isNameable(name: string): boolean {
  try {
    return cleanPath(name) === name;
  } catch {
    return false;
  }
}

/** Closed again, whatever `use` does. */
async function withDocument<T>(
  root: string,
  path: string,
  use: (handle: FileHandle) => Promise<T>,
): Promise<T> {
  const handle = await openUnder(root, path);
  try {
    return await use(handle);
  } finally {
    await handle.close();
  }
}

/** Only what can be read is removed. `unlink` takes a link that came in between, never what it points at. */
async function removeDocument(root: string, path: string): Promise<void> {
  await (await openUnder(root, path)).close();
  const clean = cleanPath(path);
  await folderUnder(root, dirname(clean), (folder) => unlink(join(folder, basename(clean))));
}

async function readSmall(handle: FileHandle): Promise<Buffer> {
  const { size } = await handle.stat();
  if (size > MAX_READ_BYTES) throw new ToolError(`The document is larger than ${MAX_READ_BYTES} bytes`);
  const buffer = Buffer.alloc(size);
  const { bytesRead } = await handle.read(buffer, 0, size, 0);
  return buffer.subarray(0, bytesRead);
}

/** The documents under `FILES_ROOT`: regular files only, reached without following any link below the root. */
import { constants } from 'node:fs';
import { type FileHandle, lstat, open, readdir, readlink, realpath, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { basename, dirname } from 'node:path/posix';
import { ToolError } from '../server/index.js';
import { cleanPath } from './document-path.js';
import { type DocumentStats, measure } from './document-stats.js';

/** Paths in and out are relative to the root; what names no document is a {@link ToolError}. */
export interface Documents {
  /** Every document, or those that the paths name: folders opened, each once, in the order given. */
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
    // `unlink` removes a link, never what it points at.
    remove: (path) => withDocument(root, path, (_handle, pinned) => unlink(pinned)),
  };
}

async function listDocuments(root: string, paths: readonly string[]): Promise<readonly string[]> {
  const found = new Set<string>();
  const add = (path: string) => {
    if (found.size === MAX_DOCUMENTS) throw new ToolError(`More than ${MAX_DOCUMENTS} documents`);
    found.add(path);
  };
  // Each once: a thousand times the root would be a thousand walks.
  for (const path of new Set(paths.map(cleanPath))) {
    const stat = await pinnedIn(root, path, lstat).catch(() => undefined);
    if (stat?.isDirectory()) await walk(root, path, add);
    else if (stat?.isFile()) add(path);
    else throw noSuchDocument(path);
  }
  return [...found];
}

/** Depth first, names in code point order, so that the order is the same on every machine. */
async function walk(root: string, folder: string, add: (path: string) => void): Promise<void> {
  const entries = await pinFolder(root, folder, (pinned) => readdir(pinned, { withFileTypes: true }));
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

/**
 * Gives a path to the folder that leads nowhere else, whatever is renamed or swapped for a link meanwhile: on Linux
 * the open folder itself, whose place the kernel tells. Elsewhere a path that was checked right before; who may
 * write the folder and swaps it at that instant is not stopped there.
 */
async function pinFolder<T>(
  root: string,
  folder: string,
  use: (pinned: string) => Promise<T>,
  asked = folder,
): Promise<T> {
  const wanted = join(root, folder);
  if (process.platform !== 'linux') {
    if ((await realpath(wanted).catch(() => undefined)) !== wanted) throw noSuchDocument(asked);
    return use(wanted);
  }
  const handle = await open(wanted, constants.O_DIRECTORY).catch(() => undefined);
  if (!handle) throw noSuchDocument(asked);
  try {
    const pinned = `/proc/self/fd/${handle.fd}`;
    if ((await readlink(pinned)) !== wanted) throw noSuchDocument(asked);
    return await use(`${pinned}/`); // with the slash it is the folder, not the link to it
  } finally {
    await handle.close();
  }
}

function pinnedIn<T>(root: string, path: string, use: (pinned: string) => Promise<T>): Promise<T> {
  if (path === '') return pinFolder(root, path, use);
  return pinFolder(root, dirname(path), (folder) => use(join(folder, basename(path))), path);
}

/** A link reads as a document that does not exist. `O_NONBLOCK` keeps a FIFO from holding a thread for ever. */
async function withDocument<T>(
  root: string,
  path: string,
  use: (handle: FileHandle, pinned: string) => Promise<T>,
): Promise<T> {
  const clean = cleanPath(path);
  const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants; // the last two undefined, hence 0, on Windows
  return pinnedIn(root, clean, async (pinned) => {
    const handle = await open(pinned, O_RDONLY | O_NOFOLLOW | O_NONBLOCK).catch(() => undefined);
    if (!handle) throw noSuchDocument(clean);
    try {
      const [opened, named] = [await handle.stat(), await lstat(pinned)];
      const isSame = opened.ino === named.ino && opened.dev === named.dev; // where there is no O_NOFOLLOW
      if (!opened.isFile() || !isSame) throw noSuchDocument(clean);
      return await use(handle, pinned);
    } finally {
      await handle.close();
    }
  });
}

async function readSmall(handle: FileHandle): Promise<Buffer> {
  const { size } = await handle.stat();
  if (size > MAX_READ_BYTES) throw new ToolError(`The document is larger than ${MAX_READ_BYTES} bytes`);
  const buffer = Buffer.alloc(size);
  const { bytesRead } = await handle.read(buffer, 0, size, 0);
  return buffer.subarray(0, bytesRead);
}

function noSuchDocument(path: string): ToolError {
  return new ToolError(path === '' ? 'The path names no document' : `No such document: ${path}`);
}

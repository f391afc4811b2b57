/** The documents under `FILES_ROOT`: regular files only, reached without following any link below the root. */
import { constants } from 'node:fs';
import { type FileHandle, lstat, open, readdir, realpath, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { ToolError } from '../mcp/tool.js';
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
    // The check comes right before; `unlink` itself removes a link, never what it points at.
    remove: (path) => withDocument(root, path, () => unlink(join(root, cleanPath(path)))),
  };
}

async function listDocuments(root: string, paths: readonly string[]): Promise<readonly string[]> {
  const found = new Set<string>();
  const add = (path: string) => {
    if (found.size === MAX_DOCUMENTS) throw new ToolError(`More than ${MAX_DOCUMENTS} documents`);
    found.add(path);
  };
  for (const path of paths.map(cleanPath)) {
    const stat = await lstat(await resolveInside(root, path)).catch(() => undefined);
    if (stat?.isDirectory()) await walk(root, path, add);
    else if (stat?.isFile()) add(path);
    else throw noSuchDocument(path);
  }
  return [...found];
}

/** Depth first, names in code point order, so that the order is the same on every machine. */
async function walk(root: string, folder: string, add: (path: string) => void): Promise<void> {
  const entries = await readdir(await resolveInside(root, folder), { withFileTypes: true });
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

/** The one path that leads there without a link. A link reads as a document that does not exist. */
async function resolveInside(root: string, path: string): Promise<string> {
  const wanted = join(root, path);
  const actual = await realpath(wanted).catch(() => undefined);
  if (actual !== wanted) throw noSuchDocument(path);
  return wanted;
}

/**
 * Opens first and checks what was opened, since a checked path may be swapped for a link before it is opened.
 * `O_NOFOLLOW` guards the last segment; the same inode at the same link-free path guards the ones before it.
 * `O_NONBLOCK` keeps a FIFO from holding a thread for ever.
 */
async function withDocument<T>(
  root: string,
  path: string,
  use: (handle: FileHandle) => Promise<T>,
): Promise<T> {
  const clean = cleanPath(path);
  const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants; // the last two undefined, hence 0, on Windows
  const handle = await open(join(root, clean), O_RDONLY | O_NOFOLLOW | O_NONBLOCK).catch(() => undefined);
  if (!handle) throw noSuchDocument(clean);
  try {
    const opened = await handle.stat();
    const named = await lstat(await resolveInside(root, clean));
    const isSame = opened.ino === named.ino && opened.dev === named.dev;
    if (!opened.isFile() || !isSame) throw noSuchDocument(clean);
    return await use(handle);
  } finally {
    await handle.close();
  }
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

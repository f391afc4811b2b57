/**
 * Files under one folder: regular files only, reached without following any link below the root.
 *
 * On Linux the folder of a file is opened and the kernel asked where it is; what follows goes through that open folder.
 * So nobody leads us elsewhere by renaming a folder, or swapping it for a link, between our check and our use.
 */
import { constants } from 'node:fs';
import { type FileHandle, lstat, open, readlink, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { basename, dirname } from 'node:path/posix';
import { ToolError } from '../mcp/definitions/tool.js';

const MAX_LENGTH = 1024;

/**
 * Opens a regular file for reading; whoever calls closes it. A link, a folder, a pipe and a path that leads out of
 * the root all read as a file that does not exist.
 *
 * @param root a folder from your settings, never from an argument
 * @param path as a caller may write it: see {@link cleanPath}
 * @throws {ToolError} when there is no such file
 */
export async function openUnder(root: string, path: string): Promise<FileHandle> {
  const clean = cleanPath(path);
  return folderUnder(root, dirname(clean), async (folder) => {
    const pinned = join(folder, basename(clean));
    // O_NONBLOCK: a FIFO would hold a thread for ever. Both are undefined, hence 0, on Windows.
    const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants;
    const handle = await open(pinned, O_RDONLY | O_NOFOLLOW | O_NONBLOCK).catch(() => undefined);
    if (!handle) throw nothingAt(clean);
    if (await isRegularFile(handle, pinned).catch(() => false)) return handle;
    await handle.close();
    throw nothingAt(clean);
  }).catch((error: unknown) => {
    throw error instanceof ToolError ? nothingAt(clean) : error;
  });
}

/** Compared with what its name says now: where there is no O_NOFOLLOW, a link was followed. */
async function isRegularFile(handle: FileHandle, pinned: string): Promise<boolean> {
  const [opened, named] = [await handle.stat(), await lstat(pinned)];
  return opened.isFile() && opened.ino === named.ino && opened.dev === named.dev;
}

/**
 * Gives `use` a path to a folder that leads nowhere else while `use` runs: list it, or remove one of its names.
 * Only Linux can hold a folder so. Elsewhere the path was checked right before, and somebody who may write the folder
 * and swaps it at that instant is not stopped.
 *
 * @param path of the folder, as a caller may write it; `''` or `.` is the root
 * @throws {ToolError} when there is no such folder
 */
export async function folderUnder<T>(
  root: string,
  path: string,
  use: (pinned: string) => Promise<T>,
): Promise<T> {
  const clean = cleanPath(path);
  const wanted = join(await realpath(root), clean);
  if (process.platform !== 'linux') {
    if ((await realpath(wanted).catch(() => undefined)) !== wanted) throw nothingAt(clean);
    return use(wanted);
  }
  const handle = await open(wanted, constants.O_DIRECTORY).catch(() => undefined);
  if (!handle) throw nothingAt(clean);
  try {
    const pinned = `/proc/self/fd/${handle.fd}`;
    if ((await readlink(pinned)) !== wanted) throw nothingAt(clean);
    return await use(`${pinned}/`); // with the slash it is the folder, not the link to it
  } finally {
    await handle.close();
  }
}

/**
 * A path that cannot leave the folder it is relative to: `./notes//a.md` → `notes/a.md`; the folder itself is `''`.
 *
 * @throws {ToolError} for control characters, backslashes (`..\` on Windows), absolute paths, and segments that begin
 * with a dot (`..`, and hidden files such as `.env`). It never quotes the path.
 */
export function cleanPath(path: string): string {
  if (path.length > MAX_LENGTH) throw new ToolError('The path is too long');
  const segments = path.split('/').filter((segment) => segment !== '' && segment !== '.');
  // oxlint-disable-next-line no-control-regex
  const allowed = !/[\u0000-\u001f\u007f\\]/.test(path) && !/^(?:\/|[A-Za-z]:)/.test(path);
  if (!allowed || segments.some((segment) => segment.startsWith('.'))) {
    throw new ToolError('A path is relative, without "..", backslashes, control characters or hidden files');
  }
  return segments.join('/');
}

function nothingAt(path: string): ToolError {
  return new ToolError(path === '' ? 'The path names no file' : `No such file or folder: ${path}`);
}

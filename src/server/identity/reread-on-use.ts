import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';

const CHECK_INTERVAL_MS = 1000;

/**
 * The current content of a file. Each use checks it, at most once per second, and rereads it when it changed. Unlike a watch,
 * the check follows the symbolic links by which Kubernetes swaps a mounted secret.
 *
 * The result rejects while the file cannot be read or parsed: its last content may be revoked.
 */
export function rereadOnUse<T>(
  path: string,
  parse: (text: string) => T,
  now: () => number,
): () => Promise<T> {
  let latest: { readonly version: string; readonly value: T } | undefined;
  let checkedAt = Number.NEGATIVE_INFINITY;
  let check: Promise<T> | undefined;

  async function read(): Promise<T> {
    // Without O_NONBLOCK each check of a FIFO would block a thread of the pool, until the process can read no file.
    const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      if (!(await file.stat()).isFile()) throw new Error('not a regular file');
      const version = await versionOf(file);
      if (latest?.version !== version) latest = { version, value: parse(await file.readFile('utf8')) };
      return latest.value;
    } finally {
      await file.close();
    }
  }

  return function rereadOnUse() {
    // The absolute value, so that a clock set back does not postpone a revocation.
    if (check === undefined || Math.abs(now() - checkedAt) >= CHECK_INTERVAL_MS) {
      checkedAt = now();
      check = read();
    }
    return check;
  };
}

async function versionOf(file: FileHandle): Promise<string> {
  const { dev, ino, size, mtimeNs, ctimeNs } = await file.stat({ bigint: true });
  return [dev, ino, size, mtimeNs, ctimeNs].join(':');
}

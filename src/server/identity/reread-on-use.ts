import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';

const CHECK_INTERVAL_MS = 1000;

/**
 * What a file says now: it is looked at on use, at most once per second, and read again when it changed. Asking the file
 * system follows the symbolic links by which Kubernetes swaps a mounted secret, which a watch on the file would miss.
 *
 * The result rejects while the file cannot be read or parsed: what was read before may be revoked.
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
    // A FIFO would hold one thread of the pool for each check, until no file of the process can be read any more.
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
    // The absolute value: a clock set back must not postpone a revocation.
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

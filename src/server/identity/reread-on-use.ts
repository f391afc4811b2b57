import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { RefusedRequest } from '../refusal.js';
import type { IdentityLog } from './verifier.js';

/** A revocation has two seconds; another one goes by between two looks at what is open (`standings.ts`). */
const CHECK_INTERVAL_MS = 500;

/**
 * The current content of a file. Each use checks it, at most twice per second, and rereads it when it changed. Unlike a watch,
 * the check follows the symbolic links by which Kubernetes swaps a mounted secret.
 *
 * The result rejects while the file cannot be read or parsed: its last content may be revoked.
 */
function rereadOnUse<T>(path: string, parse: (text: string) => T, now: () => number): () => Promise<T> {
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

interface Refusal {
  /** For the audit. */
  readonly reason: string;
  /** Logged once for each problem. */
  readonly problem: string;
  readonly logger?: IdentityLog | undefined;
}

/** {@link rereadOnUse}, as it is and for requests: these are refused with 503 while the file cannot be read or parsed. */
export function rereadOrRefuse<T>(
  file: string,
  parse: (text: string) => T,
  now: () => number,
  { reason, problem, logger }: Refusal,
) {
  const read = rereadOnUse(file, parse, now);
  let logged: string | undefined;

  async function orRefuse(): Promise<T> {
    try {
      const value = await read();
      logged = undefined;
      return value;
    } catch (error) {
      const { message } = error as Error;
      if (message !== logged) logger?.warn({ problem: message }, problem);
      logged = message;
      throw new RefusedRequest('store_unavailable', {
        detail: { reason },
        headers: { 'Retry-After': '5' },
      });
    }
  }
  return { read, orRefuse };
}

async function versionOf(file: FileHandle): Promise<string> {
  const { dev, ino, size, mtimeNs, ctimeNs } = await file.stat({ bigint: true });
  return [dev, ino, size, mtimeNs, ctimeNs].join(':');
}

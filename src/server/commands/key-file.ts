/** Changes the key file. One writer at a time; readers see the old file or the new one, never half of it. */
import { chmod, readFile, realpath, rename, rm, stat, writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { type ApiKeyFile, parseApiKeyFile } from '../identity/api-key-entry.js';

const LOCK_ATTEMPTS = 50;
const LOCK_PAUSE_MS = 100;

export async function readKeyFile(path: string): Promise<ApiKeyFile> {
  return parseApiKeyFile(await readFile(path, 'utf8'));
}

/** @param ifMissing content of a new file; without it, a missing file is an error */
export async function changeKeyFile<T>(
  path: string,
  change: (file: ApiKeyFile) => T,
  ifMissing?: ApiKeyFile,
): Promise<T> {
  // A rename would replace a symbolic link, not the file that it points to.
  const target = await realpath(path).catch(() => path);
  const unlock = await lock(target);
  try {
    const file = await readKeyFile(target).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT' && ifMissing) return ifMissing;
      throw error;
    });
    const result = change(file);
    await replace(target, `${JSON.stringify(file, null, 2)}\n`);
    return result;
  } finally {
    await unlock();
  }
}

async function lock(path: string): Promise<() => Promise<void>> {
  const lockPath = `${path}.lock`;
  for (let attempt = 0; attempt < LOCK_ATTEMPTS; attempt++) {
    try {
      await writeFile(lockPath, `${process.pid}\n`, { flag: 'wx', mode: 0o600 });
      return () => rm(lockPath, { force: true });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      await sleep(LOCK_PAUSE_MS);
    }
  }
  throw new Error(`${lockPath} is held by another writer; remove it if no other key command is running`);
}

async function replace(path: string, text: string): Promise<void> {
  const temporary = `${path}.${process.pid}.tmp`;
  const { mode } = await stat(path).catch(() => ({ mode: 0o600 })); // kept: the server may be another user
  try {
    await writeFile(temporary, text, { flag: 'wx', mode: 0o600, flush: true });
    await chmod(temporary, mode & 0o777);
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

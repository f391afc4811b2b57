/** The lines that are added to a file from now on, across its rotation. */
import { type FileHandle, open, stat } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { type Line, splitter } from './lines.js';

const POLL_MS = 250;
const CHUNK_BYTES = 64 * 1024;

/** Ends when the signal is aborted. */
export async function* linesAdded(path: string, signal: AbortSignal): AsyncGenerator<readonly Line[]> {
  let position = (await stat(path)).size;
  while (!signal.aborted) {
    const file = await open(path);
    const split = splitter();
    try {
      for (;;) {
        // Asked before the read: what was written before the rotation is read before the file is left.
        const isLeft = await isRotated(file, path, position);
        const chunk = await readChunk(file, position);
        position += chunk.length;
        if (chunk.length > 0) yield split(chunk);
        else if (isLeft || signal.aborted) break;
        else await delay(POLL_MS, undefined, { signal }).catch(() => {});
      }
    } finally {
      await file.close();
    }
    position = 0;
  }
}

async function readChunk(file: FileHandle, position: number): Promise<Buffer> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(CHUNK_BYTES), 0, CHUNK_BYTES, position);
  return buffer.subarray(0, bytesRead);
}

/** Whether the name stands for another file now, or the file was cut. */
async function isRotated(file: FileHandle, path: string, position: number): Promise<boolean> {
  const [ours, named] = await Promise.all([file.stat(), stat(path).catch(() => undefined)]);
  return ours.size < position || (named !== undefined && named.ino !== ours.ino);
}

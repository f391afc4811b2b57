/** Measures a document of any size, one chunk at a time. */
import { createHash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';

export interface DocumentStats {
  readonly bytes: number;
  /** As editors count them: the last line needs no newline. */
  readonly lines: number;
  /** Runs of characters between white space. */
  readonly words: number;
  /** Hexadecimal. */
  readonly sha256: string;
}

const CHUNK_BYTES = 64 * 1024;

/** @throws the signal's reason, between two chunks */
export async function measure(handle: FileHandle, signal: AbortSignal): Promise<DocumentStats> {
  const hash = createHash('sha256');
  const counter = createCounter();
  const buffer = Buffer.allocUnsafe(CHUNK_BYTES);
  let bytes = 0;
  for (;;) {
    signal.throwIfAborted();
    const { bytesRead } = await handle.read(buffer, 0, CHUNK_BYTES);
    if (bytesRead === 0) break;
    const chunk = buffer.subarray(0, bytesRead);
    bytes += bytesRead;
    hash.update(chunk);
    counter.add(chunk);
  }
  return { bytes, ...counter.end(), sha256: hash.digest('hex') };
}

/** A character, a word and a line may lie across two chunks. */
function createCounter() {
  const decoder = new TextDecoder();
  let newlines = 0;
  let words = 0;
  let last = '';

  const addText = (text: string) => {
    if (text === '') return;
    newlines += text.split('\n').length - 1;
    words += text.match(/\S+/g)?.length ?? 0;
    if (/\S/.test(last) && /^\S/.test(text)) words -= 1;
    last = text.slice(-1);
  };
  return {
    add: (chunk: Buffer) => addText(decoder.decode(chunk, { stream: true })),
    end: () => {
      addText(decoder.decode());
      return { lines: newlines + (last === '' || last === '\n' ? 0 : 1), words };
    },
  };
}

/** The lines of audit files, compressed by gzip or not. */
import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { createGunzip } from 'node:zlib';

/** No line of ours is longer than 16 KiB. The rest of a longer one is dropped, so that no file can fill the memory. */
const MAX_LINE_BYTES = 64 * 1024;
const NEWLINE = 0x0a;
/** The default, 64 KiB, waits for the disk sixteen times as often. */
const CHUNK_BYTES = 1024 * 1024;

export interface Line {
  readonly bytes: Buffer;
  /** From 1. */
  readonly number: number;
}

/** In groups, because a step of an async iterator takes longer than a line. */
export async function* linesOf(path: string): AsyncGenerator<readonly Line[]> {
  const stream = createReadStream(path, { highWaterMark: CHUNK_BYTES });
  const plain = (await isGzip(path)) ? stream.compose(createGunzip()) : stream;
  const split = splitter();
  for await (const chunk of plain) yield split(chunk as Buffer);
  const last = split(Buffer.from('\n'));
  if (last[0]?.bytes.length) yield last;
}

async function isGzip(path: string): Promise<boolean> {
  const file = await open(path);
  try {
    const { buffer } = await file.read(Buffer.alloc(2), 0, 2, 0);
    return buffer.readUInt16BE() === 0x1f8b;
  } finally {
    await file.close();
  }
}

/** Keeps the beginning of a line until its end has come. */
export function splitter(): (chunk: Buffer) => readonly Line[] {
  let kept = Buffer.alloc(0);
  let number = 0;
  return (chunk) => {
    const lines: Line[] = [];
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
      const rest = chunk.subarray(start, end);
      lines.push({ bytes: kept.length > 0 ? Buffer.concat([kept, rest]) : rest, number: (number += 1) });
      kept = Buffer.alloc(0);
      start = end + 1;
    }
    const begun = chunk.subarray(start, start + MAX_LINE_BYTES - kept.length);
    if (begun.length > 0) kept = Buffer.concat([kept, begun]);
    return lines;
  };
}

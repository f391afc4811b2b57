/**
 * What a JSON text says of its own shape, in one pass over its bytes and without building anything. Nothing is
 * validated here: `JSON.parse` does that. Bytes of a multi-byte UTF-8 sequence never equal an ASCII character.
 */
export interface JsonShape {
  /** How deep arrays and objects are nested. */
  readonly depth: number;
  /** Members of all objects together, repeated ones too: each has one colon, and only strings hold others. */
  readonly members: number;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

export function scanJson(bytes: Uint8Array): JsonShape {
  let level = 0;
  let depth = 0;
  let members = 0;
  for (let i = 0; i < bytes.length; i += 1) {
    switch (bytes[i]) {
      case QUOTE:
        i = endOfString(bytes, i);
        break;
      case 0x3a: // :
        members += 1;
        break;
      case 0x5b: // [
      case 0x7b: // {
        level += 1;
        if (level > depth) depth = level;
        break;
      case 0x5d: // ]
      case 0x7d: // }
        level -= 1;
    }
  }
  return { depth, members };
}

/** Index of the quote that ends the string begun at `start`, or the end of the text. */
function endOfString(bytes: Uint8Array, start: number): number {
  let i = start + 1;
  while (i < bytes.length && bytes[i] !== QUOTE) i += bytes[i] === BACKSLASH ? 2 : 1;
  return i;
}

import { isUtf8 } from 'node:buffer';
import { RefusedRequest } from '../refusal.js';

/**
 * Parses JSON that every reader understands alike: valid UTF-8 without a byte order mark, no deeper than `maxDepth`,
 * no key twice in one object, no key that reaches an object's prototype.
 *
 * Duplicate keys: a proxy that reads the first and a server that reads the last see two different requests
 * (RFC 8259 §4). They collapse on parsing, so the value has fewer members than the text.
 */
export function parseJson(bytes: Buffer, maxDepth: number): unknown {
  if (!isUtf8(bytes)) throw malformed('not_utf8');
  const { depth, members } = scanJson(bytes);
  if (depth > maxDepth) throw malformed('too_deep');
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString('utf8'));
  } catch {
    throw malformed('syntax'); // V8's message quotes the text
  }
  if (countMembers(value) !== members) throw malformed('duplicate_key');
  return value;
}

function malformed(reason: string): RefusedRequest {
  return new RefusedRequest('malformed_json', { detail: { reason } });
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/**
 * What a text says of its own shape, without building or validating anything: how deep it is nested, and the members
 * of all its objects, repeated ones too: each has one colon, and only strings hold others.
 * Bytes of a multi-byte UTF-8 sequence never equal an ASCII character.
 */
export function scanJson(bytes: Uint8Array): { readonly depth: number; readonly members: number } {
  let level = 0;
  let depth = 0;
  let members = 0;
  for (let i = 0; i < bytes.length; i += 1) {
    switch (bytes[i]) {
      case QUOTE:
        i += 1;
        while (i < bytes.length && bytes[i] !== QUOTE) i += bytes[i] === BACKSLASH ? 2 : 1;
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

/** Members of all objects in a value. Recursion is as deep as the scan allowed. */
function countMembers(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  let members = 0;
  if (Array.isArray(value)) {
    for (const element of value) members += countMembers(element);
    return members;
  }
  for (const [key, member] of Object.entries(value)) {
    // By these a careless merge would change every object of the process.
    const isConstructor = key === 'constructor' && Object.hasOwn(Object(member), 'prototype');
    if (isConstructor || key === '__proto__') throw malformed('prototype_key');
    members += 1 + countMembers(member);
  }
  return members;
}

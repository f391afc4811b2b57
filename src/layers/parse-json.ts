import { isUtf8 } from 'node:buffer';
import { RefusedRequest } from '../refusal.js';
import { scanJson } from './json-scan.js';

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
  const value = parse(bytes.toString('utf8'));
  if (countMembers(value) !== members) throw malformed('duplicate_key');
  return value;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // V8's message quotes the text.
    throw malformed('syntax');
  }
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
    if (reachesPrototype(key, member)) throw malformed('prototype_key');
    members += 1 + countMembers(member);
  }
  return members;
}

/** Keys by which a careless merge would change every object of the process. */
function reachesPrototype(key: string, member: unknown): boolean {
  if (key === '__proto__') return true;
  return (
    key === 'constructor' &&
    typeof member === 'object' &&
    member !== null &&
    Object.hasOwn(member, 'prototype')
  );
}

function malformed(reason: string): RefusedRequest {
  return new RefusedRequest('malformed_json', { detail: { reason } });
}

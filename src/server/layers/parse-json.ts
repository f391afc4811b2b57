import { isUtf8 } from 'node:buffer';
import { RefusedRequest } from '../refusal.js';

/** Limits on the structure of a text; its size is limited where it is read. */
export interface JsonLimits {
  readonly maxDepth: number;
  /** Limits the members of all objects together, and separately the elements of all arrays: each costs far more than its few bytes. */
  readonly maxMembers: number;
}

/** The value, and the raw bytes of `params.arguments`: a digest of these needs no second serialization. */
export interface Parsed {
  readonly value: unknown;
  readonly argumentBytes?: Buffer;
}

/**
 * Parses JSON that every parser reads alike: valid UTF-8 without a byte order mark, within the limits, without duplicate
 * keys, and without keys that reach an object's prototype.
 *
 * With a duplicate key, a proxy that reads the first and a server that reads the last see different requests (RFC 8259 §4).
 * Parsing drops duplicates, so the value then has fewer members than the text.
 */
export function parseJson(bytes: Buffer, limits: JsonLimits): Parsed {
  if (!isUtf8(bytes)) throw malformed('not_utf8');
  const { members, argumentsAt } = scanJson(bytes, limits);
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString('utf8'));
  } catch {
    throw malformed('syntax'); // V8's message quotes the text
  }
  if (countMembers(value) !== members) throw malformed('duplicate_key');
  return { value, ...(argumentsAt && { argumentBytes: bytes.subarray(...argumentsAt) }) };
}

function malformed(reason: string): RefusedRequest {
  return new RefusedRequest('malformed_json', { detail: { reason } });
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

type Span = readonly [start: number, end: number];

/** For each open level, 1 for an array. Shared, since a scan is synchronous. `MAX_JSON_DEPTH` is at most 1000. */
const isArray = new Uint8Array(1001);

/**
 * Counts the members of all objects, including duplicates, and finds `params.arguments`, without parsing. Each member has one
 * colon, and other colons occur only in strings. Bytes of a multi-byte UTF-8 sequence never equal an ASCII character.
 *
 * @throws {RefusedRequest} at the first byte beyond a limit; an empty array counts as one element
 */
export function scanJson(bytes: Buffer, { maxDepth, maxMembers }: JsonLimits) {
  let level = 0;
  let members = 0;
  let elements = 0;
  let key: Span = [0, 0];
  let isInParams = false;
  let isInArguments = false;
  let begin = 0;
  let argumentsAt: Span | undefined;
  for (let i = 0; i < bytes.length; i += 1) {
    const byte = bytes[i];
    switch (byte) {
      case QUOTE: {
        const start = i;
        i += 1;
        while (i < bytes.length && bytes[i] !== QUOTE) i += bytes[i] === BACKSLASH ? 2 : 1;
        if (level <= 2) key = [start, i + 1];
        break;
      }
      case 0x3a: // :
        members += 1;
        if (level === 1) isInParams = isKey(bytes, key, 'params');
        else if (level === 2) isInArguments = isInParams && isKey(bytes, key, 'arguments');
        break;
      case 0x2c: // ,
        elements += isArray[level] ?? 0;
        break;
      case 0x5b: // [
      case 0x7b: // {
        level += 1;
        if (level > maxDepth) throw malformed('too_deep');
        isArray[level] = byte === 0x5b ? 1 : 0;
        elements += byte === 0x5b ? 1 : 0;
        if (level === 3) begin = i;
        break;
      case 0x5d: // ]
      case 0x7d: // }
        if (level === 3 && isInParams && isInArguments) argumentsAt ??= [begin, i + 1];
        level -= 1;
        break;
      default:
        continue;
    }
    if (members > maxMembers || elements > maxMembers) throw malformed('too_many_members');
  }
  return { members, argumentsAt };
}

/** Whether a key is `name`, with or without escapes. */
function isKey(bytes: Buffer, [start, end]: Span, name: string): boolean {
  const spelt = bytes.toString('latin1', start, end);
  if (!spelt.includes('\\')) return spelt === `"${name}"`;
  try {
    return JSON.parse(spelt) === name;
  } catch {
    return false; // not JSON: parsing will refuse it
  }
}

/** Members of all objects in a value. The scan has limited the depth of this recursion. */
function countMembers(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  let members = 0;
  if (Array.isArray(value)) {
    for (const element of value) members += countMembers(element);
    return members;
  }
  for (const key of Object.keys(value)) {
    const member = (value as Record<string, unknown>)[key];
    // With these keys a careless merge would change every object of the process (prototype pollution).
    const isConstructor = key === 'constructor' && Object.hasOwn(Object(member), 'prototype');
    if (isConstructor || key === '__proto__') throw malformed('prototype_key');
    members += 1 + countMembers(member);
  }
  return members;
}

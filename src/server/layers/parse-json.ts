import { isUtf8 } from 'node:buffer';
import { RefusedRequest } from '../refusal.js';

/** Bounds on the shape of a text; its size is bounded where it is read. */
export interface JsonLimits {
  readonly maxDepth: number;
  /** Members of all objects together, and elements of all arrays likewise: each costs far more than its few bytes. */
  readonly maxMembers: number;
}

/** A text as a value, and the bytes in which `params.arguments` came: a digest of the value would cost a second copy. */
export interface Parsed {
  readonly value: unknown;
  readonly argumentBytes?: Buffer;
}

/**
 * Parses JSON that every reader understands alike: valid UTF-8 without a byte order mark, within its limits, no key
 * twice in one object, no key that reaches an object's prototype.
 *
 * Duplicate keys: a proxy that reads the first and a server that reads the last see two different requests
 * (RFC 8259 §4). They collapse on parsing, so the value has fewer members than the text.
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

/** Of each level that is open now, 1 for an array. Shared: a scan never waits. `MAX_JSON_DEPTH` is at most 1000. */
const isArray = new Uint8Array(1001);

/**
 * What a text says of its own shape, without building or validating anything: the members of all its objects, repeated
 * ones too (each has one colon, and only strings hold others), and where `params.arguments` stands.
 * Bytes of a multi-byte UTF-8 sequence never equal an ASCII character.
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

/** Whether a key is spelt so, with or without escapes. */
function isKey(bytes: Buffer, [start, end]: Span, name: string): boolean {
  const spelt = bytes.toString('latin1', start, end);
  if (!spelt.includes('\\')) return spelt === `"${name}"`;
  try {
    return JSON.parse(spelt) === name;
  } catch {
    return false; // no JSON: refused when it is parsed
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
  for (const key of Object.keys(value)) {
    const member = (value as Record<string, unknown>)[key];
    // By these a careless merge would change every object of the process.
    const isConstructor = key === 'constructor' && Object.hasOwn(Object(member), 'prototype');
    if (isConstructor || key === '__proto__') throw malformed('prototype_key');
    members += 1 + countMembers(member);
  }
  return members;
}

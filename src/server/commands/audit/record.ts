/** One line of an audit file: a record, a checkpoint, or neither. */
import { isUtf8 } from 'node:buffer';
import { sha256 } from '../../observe/audit-line.js';
import type { AuditRecord } from '../../observe/audit-record.js';
import { escapeUnsafe, unescapeUnsafe } from '../../observe/unsafe-characters.js';

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;
const isText = (value: unknown): value is string => typeof value === 'string';

/** The members of a line that is one JSON object. */
export function readObject(bytes: Buffer): Readonly<Record<string, unknown>> | undefined {
  try {
    const value = JSON.parse(bytes.toString()) as unknown;
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
    return isObject ? (value as Readonly<Record<string, unknown>>) : undefined;
  } catch {
    return undefined;
  }
}

/** Whether these are the members of a record that has its place in a chain. */
export function isRecord(value: object): value is AuditRecord {
  const { seq, time, replica, chain, stage, requestId, prev, hash } = value as Record<string, unknown>;
  return isCount(seq) && [time, replica, chain, stage, requestId, prev, hash].every(isText);
}

/**
 * Whether the record is the one that was hashed, in the spelling that was hashed: every other byte shows, also one that
 * changes no value (a space, an escape, a repeated name). Its members are hashed as the line has them: to write them again
 * would take longer than all the rest.
 */
export function isGenuine(record: AuditRecord, bytes: Buffer): boolean {
  const line = bytes.toString();
  const json = unescapeUnsafe(line);
  const isSpelledSo = isUtf8(bytes) && escapeUnsafe(json) === line;
  if (!isSpelledSo || !json.startsWith('{') || !json.endsWith('}')) return false;
  const members = membersOf(json);
  const names = Object.keys(record);
  if (members[names.indexOf('hash')] !== `"hash":"${record.hash}"`) return false;
  let canonical = '';
  for (const place of sortedPlaces(names)) canonical += `,${members[place]}`;
  return members.length === names.length && sha256(`{${canonical.slice(1)}}`) === record.hash;
}

/** The members of an object that is JSON, each as it is written. */
function membersOf(json: string): readonly string[] {
  const members: string[] = [];
  let depth = 0;
  let start = 1;
  for (let at = 0; at < json.length; at += 1) {
    const char = json[at];
    if (char === '"') at = endOfString(json, at);
    else if (char === '{' || char === '[') depth += 1;
    else if (char === '}' || char === ']') depth -= 1;
    if (depth > 1 || (depth === 1 && char !== ',')) continue;
    members.push(json.slice(start, at));
    start = at + 1;
  }
  return members;
}

/** @param start of its first quote @returns the place of its last */
function endOfString(json: string, start: number): number {
  let end = json.indexOf('"', start + 1);
  while (isEscaped(json, end)) end = json.indexOf('"', end + 1);
  return end < 0 ? json.length : end;
}

function isEscaped(json: string, at: number): boolean {
  let first = at;
  while (json[first - 1] === '\\') first -= 1;
  return (at - first) % 2 === 1;
}

/** By the names in the order of a line: few orders are in all files, and sorting takes longer than hashing. */
const known = new Map<string, readonly number[]>();
const MAX_KNOWN = 1000;

/** The places of the names of a record but `hash`, in the order of the canonical form. */
function sortedPlaces(names: readonly string[]): readonly number[] {
  const key = names.join('\0');
  const found = known.get(key);
  if (found?.length === names.length - 1) return found; // a name may hold the separator
  const places = [...names.keys()].filter((place) => names[place] !== 'hash');
  const sorted = places.sort((a, b) => ((names[a] ?? '') < (names[b] ?? '') ? -1 : 1));
  if (known.size < MAX_KNOWN) known.set(key, sorted);
  return sorted;
}

const BEGINNING = '{"schema":1,"time":"';
const WHOLE_HASH = /,"hash":".{64}|[0-9a-f]{64}"\}$/;

/**
 * Whether a line that is no JSON is the first part of one, as a crash or a full disk leaves it. A record with a changed byte
 * has its end, and is not taken for one.
 */
export function isTorn(bytes: Buffer): boolean {
  const text = bytes.toString();
  const isBegun = text.startsWith(BEGINNING) || (text !== '' && BEGINNING.startsWith(text));
  return isBegun && !text.endsWith('}') && !WHOLE_HASH.test(text);
}

/** One line of an audit file: a record, a checkpoint, or neither. */
import { isUtf8 } from 'node:buffer';
import { escapeUnsafe, sha256 } from '../../observe/audit-line.js';
import type { AuditRecord } from '../../observe/audit-record.js';
import { canonicalJson, canonicalString } from '../../observe/canonical-json.js';

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
 * Whether the record is the one that was hashed, in the one spelling that a record has: every other byte shows, also one that
 * changes no value (a space, an escape, a repeated name).
 */
export function isGenuine(record: AuditRecord, bytes: Buffer): boolean {
  const names = Object.keys(record);
  const members = names.map(
    (name) => `${canonicalString(name)}:${canonicalJson(record[name as keyof AuditRecord])}`,
  );
  const canonical = sortedPlaces(names).map((place) => members[place]);
  const isHashed = sha256(`{${canonical.join(',')}}`) === record.hash;
  return isHashed && isUtf8(bytes) && bytes.toString() === escapeUnsafe(`{${members.join(',')}}`);
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

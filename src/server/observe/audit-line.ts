import { hash as hashOnce } from 'node:crypto';
import { AuditFacts, type AuditHead } from './audit-record.js';
import { canonicalJson } from './canonical-json.js';
import { redact } from './redact.js';
import { escapeUnsafe } from './unsafe-characters.js';

/** Container runtimes split lines of more than 16 KiB, which breaks the record. The hash comes on top. */
const MAX_LINE_BYTES = 15_900;
const MAX_KEY_CHARS = 64;
const MAX_DEPTH = 6;

/** Tried in turn until the line fits: attackers choose some values, and escaping makes these up to six times longer. */
const LIMITS = [
  { chars: 1024, nodes: 128 },
  { chars: 256, nodes: 48 },
  { chars: 32, nodes: 16 },
] as const;

const FACTS = Object.keys(new AuditFacts()) as (keyof AuditFacts)[];
/** The names of a record in the order of a line, whose last member is `hash`. */
const NAMES = ['schema', 'time', 'seq', 'replica', 'chain', 'stage', 'requestId', ...FACTS, 'prev'];
const AS_WRITTEN = [...NAMES.keys()];
/** The order of the canonical form. The names sort as text, since none has an escape. */
const SORTED = AS_WRITTEN.toSorted((a, b) => ((NAMES[a] ?? '') < (NAMES[b] ?? '') ? -1 : 1));

export interface AuditLine {
  readonly text: string;
  /** Of the canonical form (RFC 8785) of the record without `hash`; the `prev` of the next record. */
  readonly hash: string;
}

/** One JSON object and a newline: bounded and escaped whatever the values, and marked `truncated` when shortened. */
export function auditLine(head: AuditHead, facts: AuditFacts): AuditLine {
  let members: Members = [];
  let line = '';
  for (const { chars, nodes } of LIMITS) {
    members = membersOf(head, facts, new Bounds(chars, nodes));
    line = escapeUnsafe(joined(members, AS_WRITTEN));
    if (Buffer.byteLength(line) < MAX_LINE_BYTES) break;
  }
  const hash = sha256(`{${joined(members, SORTED)}}`);
  return { text: `{${line},"hash":"${hash}"}\n`, hash };
}

export const sha256 = (canonical: string) => hashOnce('sha256', canonical, 'hex');

/**
 * Each member in canonical form behind a comma, in the order of `NAMES`; empty for what is not there. Member by member, because
 * a whole record needs one more copy.
 */
type Members = readonly string[];

function membersOf(head: AuditHead, facts: AuditFacts, bounds: Bounds): Members {
  const { schema, time, seq, chain, stage, prev } = head;
  const members = [
    `,"schema":${schema}`,
    `,"time":"${time}"`,
    `,"seq":${seq}`,
    `,"replica":${bounds.json(head.replica)}`,
    `,"chain":"${chain}"`,
    `,"stage":"${stage}"`,
    `,"requestId":${bounds.json(head.requestId)}`,
  ];
  for (const name of FACTS) {
    const value = name === 'truncated' ? bounds.cut || facts.truncated : facts[name];
    const json = name === 'caller' ? callerJson(value, bounds) : bounds.json(value);
    members.push(json === undefined ? '' : `,"${name}":${json}`); // undefined and functions have no JSON
  }
  members.push(`,"prev":"${prev}"`);
  return members;
}

function joined(members: Members, order: readonly number[]): string {
  let json = '';
  for (const index of order) json += members[index];
  return json.slice(1);
}

/** A caller takes half the time of a record, and stays the same object while its token is cached. */
const callers = new WeakMap<object, string | undefined>();

function callerJson(caller: unknown, bounds: Bounds): string | undefined {
  if (typeof caller !== 'object' || caller === null) return bounds.json(caller);
  if (callers.has(caller)) return callers.get(caller);
  const json = bounds.json(caller);
  if (!bounds.cut) callers.set(caller, json);
  return json;
}

/** Copies values within bounds. A copy has no `toJSON`, getter, cycle or foreign prototype. */
class Bounds {
  cut = false;

  constructor(
    private readonly chars: number,
    private nodes: number,
  ) {}

  json(value: unknown): string | undefined {
    if (value === undefined) return undefined;
    const copy = this.copy(value);
    return copy === undefined ? undefined : canonicalJson(copy);
  }

  /** Removes credentials before it shortens the text: half a credential would not be recognized. */
  private text(given: string, chars = this.chars): string {
    const text = redact(given).toWellFormed(); // I-JSON (RFC 7493 §2.1) forbids lone surrogates
    if (text.length <= chars) return text;
    return this.instead(text.slice(0, chars).toWellFormed());
  }

  copy(value: unknown, depth = 0): unknown {
    if (typeof value === 'string') return this.text(value);
    if (typeof value === 'number' || typeof value === 'boolean' || value === null) return value;
    if (typeof value === 'bigint') return this.text(String(value));
    if (typeof value !== 'object') return undefined;
    if (depth >= MAX_DEPTH) return this.instead('[deep]');
    try {
      return this.members(value, depth + 1);
    } catch {
      return this.instead('[unreadable]'); // a getter or proxy that throws
    }
  }

  private members(value: object, depth: number): unknown {
    if (value instanceof Error) return this.copy(value.message, depth);
    if (Array.isArray(value)) {
      const list: unknown[] = [];
      while (list.length < value.length && this.hasRoom()) list.push(this.copy(value[list.length], depth));
      return list;
    }
    const object = new Bare();
    for (const key of Object.keys(value)) {
      if (!this.hasRoom()) break;
      object[this.text(key, MAX_KEY_CHARS)] = this.copy((value as Record<string, unknown>)[key], depth);
    }
    return object;
  }

  /** Whether one more member of an object or array may be copied. */
  private hasRoom(): boolean {
    this.nodes -= 1;
    if (this.nodes < 0) this.cut = true;
    return this.nodes >= 0;
  }

  private instead(text: string): string {
    this.cut = true;
    return text;
  }
}

/** An object without a prototype that V8 keeps as fast as any other, unlike `Object.create(null)`. */
const Bare = function Bare() {} as unknown as new () => Record<string, unknown>;
Bare.prototype = Object.create(null);

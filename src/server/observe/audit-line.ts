import { AuditFacts, type AuditHead } from './audit-record.js';
import { redact } from './redact.js';

/** Container runtimes split longer lines, which breaks the record. */
const MAX_LINE_BYTES = 16_000;
const MAX_KEY_CHARS = 64;
const MAX_DEPTH = 6;

/** Tried in turn until the line fits: attackers choose some values, and escaping makes these up to six times longer. */
const LIMITS = [
  { chars: 1024, nodes: 128 },
  { chars: 256, nodes: 48 },
  { chars: 32, nodes: 16 },
] as const;

const FACTS = Object.keys(new AuditFacts()) as (keyof AuditFacts)[];

/** One JSON object and a newline: bounded and escaped whatever the values, and marked `truncated` when shortened. */
export function auditLine(head: AuditHead, facts: AuditFacts): string {
  let line = '';
  for (const { chars, nodes } of LIMITS) {
    line = record(head, facts, new Bounds(chars, nodes));
    if (Buffer.byteLength(line) < MAX_LINE_BYTES) break;
  }
  return `${line}\n`;
}

/** Member by member, because stringifying a whole record needs one more copy. */
function record(head: AuditHead, facts: AuditFacts, bounds: Bounds): string {
  const { schema, time, seq, stage } = head;
  const [replica, requestId] = [bounds.json(head.replica), bounds.json(head.requestId)];
  let json = `{"schema":${schema},"time":"${time}","seq":${seq},"replica":${replica},"stage":"${stage}","requestId":${requestId}`;
  for (const name of FACTS) {
    const value = name === 'truncated' ? bounds.cut || facts.truncated : facts[name];
    if (value === undefined) continue;
    const member = name === 'caller' ? callerJson(value, bounds) : bounds.json(value);
    if (member !== undefined) json += `,"${name}":${member}`; // a function has no JSON
  }
  return `${json}}`;
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

/** Text that needs no escape, as most does: `JSON.stringify` and the search for unsafe characters are slow. */
const PLAIN = /^[ !#-[\]-~]*$/;

/** Copies values within bounds. A copy has no `toJSON`, getter, cycle or foreign prototype. */
class Bounds {
  cut = false;

  constructor(
    private readonly chars: number,
    private nodes: number,
  ) {}

  json(value: unknown): string | undefined {
    const copy = this.copy(value);
    if (typeof copy === 'string' && PLAIN.test(copy)) return `"${copy}"`;
    const json = JSON.stringify(copy) as string | undefined;
    return json === undefined || typeof copy === 'number' ? json : escapeUnsafe(json);
  }

  /** Removes credentials before it shortens the text: half a credential would not be recognized. */
  private text(given: string, chars = this.chars): string {
    const text = redact(given);
    if (text.length <= chars) return text;
    return this.instead(text.slice(0, chars));
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

/**
 * Characters that JSON does not escape and that some readers treat as line ends (U+0085, U+2028) or that hide or reverse text
 * (U+200B, U+202E), and the lone surrogates that I-JSON (RFC 7493 §2.1) forbids.
 */
const UNSAFE = /[\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/g;
const ESCAPE = /\\(?:ud[89a-f][0-9a-f]{2}|[^])/g;

function escapeUnsafe(json: string): string {
  const visible = json.replace(UNSAFE, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`);
  if (!visible.includes('\\ud')) return visible;
  return visible.replace(ESCAPE, (escape) => (escape.startsWith('\\ud') ? '\\ufffd' : escape));
}

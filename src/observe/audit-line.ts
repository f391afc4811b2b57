import type { AuditFacts, AuditRecord } from './audit-record.js';

/** Container runtimes split longer lines, and a split record is two broken ones. */
const MAX_LINE_BYTES = 16_000;
const MAX_KEY_CHARS = 64;
const MAX_DEPTH = 6;

/** Tried in turn until the line fits: attackers write some of the values, and escaping makes them up to six times longer. */
const LIMITS = [
  { chars: 1024, nodes: 128 },
  { chars: 256, nodes: 48 },
  { chars: 32, nodes: 16 },
] as const;

/** The order of the facts in a line. A record of all keys, so that the compiler misses none. */
const FACT_ORDER: Record<keyof AuditFacts, true> = {
  clientRequestId: true,
  traceId: true,
  'client.address': true,
  'http.method': true,
  'http.path': true,
  'http.status': true,
  'mcp.era': true,
  'mcp.protocol.version': true,
  'mcp.method.name': true,
  'gen_ai.tool.name': true,
  'mcp.resource.uri': true,
  'mcp.session': true,
  decision: true,
  reason: true,
  'rpc.code': true,
  durationMs: true,
  bytesIn: true,
  bytesOut: true,
  caller: true,
  detail: true,
  arguments: true,
  truncated: true,
};
export const FACTS = Object.keys(FACT_ORDER) as (keyof AuditFacts)[];

/** What identifies a line; the facts follow it. */
export type AuditHead = Omit<AuditRecord, keyof AuditFacts>;

/** One JSON object and a newline, whatever the values: bounded, escaped, and marked `truncated` when something was cut. */
export function auditLine(head: AuditHead, facts: AuditFacts): string {
  let line = '';
  for (const { chars, nodes } of LIMITS) {
    line = escapeUnsafe(boundedRecord(head, facts, new Budget(chars, nodes)));
    if (Buffer.byteLength(line) < MAX_LINE_BYTES) break;
  }
  return `${line}\n`;
}

/** Member by member: a record to be stringified as a whole would be copied once more. */
function boundedRecord(head: AuditHead, facts: AuditFacts, budget: Budget): string {
  const { schema, time, seq, stage } = head;
  const [replica, requestId] = [budget.string(head.replica), budget.string(head.requestId)];
  let json = JSON.stringify({ schema, time, seq, replica, stage, requestId }).slice(0, -1);
  for (const name of FACTS) {
    const value = name === 'truncated' ? budget.cut || facts.truncated : facts[name];
    if (value === undefined) continue;
    const member = JSON.stringify(bounded(value, budget));
    if (member !== undefined) json += `,"${name}":${member}`; // a function has no JSON
  }
  return `${json}}`;
}

class Budget {
  cut = false;
  #nodes: number;

  constructor(
    readonly chars: number,
    nodes: number,
  ) {
    this.#nodes = nodes;
  }

  string(text: string, chars = this.chars): string {
    if (text.length <= chars) return text;
    this.cut = true;
    return text.slice(0, chars);
  }

  /** Whether one more member of an object or array may be copied. */
  node(): boolean {
    this.#nodes -= 1;
    if (this.#nodes < 0) this.cut = true;
    return this.#nodes >= 0;
  }
}

/** Copies a value within the budget. A copy has no `toJSON`, getter, cycle or prototype of its giver. */
function bounded(value: unknown, budget: Budget, depth = 0): unknown {
  if (typeof value === 'string') return budget.string(value);
  if (typeof value === 'number' || typeof value === 'boolean' || value === null) return value;
  if (typeof value === 'bigint') return budget.string(String(value));
  if (typeof value !== 'object') return undefined;
  try {
    return boundedObject(value, budget, depth);
  } catch {
    budget.cut = true; // a getter or proxy that throws
    return '[unreadable]';
  }
}

function boundedObject(value: object, budget: Budget, depth: number): unknown {
  if (depth >= MAX_DEPTH) {
    budget.cut = true;
    return '[deep]';
  }
  if (value instanceof Error) return bounded(value.message, budget, depth + 1);
  if (Array.isArray(value)) return boundedArray(value, budget, depth);
  const copy = new Bare();
  for (const key of Object.keys(value)) {
    if (!budget.node()) break;
    copy[budget.string(key, MAX_KEY_CHARS)] = bounded(
      (value as Record<string, unknown>)[key],
      budget,
      depth + 1,
    );
  }
  return copy;
}

/** An object without a prototype that V8 keeps as fast as any other, unlike `Object.create(null)`. */
const Bare = function Bare() {} as unknown as new () => Record<string, unknown>;
Bare.prototype = Object.create(null);

function boundedArray(value: readonly unknown[], budget: Budget, depth: number): unknown[] {
  const copy: unknown[] = [];
  while (copy.length < value.length && budget.node()) {
    copy.push(bounded(value[copy.length], budget, depth + 1));
  }
  return copy;
}

/**
 * Characters that JSON lets through and that end a line somewhere (U+0085, U+2028), hide text from a reader or turn it
 * around (U+200B, U+202E), and the lone surrogates that I-JSON (RFC 7493 §2.1) forbids.
 */
const UNSAFE = /[\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/g;
const ESCAPE = /\\(?:ud[89a-f][0-9a-f]{2}|[^])/g;

function escapeUnsafe(json: string): string {
  const visible = json.replace(UNSAFE, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`);
  if (!visible.includes('\\ud')) return visible;
  return visible.replace(ESCAPE, (escape) => (escape.startsWith('\\ud') ? '\\ufffd' : escape));
}

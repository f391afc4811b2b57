/** A call as a line of text. What a client sent is escaped: a terminal must not obey it. */
import { escapeUnsafe } from '../../observe/unsafe-characters.js';
import type { Call } from './calls.js';
import { toEcs } from './ecs.js';
import { toOcsf } from './ocsf.js';

const COLUMNS = {
  TIME: 24,
  DECISION: 8,
  STATUS: 6,
  MS: 8,
  METHOD: 16,
  TOOL: 16,
  CALLER: 24,
  REASON: 20,
  STAGE: 12,
  REQUEST: 0,
};
const TITLES = Object.keys(COLUMNS);
const WIDTHS = Object.values(COLUMNS);

interface Format {
  readonly title: string;
  readonly line: (call: Call) => string;
}

export const FORMATS: ReadonlyMap<string, Format> = new Map<string, Format>([
  ['table', { title: row(TITLES), line: (call) => row(cells(call)) }],
  ['json', { title: '', line: json }],
  ['ecs', { title: '', line: (call) => json(toEcs(call)) }],
  ['ocsf', { title: '', line: (call) => json(toOcsf(call)) }],
]);

function json(value: object): string {
  return `${escapeUnsafe(JSON.stringify(value))}\n`;
}

function cells(call: Call): readonly (string | number | undefined)[] {
  const { decision, caller, reason, stage, durationMs, requestId, stages } = call;
  const status = call['http.status'];
  const method = call['mcp.method.name'] ?? call['http.method'];
  const tool = call['gen_ai.tool.name'] ?? call['mcp.resource.uri'];
  return [
    stages[0]?.time,
    decision,
    status,
    durationMs,
    method,
    tool,
    caller?.subject,
    reason,
    stage,
    requestId,
  ];
}

function row(values: readonly (string | number | undefined)[]): string {
  const texts = values.map((value, index) => {
    const text = escapeUnsafe(JSON.stringify(String(value ?? '-')).slice(1, -1));
    return text.padEnd(WIDTHS[index] ?? 0);
  });
  return `${texts.join(' ')}\n`;
}

/** Which labels the metrics have, by what the server says of one request of each kind. */
import { createMetrics } from '../../src/server/observe/metrics.js';

/** Prometheus adds them to every series. */
const ADDED = ['instance', 'job', 'namespace', 'pod'];
const SELECTOR = /\b((?:mcp|nodejs|process)_\w+)\{([^}]*)\}/g;
const MATCHER = /(\w+)(?:=~|!~|!=|=)"([^"]*)"/g;

async function labels(): Promise<ReadonlyMap<string, ReadonlySet<string>>> {
  const metrics = createMetrics({ toolNames: ['t'] });
  const call = { 'mcp.era': '2026', 'mcp.method.name': 'tools/call', 'gen_ai.tool.name': 't' } as const;
  metrics.request({ ...call, decision: 'allow' });
  metrics.request({ decision: 'deny', reason: 'rate_limited', detail: { limit: 'caller' } });
  metrics.storeAnswered(1, true);
  const seen = new Map<string, Set<string>>();
  for (const [, metric = '', list = ''] of (await metrics.render()).matchAll(SELECTOR)) {
    const names = [...list.matchAll(MATCHER)].map(nameOf);
    seen.set(metric, new Set([...(seen.get(metric) ?? []), ...names]));
  }
  return seen;
}

/** With its value for a bound of a histogram: one that it does not have matches nothing. */
const nameOf = ([text = '', label = '']: RegExpExecArray) => (label === 'le' ? text : label);

/** Of the metrics of the server, in queries: such a query is silent for ever. */
export async function unknownLabels(queries: readonly string[]): Promise<readonly string[]> {
  const known = await labels();
  return [...queries.join('\n').matchAll(SELECTOR)].flatMap(([, metric = '', list = '']) =>
    [...list.matchAll(MATCHER)]
      .filter((matcher) => !ADDED.includes(matcher[1] ?? '') && !known.get(metric)?.has(nameOf(matcher)))
      .map(([text]) => text),
  );
}

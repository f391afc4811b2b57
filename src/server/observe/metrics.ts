import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import { SSE_PATHS } from '../exact-names.js';
import { REFUSAL_CODES } from '../refusal.js';
import type { AuditFacts } from './audit-record.js';

/** From the OpenTelemetry conventions for MCP, in seconds. */
const DURATION_BUCKETS = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300];
const WRITE_BUCKETS = [0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1];

/** The rate limits, as refusals name them in their detail. */
const LIMITS: ReadonlySet<string> = new Set(['address', 'caller', 'auth_failures']);

/** Besides the refusals, what the `authorize` of a tool refuses. */
const CODES: ReadonlySet<string> = new Set([...REFUSAL_CODES, 'not_permitted']);
const METHODS: ReadonlySet<string> = new Set(
  (
    'initialize ping server/discover tools/list tools/call resources/list resources/templates/list resources/read ' +
    'resources/subscribe resources/unsubscribe prompts/list prompts/get completion/complete logging/setLevel ' +
    'subscriptions/listen notifications/initialized notifications/cancelled notifications/progress ' +
    'notifications/roots/list_changed'
  ).split(' '),
);

/** Read on each scrape. */
const GAUGES = {
  sessions: ['mcp_server_sessions', 'Live sessions'],
  streams: ['mcp_server_streams', 'Open streams'],
  streamBufferedBytes: [
    'mcp_server_stream_buffered_bytes',
    'Bytes that readers of streams have not taken yet',
  ],
  auditQueuedBytes: ['mcp_server_audit_queued_bytes', 'Audit records not yet written'],
  storeAvailable: ['mcp_server_store_available', '1 if the stores answer, else 0'],
} as const;
type Sources = Readonly<Record<keyof typeof GAUGES, () => number | Promise<number>>>;

/** Only typed functions, so that no label can contain a user, a session or a client's text. */
export type Metrics = ReturnType<typeof createMetrics>;

/** @param toolNames the tool names that may become labels */
export function createMetrics({ toolNames }: { readonly toolNames: readonly string[] }) {
  const registry = new Registry();
  const registers = [registry];
  const tools = new Set(toolNames);
  collectDefaultMetrics({ register: registry });

  const duration = new Histogram({
    name: 'mcp_server_operation_duration_seconds',
    help: 'Duration of MCP requests and notifications',
    labelNames: ['mcp_method_name', 'gen_ai_tool_name', 'era', 'outcome'],
    buckets: DURATION_BUCKETS,
    registers,
  });
  const writes = (name: string, help: string, labelNames: string[] = []) =>
    new Histogram({ name, help, labelNames, buckets: WRITE_BUCKETS, registers });
  const auditWrites = writes(
    'mcp_server_audit_write_duration_seconds',
    'Duration of one grouped audit write',
  );
  const storeCommands = writes(
    'mcp_server_store_command_duration_seconds',
    'Duration of one command to the shared store; none where the stores are in memory',
    ['outcome'],
  );
  const counter = (name: string, help: string, labelNames: string[] = []) =>
    new Counter({ name, help, labelNames, registers });
  const refusals = counter('mcp_server_refusals_total', 'Refused requests by refusal code', ['code']);
  const limited = counter('mcp_server_rate_limited_total', 'Refused requests by the limit they met', [
    'limit',
  ]);
  const sseRequests = counter(
    'mcp_legacy_sse_requests_total',
    'Requests over HTTP+SSE: once there are none, unset LEGACY_SSE',
  );
  const auditDrops = counter(
    'mcp_server_audit_dropped_total',
    'Audit records that a sink lost because its queue was full',
  );
  let sources: Sources | undefined;
  for (const key of Object.keys(GAUGES) as (keyof typeof GAUGES)[]) {
    const [name, help] = GAUGES[key];
    const gauge = new Gauge({ name, help, registers, collect });
    async function collect(): Promise<void> {
      const value = (async () => sources?.[key]() ?? Number.NaN)();
      gauge.set(await value.catch(() => Number.NaN)); // a store that is down must not break the other metrics
    }
  }

  return {
    /** Counts a finished request by its audit facts. */
    request(facts: AuditFacts): void {
      const { reason = '', durationMs = 0, 'mcp.era': era, 'mcp.method.name': method } = facts;
      const { 'gen_ai.tool.name': tool } = facts;
      if (Object.values(SSE_PATHS).includes(facts['http.path'] ?? '') && reason !== 'not_found')
        sseRequests.inc();
      if (isRefused(facts)) refusals.inc({ code: known(CODES, reason) });
      if (reason === 'rate_limited') limited.inc({ limit: known(LIMITS, String(facts.detail?.['limit'])) });
      if (method === undefined || era === undefined) return;
      const labels = {
        mcp_method_name: knownMethod(method),
        gen_ai_tool_name: tool === undefined ? '' : known(tools, tool),
        era,
        outcome: outcomeOf(facts),
      };
      duration.observe(labels, durationMs / 1000);
    },
    auditWritten: (seconds: number) => auditWrites.observe(seconds),
    auditDropped: () => auditDrops.inc(),
    storeAnswered: (seconds: number, ok: boolean) =>
      storeCommands.observe({ outcome: ok ? 'ok' : 'error' }, seconds),
    /** Sets the sources of the gauges, once the parts exist. */
    watch(parts: Sources): void {
      sources = parts;
    },
    contentType: registry.contentType,
    /** The Prometheus text. */
    render: () => registry.metrics(),
  };
}

/** The outcome of a finished request, one of a closed set. */
export function outcomeOf(facts: AuditFacts): string {
  const { detail, truncated, 'rpc.code': rpcCode } = facts;
  if (isRefused(facts)) return 'refused';
  if (rpcCode !== undefined) return 'error';
  if (detail?.['ended'] === 'tool_error') return 'tool_error'; // a result with `isError`, which is no JSON-RPC error
  return truncated || detail?.['ended'] === 'cancelled' ? 'cancelled' : 'ok';
}

/** Without a reason the client left before a decision. */
const isRefused = ({ decision, reason }: AuditFacts) => decision === 'deny' && reason !== undefined;

export const knownMethod = (method: string) => known(METHODS, method);

/** Clients must not create new time series: `_OTHER` is OpenTelemetry's label for unknown values. */
function known(names: ReadonlySet<string>, name: string): string {
  return names.has(name) ? name : '_OTHER';
}

/** For each alert: series that make it fire, and some that come near and must not. One sample a minute. */
import { NAME } from '../../scripts/name.js';

const DURATION = 'mcp_server_operation_duration_seconds';
const refused = (code: string, values: string) => ({
  series: `mcp_server_refusals_total{code="${code}",instance="a"}`,
  values,
});
const calls = (outcome: string, values: string) => ({
  series: `${DURATION}_count{mcp_method_name="tools/call",gen_ai_tool_name="t",era="2026",outcome="${outcome}",instance="a"}`,
  values,
});
const gauge = (name: string, values: string) => ({ series: `${name}{instance="a"}`, values });
const limited = (limit: string, values: string) => ({
  series: `mcp_server_rate_limited_total{limit="${limit}",instance="a"}`,
  values,
});
/** All of a histogram's observations between two of its bounds. */
const histogram = (name: string, labels: string, bounds: readonly string[], above: string) =>
  bounds.map((le) => ({
    series: `${name}_bucket{${labels}le="${le}",instance="a"}`,
    values: le === '+Inf' || Number(le) > Number(above) ? '0+600x60' : '0x60',
  }));
const duration = (above: string) =>
  histogram(DURATION, 'mcp_method_name="tools/list",', ['0.1', '0.5', '1', '+Inf'], above);
const write = (above: string) =>
  histogram('mcp_server_audit_write_duration_seconds', '', ['0.01', '0.1', '0.5', '+Inf'], above);
const command = (above: string) =>
  histogram(
    'mcp_server_store_command_duration_seconds',
    'outcome="ok",',
    ['0.01', '0.05', '0.1', '+Inf'],
    above,
  );
const up = (values: string, instance = 'a') => ({
  series: `up{job="${NAME}-admin",instance="${instance}"}`,
  values,
});

interface Series {
  readonly series: string;
  readonly values: string;
}

export interface AlertCase {
  readonly fires: readonly Series[];
  readonly near: readonly Series[];
  /** Of the alert that fires, besides its severity. */
  readonly labels?: Readonly<Record<string, string>>;
}

const ofInstance = { instance: 'a' };

export const CASES: Readonly<Record<string, AlertCase>> = {
  McpServerDown: { fires: [up('0x60')], near: [up('0x60'), up('1x60', 'b')] },
  McpServerReplicaDown: {
    fires: [up('0x60'), up('1x60', 'b')],
    near: [up('1x60')],
    labels: { job: `${NAME}-admin`, ...ofInstance },
  },
  McpServerBudgetBurnsFast: {
    fires: [refused('internal', '0+2x60'), calls('ok', '0+98x60')],
    near: [refused('internal', '0+1x60'), refused('rate_limited', '0+900x60'), calls('ok', '0+98x60')],
  },
  McpServerBudgetBurnsSlowly: {
    fires: [refused('overloaded', '0+1x60'), calls('ok', '0+99x60')],
    near: [refused('overloaded', '0+1x60'), calls('ok', '0+400x60')],
  },
  McpServerSlow: { fires: duration('0.5'), near: duration('0.1') },
  McpServerToolFails: {
    fires: [calls('tool_error', '0+30x60'), calls('error', '0+30x60'), calls('ok', '0+50x60')],
    near: [calls('tool_error', '0+30x60'), calls('refused', '0+900x60'), calls('ok', '0+50x60')],
    labels: { gen_ai_tool_name: 't' },
  },
  McpServerOverloaded: { fires: [refused('overloaded', '0+1x60')], near: [refused('overloaded', '7x60')] },
  McpServerEventLoopBlocked: {
    fires: [gauge('nodejs_eventloop_lag_p99_seconds', '0.3x60')],
    near: [gauge('nodejs_eventloop_lag_p99_seconds', '0.1x28 0.3 0.1x31')],
    labels: ofInstance,
  },
  McpServerStreamsBacklog: {
    fires: [gauge('mcp_server_stream_buffered_bytes', '70000000x60')],
    near: [gauge('mcp_server_stream_buffered_bytes', '60000000x60')],
    labels: ofInstance,
  },
  McpServerAuditDropped: {
    fires: [gauge('mcp_server_audit_dropped_total', '0x25 1x35')],
    near: [gauge('mcp_server_audit_dropped_total', '0x5 1x55')],
  },
  McpServerAuditBacklog: {
    fires: [gauge('mcp_server_audit_queued_bytes', '2000000x60')],
    near: [gauge('mcp_server_audit_queued_bytes', '0x29 2000000 0x30')],
    labels: ofInstance,
  },
  McpServerAuditSlow: { fires: write('0.1'), near: write('0.01') },
  McpServerStoreAway: {
    fires: [gauge('mcp_server_store_available', '1x20 0x40')],
    near: [gauge('mcp_server_store_available', '1x60')],
    labels: ofInstance,
  },
  McpServerStoreSlow: { fires: command('0.05'), near: command('0.01') },
  McpServerCredentialsGuessed: {
    fires: [refused('credentials_invalid', '0+40x60'), limited('auth_failures', '0+40x60')],
    near: [refused('credentials_invalid', '0+40x60'), refused('credentials_missing', '0+900x60')],
  },
  McpServerForeignOrigins: {
    fires: [refused('origin_not_allowed', '0+60x60')],
    near: [refused('origin_not_allowed', '0+20x60')],
  },
  McpServerCallersLimited: {
    fires: [limited('caller', '0+50x60'), limited('address', '0+50x60')],
    near: [limited('caller', '0+50x60'), limited('auth_failures', '0+900x60')],
  },
};

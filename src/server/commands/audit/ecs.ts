/** A call in the Elastic Common Schema 8.17. What it has no field for stands under `mcp`. */
import { isIP } from 'node:net';
import type { Call } from './calls.js';

const NANOSECONDS = 1_000_000;

export function toEcs(call: Call) {
  const { caller, decision, durationMs, reason, requestId, stages, truncated } = call;
  const address = call['client.address'];
  return {
    '@timestamp': stages[0]?.time ?? call.time,
    ecs: { version: '8.17.0' },
    event: {
      kind: 'event',
      category: ['api'],
      type: ['access', decision === 'deny' ? 'denied' : 'allowed'],
      action: call['mcp.method.name'],
      outcome: outcomeOf(call),
      reason,
      id: requestId,
      sequence: call.seq,
      hash: call.hash,
      end: call.time,
      duration: durationMs === undefined ? undefined : Math.round(durationMs * NANOSECONDS),
      dataset: 'mcp.audit',
    },
    host: { name: call.replica },
    client: { address, ip: address !== undefined && isIP(address) ? address : undefined },
    user: caller && { id: caller.subject, domain: caller.issuer, roles: caller.scopes },
    http: {
      request: { id: requestId, method: call['http.method'], bytes: call.bytesIn },
      response: { status_code: call['http.status'], bytes: call.bytesOut },
    },
    url: { path: call['http.path'] },
    trace: call.traceId === undefined ? undefined : { id: call.traceId },
    mcp: {
      era: call['mcp.era'],
      protocol_version: call['mcp.protocol.version'],
      tool: call['gen_ai.tool.name'],
      resource: call['mcp.resource.uri'],
      session: call['mcp.session'],
      task: call['mcp.task'],
      client_request_id: call.clientRequestId,
      caller: caller && { client_id: caller.clientId, key_id: caller.keyId, method: caller.method },
      rpc_code: call['rpc.code'],
      arguments: call.arguments,
      detail: call.detail,
      truncated,
      stage: call.stage,
      chain: call.chain,
      prev: call.prev,
    },
  };
}

/** Unknown while the call has no end; what was allowed can still fail. */
function outcomeOf(call: Call): 'success' | 'failure' | 'unknown' {
  const status = call['http.status'];
  if (call.decision === 'deny' || call['rpc.code'] !== undefined || (status ?? 0) >= 400) return 'failure';
  return call.stage === 'completed' || call.stage === 'stream-close' ? 'success' : 'unknown';
}

/** A call as API Activity (class 6003) of the Open Cybersecurity Schema Framework 1.3, with its profile `security_control`. */
import { isIP } from 'node:net';
import type { Call } from './calls.js';

const CLASS = 6003;
const CATEGORY = 6;
const OTHER = 99;
const READ = 2;
const INFORMATIONAL = 1;
const LOW = 2;

/** Methods that only read, whatever the server; what a tool does is its own affair. */
const READS =
  /^(?:ping|initialize|server\/discover|completion\/complete|[\w/]+\/(?:list|get|read|templates\/list))$/;

export function toOcsf(call: Call) {
  const { caller, decision, reason, requestId, stages } = call;
  const method = call['mcp.method.name'];
  const isDenied = decision === 'deny';
  const activity = method !== undefined && READS.test(method) ? READ : OTHER;
  return {
    class_uid: CLASS,
    category_uid: CATEGORY,
    activity_id: activity,
    activity_name: activity === OTHER ? method : undefined,
    type_uid: CLASS * 100 + activity,
    severity_id: isDenied ? LOW : INFORMATIONAL,
    time: Date.parse(stages[0]?.time ?? call.time),
    end_time: Date.parse(call.time),
    duration: call.durationMs === undefined ? undefined : Math.round(call.durationMs),
    status_id: statusOf(call),
    status_code: reason,
    action_id: isDenied ? 2 : 1,
    disposition_id: isDenied ? 2 : 1,
    metadata: {
      version: '1.3.0',
      profiles: ['security_control'],
      product: { name: 'MCP server', vendor_name: 'MCP server' },
      log_name: 'audit',
      uid: call.hash,
      sequence: call.seq,
      correlation_uid: call.traceId,
    },
    actor: {
      user: { uid: caller?.subject ?? 'unknown', domain: caller?.issuer },
      app_uid: caller?.clientId,
      session: call['mcp.session'] === undefined ? undefined : { uid: call['mcp.session'] },
    },
    api: {
      operation: method ?? call['http.method'] ?? 'unknown',
      version: call['mcp.protocol.version'],
      request: { uid: requestId },
      response: { code: call['rpc.code'] ?? call['http.status'], error: reason },
    },
    src_endpoint: sourceOf(call),
    dst_endpoint: { hostname: call.replica },
    http_request: {
      http_method: call['http.method'],
      url: { path: call['http.path'] },
      length: call.bytesIn,
    },
    http_response: { code: call['http.status'], length: call.bytesOut },
    resources: resourcesOf(call),
    unmapped: {
      stage: call.stage,
      chain: call.chain,
      prev: call.prev,
      caller: caller && { keyId: caller.keyId, method: caller.method, scopes: caller.scopes },
      task: call['mcp.task'],
      arguments: call.arguments,
      detail: call.detail,
      truncated: call.truncated,
    },
  };
}

function statusOf(call: Call): number {
  if (call.decision === 'deny' || call['rpc.code'] !== undefined || (call['http.status'] ?? 0) >= 400)
    return 2;
  return call.stage === 'completed' || call.stage === 'stream-close' ? 1 : 0;
}

/** The record of a start, and that of a task's end, have no client: they come from the process itself. */
function sourceOf({ caller, 'client.address': address }: Call) {
  if (address === undefined) return { name: caller?.method === 'stdio' ? 'stdio' : 'server' };
  return isIP(address) ? { ip: address } : { name: address };
}

function resourcesOf(call: Call) {
  const [tool, uri] = [call['gen_ai.tool.name'], call['mcp.resource.uri']];
  if (tool === undefined && uri === undefined) return undefined;
  return [{ type: tool === undefined ? 'resource' : 'tool', name: tool ?? uri }];
}

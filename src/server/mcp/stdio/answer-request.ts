/** One request of the client's at the other end of stdin, answered as over HTTP, with its audit. */
import { randomUUID } from 'node:crypto';
import type { Server, ServerContext } from '@modelcontextprotocol/server';
import type { Caller } from '../../identity/caller.js';
import type { Audit } from '../../observe/audit.js';
import type { RequestTrail } from '../../observe/audit-trail.js';
import type { Logger } from '../../observe/logger.js';
import { RefusedRequest } from '../../refusal.js';
import { type Call, Cancellation, internalError, type Params, type Result, RpcError } from '../calls/call.js';
import type { Handlers, SharedMethod } from '../calls/handlers.js';
import { progressTo } from '../calls/notifications.js';
import type { Catalog } from '../definitions/catalog.js';
import { MissingCapability } from '../definitions/tool.js';
import { runMultiRound } from '../era-2026/input-required.js';
import type { RequestStates } from '../era-2026/request-state.js';
import type { StdioTransport } from './transport.js';

export interface AnswerOptions {
  readonly handlers: Handlers;
  readonly catalog: Catalog;
  /** The user who started the process. */
  readonly caller: Caller;
  readonly audit: Audit;
  readonly logger: Logger;
}

export interface StdioRequest {
  readonly method: SharedMethod;
  readonly params: Params;
  readonly era: 'legacy' | 'modern';
  readonly server: Server;
  readonly ctx: ServerContext;
  readonly transport: StdioTransport;
}

export async function answerRequest(
  request: StdioRequest,
  options: AnswerOptions,
  states: RequestStates,
): Promise<Result> {
  const { method, params, ctx } = request;
  const { caller } = options;
  const { mcpReq } = ctx;
  const audit = openTrail(request, options);
  const { requestId } = audit;
  try {
    const notify = (name: string, body: Params) =>
      mcpReq.notify({ method: name, params: body }).catch(() => {}); // the client has gone
    const progress = progressTo(notify, mcpReq._meta);
    const log: Call['log'] = (level, data) => mcpReq.log(level, data).catch(() => {}); // knows both eras' levels
    const multiRound = {
      caller,
      method,
      params: { ...params, inputResponses: mcpReq.inputResponses, requestState: mcpReq.requestState() },
      capabilities: capabilitiesOfClient(request),
    };
    const cancellation = new Cancellation();
    mcpReq.signal.addEventListener('abort', () => cancellation.cancel(), { once: true });
    return await runMultiRound(states, multiRound, (way) =>
      options.handlers[method](params, { caller, requestId, audit, cancellation, progress, log, ...way }),
    );
  } catch (error) {
    const shown = toRpcError(error, requestId, options.logger);
    audit.note(error instanceof RefusedRequest ? error.facts : { 'rpc.code': shown.code });
    throw shown;
  } finally {
    audit.end();
  }
}

/** A 2025 client declares its capabilities once, a 2026 client with every request. */
function capabilitiesOfClient({ era, server, ctx }: StdioRequest): Params {
  if (era === 'legacy') return { ...server.getClientCapabilities() };
  const { envelope = {} } = ctx.mcpReq as { envelope?: Params };
  return { ...(envelope['io.modelcontextprotocol/clientCapabilities'] as Params) };
}

function openTrail(
  { method, params, era, ctx, transport }: StdioRequest,
  { audit, catalog, caller }: AnswerOptions,
): RequestTrail {
  const trail = audit.trail(randomUUID(), {
    'mcp.era': era === 'modern' ? '2026' : '2025',
    'mcp.method.name': method,
    caller: { ...caller },
    decision: 'allow',
  });
  if (method !== 'tools/call') return trail;
  const tool = catalog.tools.get(String(params['name']));
  trail.note({ 'gen_ai.tool.name': tool?.definition.name ?? 'unknown' });
  const args = params['arguments'];
  const received = transport.argumentBytes(ctx.mcpReq.id) ?? '';
  trail.arguments(received, args, tool?.definition.auditArguments);
  return trail;
}

function toRpcError(error: unknown, requestId: string, logger: Logger): RpcError {
  if (error instanceof RpcError) return error;
  if (error instanceof RefusedRequest) {
    return new RpcError(error.rpcCode, error.message, { code: error.code, requestId });
  }
  if (error instanceof MissingCapability) {
    return new RpcError(-32021, error.message, { requiredCapabilities: error.required });
  }
  logger.error({ err: error, requestId }, 'stdio');
  return internalError(requestId);
}

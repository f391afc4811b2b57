/**
 * Serves the shared handlers over stdio, for both eras. The SDK's entry point speaks the 2025 handshake and revision
 * 2026-07-28. For 2025 clients it turns our `input_required` results into requests.
 */
import { randomUUID } from 'node:crypto';
import { type Implementation, Server, type ServerContext } from '@modelcontextprotocol/server';
import { serveStdio } from '@modelcontextprotocol/server/stdio';
import { AjvJsonSchemaValidator } from '@modelcontextprotocol/server/validators/ajv';
import type { Caller } from '../../identity/caller.js';
import type { Audit } from '../../observe/audit.js';
import type { RequestTrail } from '../../observe/audit-trail.js';
import type { Logger } from '../../observe/logger.js';
import { RefusedRequest } from '../../refusal.js';
import type { Change, ChangeBus, Subscription } from '../../stores/types.js';
import {
  type Call,
  Cancellation,
  INVALID_PARAMS,
  internalError,
  type Params,
  type Result,
  RpcError,
} from '../calls/call.js';
import type { Catalog } from '../definitions/catalog.js';
import type { Handlers, SharedMethod } from '../calls/handlers.js';
import {
  allChanges,
  changeNotification,
  MAX_SUBSCRIPTIONS,
  progressTo,
  TOO_MANY_SUBSCRIPTIONS,
} from '../calls/notifications.js';
import { type Introduction, isOffered } from '../definitions/server-info.js';
import { MissingCapability } from '../definitions/tool.js';
import { type Extension, withExtensions } from '../extensions/extension.js';
import { StdioTransport, type StdioTransportOptions } from './transport.js';
import { runMultiRound } from '../era-2026/input-required.js';
import {
  createRequestStates,
  type RequestStateOptions,
  type RequestStates,
} from '../era-2026/request-state.js';

export interface StdioOptions extends Introduction {
  readonly handlers: Handlers;
  readonly extensions: readonly Extension[];
  readonly catalog: Catalog;
  readonly changes: Pick<ChangeBus, 'subscribe'>;
  readonly requestState: RequestStateOptions;
  /** How long a 2025 client has for an answer, in milliseconds. */
  readonly askTimeoutMs: number;
  /** The user who started the process. */
  readonly caller: Caller;
  readonly audit: Audit;
  readonly logger: Logger;
  /** Limits of one line, those of an HTTP body. */
  readonly limits: StdioTransportOptions['limits'];
}

export interface StdioConnection {
  /** Settles when stdin has ended and everything read from it is answered. */
  readonly ended: Promise<void>;
  /** Stops reading, answers what was read, and ends. */
  close(): Promise<void>;
}

/** Serves the one client at the other end of stdin and stdout. */
export function serveOverStdio(options: StdioOptions): StdioConnection {
  const states = createRequestStates(options.requestState);
  const jsonSchemaValidator = new AjvJsonSchemaValidator();
  const running = new Set<Promise<Result>>();
  const transport = new StdioTransport({
    stdin: process.stdin,
    stdout: process.stdout,
    limits: options.limits,
    onRefused: (refusal) => refuse(refusal, options),
  });
  const connection = serveStdio(
    ({ era }) => {
      const server = new Server(options.serverInfo as Implementation, {
        ...(options.instructions !== undefined && { instructions: options.instructions }),
        capabilities: withExtensions(
          options.capabilities,
          options.extensions.filter(({ open }) => !open), // what it opens is served over HTTP alone
          era === 'modern' ? '2026' : '2025',
        ),
        jsonSchemaValidator,
        inputRequired: { roundTimeoutMs: options.askTimeoutMs },
      });
      for (const method of Object.keys(options.handlers) as SharedMethod[]) {
        // The SDK throws for a method whose capability is not declared, and the process would end.
        if (!isOffered(method, options.capabilities)) continue;
        // The cast: the name only selects the schema of the params.
        server.setRequestHandler(
          method as 'completion/complete',
          async ({ params = {} }: { params?: Params }, ctx) => {
            const answered = answer({ method, params, era, server, ctx, transport }, options, states);
            running.add(answered);
            return (await answered.finally(() => running.delete(answered))) as never;
          },
        );
      }
      tellChanges(server, options);
      return server;
    },
    { transport, onerror: (err) => options.logger.warn({ err }, 'stdio') },
  );
  return {
    ended: transport.ended,
    async close() {
      transport.stopReading();
      await transport.ended;
      await connection.close(); // ends cancelled calls
      await Promise.allSettled(running); // so that the audit records their end
    },
  };
}

/** Answers as over HTTP, and writes the audit record. */
function refuse(refusal: RefusedRequest, { audit, caller }: StdioOptions): object {
  const trail = audit.trail(randomUUID(), { caller: { ...caller }, ...refusal.facts });
  trail.end();
  return refusal.toBody(trail.requestId);
}

interface StdioRequest {
  readonly method: SharedMethod;
  readonly params: Params;
  readonly era: 'legacy' | 'modern';
  readonly server: Server;
  readonly ctx: ServerContext;
  readonly transport: StdioTransport;
}

async function answer(request: StdioRequest, options: StdioOptions, states: RequestStates): Promise<Result> {
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
  { audit, catalog, caller }: StdioOptions,
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

/** Sends the changes to the one client: of resources, only those that it subscribed to. */
function tellChanges(server: Server, { catalog, changes, capabilities }: StdioOptions): void {
  const tell = (change: Change) => void server.notification(changeNotification(change)).catch(() => {}); // the client has gone
  const lists = changes.subscribe(allChanges([]), tell);
  const subscribed = new Map<string, Subscription>();
  if (isOffered('resources/subscribe', capabilities)) {
    server.setRequestHandler('resources/subscribe', ({ params: { uri } }) => {
      if (!catalog.findResource(uri)) throw new RpcError(INVALID_PARAMS, 'Resource not found');
      if (!subscribed.has(uri) && subscribed.size >= MAX_SUBSCRIPTIONS)
        throw new RpcError(INVALID_PARAMS, TOO_MANY_SUBSCRIPTIONS);
      if (!subscribed.has(uri)) subscribed.set(uri, changes.subscribe([{ kind: 'resource', uri }], tell));
      return {};
    });
    server.setRequestHandler('resources/unsubscribe', ({ params }) => {
      subscribed.get(params.uri)?.stop();
      subscribed.delete(params.uri);
      return {};
    });
  }
  // oxlint-disable-next-line unicorn/prefer-add-event-listener -- a property of the SDK's `Server`, no event target
  server.onclose = () => [lists, ...subscribed.values()].forEach(({ stop }) => stop());
}

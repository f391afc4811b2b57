/**
 * The only file that knows `@modelcontextprotocol/sdk`: its schemas check what comes in. The answers are our own, so that
 * nothing of one request is there when the next one comes.
 */
import * as sdk from '@modelcontextprotocol/sdk/types.js';
import {
  type Cancellation,
  errorOf,
  INVALID_PARAMS,
  METHOD_NOT_FOUND,
  type Params,
  RpcError,
} from '../calls/call.js';
import { VERSIONS_2025 } from '../envelope/envelope.js';
import type { JsonRpcMessage } from '../envelope/message.js';
import type { Introduction } from '../definitions/server-info.js';
import type { AskRequest } from '../definitions/tool.js';

/** Answers with the result, or throws an {@link RpcError}. */
export type Handle = (params: Params) => unknown;

export type Engine = ReturnType<typeof createEngine>;

const REQUESTS = {
  initialize: sdk.InitializeRequestSchema,
  ping: sdk.PingRequestSchema,
  'tools/list': sdk.ListToolsRequestSchema,
  'tools/call': sdk.CallToolRequestSchema,
  'resources/list': sdk.ListResourcesRequestSchema,
  'resources/templates/list': sdk.ListResourceTemplatesRequestSchema,
  'resources/read': sdk.ReadResourceRequestSchema,
  'resources/subscribe': sdk.SubscribeRequestSchema,
  'resources/unsubscribe': sdk.UnsubscribeRequestSchema,
  'prompts/list': sdk.ListPromptsRequestSchema,
  'prompts/get': sdk.GetPromptRequestSchema,
  'completion/complete': sdk.CompleteRequestSchema,
  'logging/setLevel': sdk.SetLevelRequestSchema,
} as const;

export function createEngine(introduction: Introduction) {
  const own: Readonly<Record<string, Handle>> = {
    initialize: ({ protocolVersion }) => initialize(introduction, String(protocolVersion)),
    ping: () => ({}),
  };
  return {
    /**
     * The JSON-RPC answer to a request. Without `handle` the engine answers `initialize` and `ping`, and `-32601` for the
     * rest. `undefined` once it is cancelled: such a request gets no answer.
     */
    answer: (request: JsonRpcMessage, handle: Handle | undefined, cancellation: Cancellation) => {
      const method = String(request.method);
      const builtIn = Object.hasOwn(own, method) ? own[method] : undefined;
      return cancellation.race(respond(request, handle ?? builtIn));
    },
  };
}

/** Offers our latest revision to a client that asks for one that we do not speak (MCP 2025-11-25, version negotiation). */
function initialize({ serverInfo, capabilities, instructions }: Introduction, requested: string) {
  return {
    protocolVersion: VERSIONS_2025.includes(requested) ? requested : VERSIONS_2025[0],
    capabilities,
    serverInfo,
    ...(instructions !== undefined && { instructions }),
  };
}

async function respond(request: JsonRpcMessage, handle: Handle | undefined): Promise<JsonRpcMessage> {
  const { id = 0, params = {} } = request;
  try {
    if (!handle) throw new RpcError(METHOD_NOT_FOUND, 'Method not found');
    if (!hasValidParams(request)) throw new RpcError(INVALID_PARAMS, 'Invalid params');
    return { jsonrpc: '2.0', id, result: (await handle(params)) as Params };
  } catch (error) {
    if (error instanceof RpcError) return errorOf(id, error);
    throw error;
  }
}

function hasValidParams(request: JsonRpcMessage): boolean {
  const method = String(request.method);
  if (!Object.hasOwn(REQUESTS, method)) return true;
  return REQUESTS[method as keyof typeof REQUESTS].safeParse(request).success;
}

export function hasAnswerShape(method: AskRequest['method'], value: unknown): boolean {
  if (method === 'elicitation/create') return sdk.ElicitResultSchema.safeParse(value).success;
  if (method === 'sampling/createMessage') return sdk.CreateMessageResultSchema.safeParse(value).success;
  return sdk.ListRootsResultSchema.safeParse(value).success;
}

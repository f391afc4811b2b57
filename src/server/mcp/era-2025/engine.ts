/** The only file that knows `@modelcontextprotocol/sdk`: one fresh `Server` per request, never used twice. */
import { Server } from '@modelcontextprotocol/sdk/server/index.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import * as sdk from '@modelcontextprotocol/sdk/types.js';
import { AjvJsonSchemaValidator } from '@modelcontextprotocol/sdk/validation/ajv';
import { type Cancellation, INVALID_PARAMS, type Params, RpcError } from '../calls/call.js';
import type { JsonRpcMessage } from '../envelope/message.js';
import type { Introduction } from '../definitions/server-info.js';
import type { AskRequest } from '../definitions/tool.js';

/** Answers with the result, or throws an {@link RpcError}. */
export type Handle = (params: Params) => unknown;

export type Engine = ReturnType<typeof createEngine>;

const REQUESTS = {
  initialize: sdk.InitializeRequestSchema,
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

export function createEngine({ serverInfo, capabilities, instructions }: Introduction) {
  const implementation = serverInfo as sdk.Implementation; // the SDK's type has no readonly lists
  // Shared: an Ajv of its own is most of what a fresh Server costs.
  const options = {
    capabilities: capabilities as sdk.ServerCapabilities,
    jsonSchemaValidator: new AjvJsonSchemaValidator(),
    ...(instructions !== undefined && { instructions }),
  };
  return {
    /**
     * The JSON-RPC answer to a request. Without `handle` the engine answers what it knows (`initialize`, `ping`) and
     * `-32601` for the rest. `undefined` when it is cancelled: a cancelled request gets no answer.
     */
    answer: (request: JsonRpcMessage, handle: Handle | undefined, cancellation: Cancellation) => {
      const server = new Server(implementation, options);
      // The built-in handlers would answer malformed parameters with -32603 and zod's messages.
      const own = hasValidParams(request) ? handle : refuseParams;
      if (own) {
        server.removeRequestHandler(String(request.method));
        server.fallbackRequestHandler = async ({ params }) => (await own(params ?? {})) as sdk.Result;
      }
      return exchange(server, withoutTask(request), cancellation);
    },
  };
}

/** The server is not closed afterwards: it holds nothing, and closing it would only create errors that nobody reads. */
function exchange(
  server: Server,
  request: JsonRpcMessage,
  cancellation: Cancellation,
): Promise<JsonRpcMessage | undefined> {
  return new Promise<JsonRpcMessage | undefined>((resolve, reject) => {
    const transport: Transport = {
      start: async () => {},
      send: async (message) => resolve(message as JsonRpcMessage),
      close: async () => {},
    };
    cancellation.onCancel(() => resolve(undefined));
    server.connect(transport).then(() => transport.onmessage?.(request as sdk.JSONRPCMessage), reject);
  });
}

function hasValidParams(request: JsonRpcMessage): boolean {
  const method = String(request.method);
  if (!Object.hasOwn(REQUESTS, method)) return true;
  return REQUESTS[method as keyof typeof REQUESTS].safeParse(request).success;
}

function refuseParams(): never {
  throw new RpcError(INVALID_PARAMS, 'Invalid params');
}

/** A server without tasks ignores that a call asks for one (MCP 2025-11-25, tasks, capability negotiation). */
function withoutTask(request: JsonRpcMessage): JsonRpcMessage {
  if (request.params?.['task'] === undefined) return request;
  const { task: _, ...params } = request.params;
  return { ...request, params };
}

export function hasAnswerShape(method: AskRequest['method'], value: unknown): boolean {
  if (method === 'elicitation/create') return sdk.ElicitResultSchema.safeParse(value).success;
  if (method === 'sampling/createMessage') return sdk.CreateMessageResultSchema.safeParse(value).success;
  return sdk.ListRootsResultSchema.safeParse(value).success;
}

/**
 * All that this era uses of the SDK, by its public exports: schemas that check requests, and the seal of the request state.
 * We make the answers ourselves, so that no object of the SDK carries data from one request to the next.
 */
import {
  createRequestStateCodec,
  isSpecType,
  preloadSchemas,
  type SubscriptionFilter,
} from '@modelcontextprotocol/server';
import {
  type Cancellation,
  INVALID_PARAMS,
  METHOD_NOT_FOUND,
  type Params,
  type Result,
  RpcError,
} from '../calls/call.js';
import type { SharedMethod } from '../calls/handlers.js';
import { RefusedRequest } from '../../refusal.js';
import type { JsonRpcMessage } from '../envelope/message.js';
import type { Introduction } from '../definitions/server-info.js';
import type { AskRequest } from '../definitions/tool.js';

/**
 * How long clients may keep an answer, and for whom (MCP 2026-07-28, caching).
 *
 * Lists depend on the caller's scopes, so all but discovery are `private`. They change with a deployment or with the scopes
 * of a key: a minute is a short delay and saves a client from fetching the list before each call. An outdated list grants
 * nothing, since every call is checked. Documents may change at any time without notice, so their lists and contents are
 * stale at once.
 */
const CACHE_HINTS = {
  'server/discover': { ttlMs: 600_000, cacheScope: 'public' },
  'tools/list': { ttlMs: 60_000, cacheScope: 'private' },
  'prompts/list': { ttlMs: 60_000, cacheScope: 'private' },
  'resources/templates/list': { ttlMs: 60_000, cacheScope: 'private' },
  'resources/list': { ttlMs: 0, cacheScope: 'private' },
  'resources/read': { ttlMs: 0, cacheScope: 'private' },
} as const;

type Method = SharedMethod | 'server/discover';

const REQUESTS: Readonly<Record<Method, (message: unknown) => boolean>> = {
  'server/discover': isSpecType.DiscoverRequest,
  'tools/list': isSpecType.ListToolsRequest,
  'tools/call': isSpecType.CallToolRequest,
  'resources/list': isSpecType.ListResourcesRequest,
  'resources/templates/list': isSpecType.ListResourceTemplatesRequest,
  'resources/read': isSpecType.ReadResourceRequest,
  'prompts/list': isSpecType.ListPromptsRequest,
  'prompts/get': isSpecType.GetPromptRequest,
  'completion/complete': isSpecType.CompleteRequest,
};

/** Answers with the result, or throws. */
export type Handle = (params: Params) => Promise<Result>;

export type Engine = ReturnType<typeof createEngine>;

export function createEngine(
  { serverInfo, capabilities, instructions }: Introduction,
  supportedVersions: readonly string[],
) {
  preloadSchemas(); // otherwise the first request waits for it
  const discovery = { supportedVersions, capabilities, ...(instructions !== undefined && { instructions }) };
  /** Servers SHOULD identify themselves in every result (MCP 2026-07-28, `_meta`). */
  const META = { 'io.modelcontextprotocol/serverInfo': serverInfo };

  return {
    /**
     * The JSON-RPC answer to a request, or `undefined` once it is cancelled. Without `handle` the engine answers only
     * `server/discover`.
     *
     * @throws whatever the handler throws
     * @throws {RpcError} `-32602` for parameters that are not valid
     * @throws {RefusedRequest} `not_found` for a method that is not served
     */
    async answer(
      message: JsonRpcMessage,
      handle: Handle | undefined,
      cancellation: Cancellation,
    ): Promise<JsonRpcMessage | undefined> {
      const { id = 0, method = '', params = {} } = message;
      const run = handle ?? (method === 'server/discover' ? async () => discovery : undefined);
      if (!run) throw methodNotFound();
      if (Object.hasOwn(REQUESTS, method) && !REQUESTS[method as Method](message))
        throw new RpcError(INVALID_PARAMS, 'Invalid params');
      const result = await cancellation.race(run(params));
      if (!result) return undefined;
      const _meta = { ...(result['_meta'] as object), ...META };
      return { jsonrpc: '2.0', id, result: { ...toWire(method, result), _meta } };
    },
  };
}

/** Streamable HTTP, protocol version header: a method that is not implemented MUST be 404 and `-32601`. */
function methodNotFound(): RefusedRequest {
  return new RefusedRequest('not_found', { rpcCode: METHOD_NOT_FOUND, message: 'Method not found' });
}

/** Adds what every result must state: its type and, if it is complete, how long it may be cached. */
function toWire(method: string, result: Result): Result {
  if (result['resultType'] !== undefined) return result; // a question to the client
  return { ...result, resultType: 'complete', ...CACHE_HINTS[method as keyof typeof CACHE_HINTS] };
}

export function hasAnswerShape(method: AskRequest['method'], value: unknown): boolean {
  if (method === 'elicitation/create') return isSpecType.ElicitResult(value);
  if (method === 'sampling/createMessage') return isSpecType.CreateMessageResult(value);
  return isSpecType.ListRootsResult(value);
}

export function isSubscriptionFilter(value: unknown): value is SubscriptionFilter {
  return isSpecType.SubscriptionFilter(value);
}

export type { SubscriptionFilter };

/** The first key seals, all open, so that keys can be rotated while rounds are open. */
export function createSeal<T>(keys: readonly Uint8Array[], ttlS: number) {
  const codecs = keys.map((key) => createRequestStateCodec<T>({ key, ttlSeconds: ttlS }));
  const [first] = codecs;
  if (!first) throw new TypeError('at least one key is needed to seal request state');
  return {
    seal: (payload: T) => first.mint(payload),
    /** @throws {Error} when no key opens it or its time is over */
    open: (sealed: string) => Promise.any(codecs.map((codec) => codec.verify(sealed, undefined as never))),
  };
}

/**
 * All that this era takes from the SDK, on its public exports only: the revision's schemas and encoding, and the seal
 * of the request state. Every request gets a `Server` of its own, so that nothing of one caller can reach the next.
 */
import {
  createRequestStateCodec,
  type Implementation,
  isSpecType,
  type JSONRPCMessage,
  type JSONRPCRequest,
  PerRequestHTTPServerTransport,
  preloadSchemas,
  Server,
  type ServerCapabilities,
  type SubscriptionFilter,
} from '@modelcontextprotocol/server';
import { AjvJsonSchemaValidator } from '@modelcontextprotocol/server/validators/ajv';
import type { Cancellation, Params, Result } from '../calls/call.js';
import type { JsonRpcMessage } from '../envelope/message.js';
import type { Introduction } from '../definitions/server-info.js';
import type { AskRequest } from '../definitions/tool.js';
/**
 * How long clients may keep an answer, and for whom (MCP 2026-07-28, caching).
 *
 * Lists differ with the caller's scopes, so all but discovery are `private`. They change with a deployment or with the
 * scopes of a key: a minute is a short wait for the news and spares a client the list before each call; a list that
 * is out of date grants nothing, since every call is checked again. Documents may change at any time, and nothing
 * tells us: what shows them is stale at once.
 */
const CACHE_HINTS = {
  'server/discover': { ttlMs: 600_000, cacheScope: 'public' },
  'tools/list': { ttlMs: 60_000, cacheScope: 'private' },
  'prompts/list': { ttlMs: 60_000, cacheScope: 'private' },
  'resources/templates/list': { ttlMs: 60_000, cacheScope: 'private' },
  'resources/list': { ttlMs: 0, cacheScope: 'private' },
  'resources/read': { ttlMs: 0, cacheScope: 'private' },
} as const;

/** Answers with the result, or throws. */
export type Handle = (params: Params) => Promise<Result>;

interface EngineRequest {
  readonly message: JsonRpcMessage;
  readonly protocolVersion: string;
  /** What answers the method; without one the engine answers what it knows itself (`server/discover`). */
  readonly handle: Handle | undefined;
  readonly cancellation: Cancellation;
}

export interface EngineAnswer {
  readonly message: JsonRpcMessage;
  /** Where an error comes from: no such method here, bad params, our handler, or a result that breaks the schema. */
  readonly origin: 'dispatch' | 'params' | 'handler' | 'result';
}

export type Engine = ReturnType<typeof createEngine>;

export function createEngine(
  { serverInfo, capabilities, instructions }: Introduction,
  versions: readonly string[],
) {
  preloadSchemas(); // else the first request would pay for it
  const options = {
    capabilities: capabilities as ServerCapabilities,
    supportedProtocolVersions: [...versions],
    jsonSchemaValidator: new AjvJsonSchemaValidator(), // one for all: its own would cost each `Server` an Ajv
    cacheHints: CACHE_HINTS,
    ...(instructions !== undefined && { instructions }),
  };

  return {
    /**
     * Answers one request; `undefined` when it was cancelled first. The server is never closed: it holds nothing, is
     * used once, and to close it would make errors that nobody sees.
     */
    answer: (request: EngineRequest) => exchange(new Server(serverInfo as Implementation, options), request),
  };
}

function exchange(server: Server, request: EngineRequest): Promise<EngineAnswer | undefined> {
  const { message, protocolVersion, handle, cancellation } = request;
  let origin: EngineAnswer['origin'] = 'dispatch';
  if (handle) {
    // The name only chooses the schema of the params; the result is checked when it is encoded.
    server.setRequestHandler(message.method as 'completion/complete', async ({ params }) => {
      origin = 'handler';
      const result = await handle(params);
      origin = 'result';
      return result as never;
    });
  }
  return new Promise((resolve, reject) => {
    if (cancellation.isCancelled) return resolve(undefined);
    cancellation.onCancel(() => resolve(undefined));
    const transport = new Exchange(protocolVersion, (sent) => resolve({ message: sent, origin }));
    const deliver = () => {
      transport.deliver(message);
      origin = 'params'; // what the dispatch refuses, it refuses at once; handlers run later
    };
    server.connect(transport).then(deliver).catch(reject);
  });
}

/** `Server.connect` binds the revision only for this class; of its HTTP parts none is used. */
class Exchange extends PerRequestHTTPServerTransport {
  constructor(
    private readonly revision: string,
    private readonly onSend: (message: JsonRpcMessage) => void,
  ) {
    super({ classification: { era: 'modern', revision } });
  }

  deliver(message: JsonRpcMessage): void {
    this.onmessage?.(message as JSONRPCRequest, {
      classification: { era: 'modern', revision: this.revision },
    });
  }

  override async start(): Promise<void> {}

  override async send(message: JSONRPCMessage): Promise<void> {
    this.onSend(message as JsonRpcMessage);
  }

  override async close(): Promise<void> {
    this.onclose?.();
  }
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

/** The first key seals, all open, so that keys can be changed while rounds are under way. */
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

/**
 * All that this era takes from the SDK, on its public exports only: the revision's schemas and encoding, and the seal
 * of the request state. Every request gets a `Server` of its own, so that nothing of one caller can reach the next.
 */
import {
  createRequestStateCodec,
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
import type { Cancellation } from '../call.js';
import type { JsonRpcMessage } from '../message.js';
import { serverInfo } from '../server-info.js';
import type { AskRequest } from '../tool.js';
import { CACHE_HINTS } from './cache-hints.js';

export type Params = Readonly<Record<string, unknown>>;
export type Result = Record<string, unknown>;

export interface EngineRequest {
  readonly message: JsonRpcMessage;
  readonly protocolVersion: string;
  /** What answers the method; without one the engine answers what it knows itself (`server/discover`). */
  readonly handle: ((params: Params) => Promise<Result>) | undefined;
  readonly cancellation: Cancellation;
}

export interface EngineAnswer {
  readonly message: JsonRpcMessage;
  /** Where an error comes from: no such method here, bad params, our handler, or a result that breaks the schema. */
  readonly origin: 'dispatch' | 'params' | 'handler' | 'result';
}

export interface Engine {
  /** Answers one request; `undefined` when it was cancelled first. */
  answer(request: EngineRequest): Promise<EngineAnswer | undefined>;
}

export function createEngine(
  capabilities: Readonly<Record<string, unknown>>,
  versions: readonly string[],
): Engine {
  preloadSchemas(); // else the first request would pay for it
  const options = {
    capabilities: capabilities as ServerCapabilities,
    supportedProtocolVersions: [...versions],
    jsonSchemaValidator: new AjvJsonSchemaValidator(), // one for all: its own would cost each `Server` an Ajv
    cacheHints: CACHE_HINTS,
  };

  return {
    // Never closed: it holds nothing, is used once, and to close it would make errors that nobody sees.
    answer: (request) => exchange(new Server(serverInfo, options), request),
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

export interface Seal<T> {
  seal(payload: T): Promise<string>;
  /** @throws {Error} when no key opens it or its time is over */
  open(sealed: string): Promise<T>;
}

/** The first key seals, all open, so that keys can be changed while rounds are under way. */
export function createSeal<T>(keys: readonly Uint8Array[], ttlS: number): Seal<T> {
  const codecs = keys.map((key) => createRequestStateCodec<T>({ key, ttlSeconds: ttlS }));
  const [first] = codecs;
  if (!first) throw new TypeError('at least one key is needed to seal request state');
  return {
    seal: (payload) => first.mint(payload),
    open: (sealed) => Promise.any(codecs.map((codec) => codec.verify(sealed, undefined as never))),
  };
}

/** One call, for both eras: its caller, how to reach its client, and how it may fail. */
import type { Caller } from '../../identity/caller.js';
import type { WatchCredential } from '../../identity/standings.js';
import type { AuditTrail } from '../../observe/audit-record.js';
import type { RefusedRequest } from '../../refusal.js';
import type { UnsentPart } from '../exchange/unsent-answers.js';
import type { JsonRpcMessage } from '../envelope/message.js';
import type { CompiledTool } from '../definitions/catalog.js';
import type { AskByUrl, AskRequest, LogLevel, Sent } from '../definitions/tool.js';

export type Params = Readonly<Record<string, unknown>>;
export type Result = Record<string, unknown>;

/** One request on its way to a definition. Its era implements what reaches the client. */
export interface Call {
  readonly caller: Caller;
  readonly requestId: string;
  readonly audit: Pick<AuditTrail, 'received' | 'note'>;
  /** Fires when the client cancels the request or, in the 2026 era, disconnects. */
  readonly cancellation: Cancellation;
  /** For what goes on after the answer; absent over stdio, which has no credential. */
  readonly watchCredential?: WatchCredential;
  /** Counts the result until it is the answer; absent over stdio, where a process has a single client. */
  readonly made?: Pick<UnsentPart, 'take'>;
  /** Sends a log notification, if the client's minimum level lets it through. */
  log(level: LogLevel, data: unknown): Sent;
  /** Sends a progress notification, if the request carried a progress token. */
  progress(done: number, total?: number, message?: string): Sent;
  canAsk(method: AskRequest['method'], mode?: 'form' | 'url'): boolean;
  /** @throws {MissingCapability} @throws {InputRequired} in the 2026 era, when the answer comes with a later request */
  ask(key: string, request: AskRequest): Promise<unknown>;
  /** The error that sends the user to a URL; absent where the revision has none. @throws {MissingCapability} */
  urlRequired?(request: AskByUrl): RpcError;
  /** Tells that what an `ask` by URL started is done; absent where the revision has no notification for it. */
  completed?(key: string): Sent;
  /** The answer that a round of this request brought to a question. */
  given?(key: string, request: AskRequest): unknown;
  /** How long the tool may run, in milliseconds, where it is not `TOOL_TIMEOUT_MS`. */
  readonly timeoutMs?: number;
  /** Runs the tool on after the answer, for a client that declared the extension `tasks`. The answer is a handle. */
  asTask?(tool: CompiledTool, call: Call, run: (call: Call) => Promise<object>): Promise<Result>;
}

/** Tells once that the call is cancelled. Cheaper than an `AbortSignal`, which costs as much as a layer to create. */
export class Cancellation {
  readonly #listeners: (() => void)[] = [];
  #isCancelled = false;
  /** What the client is answered, where somebody else cancelled. */
  refusal: RefusedRequest | undefined;

  get isCancelled(): boolean {
    return this.#isCancelled;
  }

  cancel(refusal?: RefusedRequest): void {
    this.refusal ??= refusal;
    this.#isCancelled = true;
    for (const listener of this.#listeners.splice(0)) listener();
  }

  /** Calls back once; immediately if already cancelled. */
  onCancel(listener: () => void): void {
    if (this.#isCancelled) listener();
    else this.#listeners.push(listener);
  }

  /** The outcome of the work, or `undefined` as soon as the call is cancelled. */
  race<T>(work: Promise<T>): Promise<T | undefined> {
    return new Promise((resolve, reject) => {
      this.onCancel(() => resolve(undefined));
      work.then(resolve, reject);
    });
  }
}

/** A JSON-RPC error as the answer to a request; the message and data reach the client. */
export class RpcError extends Error {
  override readonly name = 'RpcError';
  constructor(
    readonly code: number,
    message: string,
    readonly data?: Readonly<Record<string, unknown>>,
  ) {
    super(message);
  }
}

/** An error as a message (JSON-RPC 2.0 §5.1). */
export function errorOf(id: string | number, { code, message, data }: RpcError): JsonRpcMessage {
  return { jsonrpc: '2.0', id, error: { code, message, ...(data && { data }) } };
}

export const METHOD_NOT_FOUND = -32601;
export const INVALID_PARAMS = -32602;
export const INTERNAL_ERROR = -32603;
/** `URLElicitationRequiredError` of MCP 2025-11-25. */
export const URL_REQUIRED = -32042;

/** What a client may know about an unexpected error; the log has the rest, under the request id. */
export function internalError(requestId: string): RpcError {
  return new RpcError(INTERNAL_ERROR, `Internal error (request ${requestId})`);
}

/** Unwinds a handler whose `ask` is answered by a later request (2026-07-28, multi round-trip requests). */
export class InputRequired extends Error {
  override readonly name = 'InputRequired';
}

/** Runs a tool, resource or prompt: makes its context, limits its time, maps its errors. */
import type { Caller } from '../../identity/caller.js';
import type { Logger } from '../../observe/logger.js';
import type { Change } from '../../stores/types.js';
import {
  type Call,
  type Cancellation,
  InputRequired,
  internalError,
  INTERNAL_ERROR,
  INVALID_PARAMS,
  RpcError,
} from './call.js';
import { NO_GRANTS } from '../definitions/grants.js';
import { isByUrl } from './client-questions.js';
import { type Clock, startClock } from './clock.js';
import { tooLarge } from './require-result.js';
import { requireSafeUrl, type UrlRules } from './safe-url.js';
import { sendToUrls } from './url-required.js';
import { followed } from './stray-errors.js';
import { RefusedRequest } from '../../refusal.js';
import {
  type Grants,
  MissingCapability,
  type ToolContext,
  ToolError,
  type Services,
  type Settings,
} from '../definitions/tool.js';

export interface RunOptions {
  readonly settings: Settings;
  readonly services: Services;
  readonly publish: (change: Change) => void;
  readonly logger: Logger;
  /** How long a handler may run, not counting the time an `ask` waits. */
  readonly timeoutMs: number;
  /** Largest result in bytes of JSON; a larger one is replaced by an error. */
  readonly maxResultBytes: number;
  /** Where an `ask` may send a user. */
  readonly urls: UrlRules;
  /** Absent where users connect nothing. */
  readonly grantsOf?: ((caller: Caller) => Grants) | undefined;
}

/**
 * @throws {RpcError} `-32602` with the author's words for a `ToolError`; `-32603` for any other failure, its detail
 * logged under the request id
 * @throws {RefusedRequest} {InputRequired} {MissingCapability} unchanged: the eras answer them
 */
export async function runDefinition<T>(
  call: Call,
  options: RunOptions,
  run: (context: ToolContext) => Promise<T> | T,
): Promise<T> {
  const end = createEnd(call.cancellation);
  const clock = startClock(options.timeoutMs, () =>
    end.abort(new RpcError(INTERNAL_ERROR, 'The call took too long')),
  );
  const context = createContext(call, options, clock, end);
  /** After the end of the call only the log learns of the error. */
  const onStray = (error: unknown) => end.abort(toPublicError(error, call, options));
  try {
    // The race answers in time even when the handler ignores its signal.
    return await Promise.race([
      followed(onStray, () => sendToUrls(run, context, call, options.urls)),
      end.aborted,
    ]);
  } catch (error) {
    throw toPublicError(error, call, options);
  } finally {
    clock.stop();
    end.isOver = true;
  }
}

function createContext(call: Call, options: RunOptions, clock: Clock, end: End): ToolContext {
  return {
    caller: call.caller,
    settings: options.settings,
    services: options.services,
    requestId: call.requestId,
    get signal() {
      return end.signal();
    },
    // No notification may follow the answer, even if the handler left work running.
    log: (level, data) => {
      if (!end.isOver && !WITHOUT_JSON.has(typeof data)) return call.log(level, data);
    },
    progress: (done, total, message) => {
      if (!end.isOver) return call.progress(done, total, message);
    },
    canAsk: (method, mode) => call.canAsk(method, mode),
    completed: (key) => {
      if (!end.isOver) return call.completed?.(key);
    },
    ask: (key, request) => {
      const answer = clock.pausedWhile(async () => {
        if (isByUrl(request)) requireSafeUrl(request.params.url, call.caller, options.urls);
        return call.ask(key, request);
      });
      answer.catch(() => {}); // a handler that ends before it awaits every ask must not end the process too
      return answer as never; // the type of an answer follows its request; the eras have checked its shape
    },
    get grants() {
      return options.grantsOf?.(call.caller) ?? NO_GRANTS;
    },
    changed: options.publish,
  };
}

/** These have no JSON, and a log notification without data is invalid. */
const WITHOUT_JSON: ReadonlySet<string> = new Set(['undefined', 'function', 'symbol']);

const PUBLIC = [RpcError, InputRequired, MissingCapability, RefusedRequest];

function toPublicError(error: unknown, call: Call, options: RunOptions): unknown {
  if (error instanceof ToolError) return ownWords(error, options);
  if (PUBLIC.some((kind) => error instanceof kind) || call.cancellation.isCancelled) return error;
  options.logger.error({ err: error, requestId: call.requestId }, 'a definition failed');
  return internalError(call.requestId);
}

function ownWords({ message }: ToolError, { maxResultBytes }: RunOptions): RpcError {
  if (Buffer.byteLength(JSON.stringify(message)) > maxResultBytes) return tooLarge(maxResultBytes);
  return new RpcError(INVALID_PARAMS, message);
}

type End = ReturnType<typeof createEnd>;

/** Ends a run early. `AbortSignal.any` would do the same, but costs as much as the rest of a call. */
function createEnd(cancellation: Cancellation) {
  const controller = new AbortController(); // its signal is created lazily
  let reject: (error: unknown) => void = () => {};
  const aborted = new Promise<never>((_, no) => (reject = no));
  aborted.catch(() => {}); // it may reject before the race begins
  const abort = (reason?: unknown) => {
    controller.abort(reason);
    reject(reason ?? new RpcError(INTERNAL_ERROR, 'The call was cancelled'));
  };
  cancellation.onCancel(abort);
  return { aborted, abort, isOver: false, signal: () => controller.signal };
}
